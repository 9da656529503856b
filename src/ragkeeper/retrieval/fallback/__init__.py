"""Searching while the index is away: by words, in the truth itself."""
