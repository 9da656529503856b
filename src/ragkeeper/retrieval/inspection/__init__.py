"""`doctor index`: is everything in the index that should be, and nothing else, and is it what the documents say."""
