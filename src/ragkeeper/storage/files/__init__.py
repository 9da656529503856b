"""Originals on disk, stored once by the SHA-256 of their content, and the data folder that holds everything."""
