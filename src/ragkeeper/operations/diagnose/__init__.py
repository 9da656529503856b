"""Why it is slow, and whether memory leaks: looked at on the machine itself, with or without a running server."""
