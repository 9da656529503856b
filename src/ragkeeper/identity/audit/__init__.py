"""Who did what, and when: acts of administrators, recorded where they cannot be forgotten."""
