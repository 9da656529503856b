"""Chance that comes out the same again."""

import random


def dice(seed: int, about: str) -> random.Random:
    """Chance for one purpose: what is chosen for another one does not move it."""
    return random.Random(f"{seed} {about}")  # noqa: S311 - reproducible, not secret
