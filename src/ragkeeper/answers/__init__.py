"""One question to one answer: retrieve, generate, cite, verify, degrade, record."""
