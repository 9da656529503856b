"""When the server will run out of room, from its own history."""
