"""Break what a running server depends on, one after another, under constant load; see `__main__.py`."""
