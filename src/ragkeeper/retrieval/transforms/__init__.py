"""What happens to a question before it is searched: one file per method."""
