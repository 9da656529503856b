"""The index built anew beside the one that serves, for the same embedding model or another, and undone."""
