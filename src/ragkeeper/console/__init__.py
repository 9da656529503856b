"""Web console: static pages that use the same HTTP API as every other client."""
