"""Where data lives: SQL, cache, vectors, files."""
