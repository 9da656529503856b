"""The search index, written and read."""
