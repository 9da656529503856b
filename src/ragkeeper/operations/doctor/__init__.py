"""What is wrong with this installation, why it matters, and what to type; with or without a server."""
