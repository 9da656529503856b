"""The truth: one schema, SQLite by default, written so that PostgreSQL runs it too."""
