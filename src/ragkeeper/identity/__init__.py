"""Who is asking: users, roles, keys, sessions, audit."""
