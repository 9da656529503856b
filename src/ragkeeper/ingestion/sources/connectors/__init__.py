"""One way to walk through each kind of place."""
