"""Prompt to cited text: prompts, citations, streaming, refusals, extractive answers."""
