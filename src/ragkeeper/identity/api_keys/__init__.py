"""Keys that programs send in `X-API-Key` or as a bearer token."""
