"""What every routes.py is written with: caller, paging, errors, streaming, limits."""
