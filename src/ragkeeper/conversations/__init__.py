"""Chats: turns, history and how long they are kept."""
