"""Who may call: users, roles, keys, sessions, and what they did."""
