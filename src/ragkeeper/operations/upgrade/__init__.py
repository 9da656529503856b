"""From one version of the program to the next; for now, of its database."""
