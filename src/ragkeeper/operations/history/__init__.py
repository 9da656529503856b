"""The server's own memory of its figures: no other program is needed to look back."""
