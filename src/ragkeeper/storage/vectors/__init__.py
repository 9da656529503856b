"""The search index: words (BM25) and vectors of chunks. Derived from SQL, and rebuilt from it at will."""
