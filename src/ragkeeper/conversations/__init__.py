"""Chats: turns, history, retention."""
