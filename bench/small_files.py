"""Ten thousand small Markdown files, each like no other, and how they are sent."""

import random

from bench import load
from bench.server import Server

DOCUMENTS = "/api/v1/documents"
_UPLOADS_AT_ONCE = 8
_SYLLABLES = ("ka", "lo", "mi", "ren", "tas", "vel", "dor", "un", "fi", "sho", "bar", "net", "il", "go", "pra", "zu")
_PARAGRAPHS = 3
_WORDS = 35


def texts(count: int, seed: int = 1) -> list[dict[str, object]]:
    """Bodies of uploads: about 700 characters, one or two chunks."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    return [_text(dice, number) for number in range(count)]


def marker(number: int) -> str:
    """A word that stands in this file alone."""
    return f"marker{number}x"


async def upload(server: Server, bodies: list[dict[str, object]]) -> load.Load:
    requests = [load.Request.of(DOCUMENTS, body) for body in bodies]
    return await load.run(server.address, server.key, requests, _UPLOADS_AT_ONCE)


def _text(dice: random.Random, number: int) -> dict[str, object]:
    paragraphs = [" ".join(_word(dice) for _ in range(_WORDS)).capitalize() + "." for _ in range(_PARAGRAPHS)]
    body = "\n\n".join(paragraphs)
    text = f"# Note {number}\n\nThis is {marker(number)}.\n\n{body}\n"
    return {"name": f"notes/{number:05}.md", "text": text, "bulk": True}


def _word(dice: random.Random) -> str:
    return "".join(dice.choices(_SYLLABLES, k=dice.randint(1, 3)))
