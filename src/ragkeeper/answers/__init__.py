"""One question to one answer: retrieve, generate or quote, cite, verify, degrade, record."""
