"""Models that judge how well a passage answers a query."""
