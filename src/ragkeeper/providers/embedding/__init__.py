"""Text to vectors: one port, interchangeable implementations."""
