"""What fits into a model's context. Counts are estimates on the safe side: the model's own tokenizer is not here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragkeeper.generation.models import Passage
from ragkeeper.generation.prompts import Turn

_CHARACTERS_PER_TOKEN = 3
_WIDE_FROM = 0x2E80
_PER_PASSAGE = 40


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """passages, history: tokens each may take in the prompt; reply: what the model may write."""

    passages: int = 6000
    history: int = 1500
    reply: int = 1000


def estimate_tokens(text: str) -> int:
    """A third of the characters, and every ideogram or syllable of a wide script for itself."""
    wide = 0 if text.isascii() else sum(ord(char) >= _WIDE_FROM for char in text)
    return wide + (len(text) - wide + _CHARACTERS_PER_TOKEN - 1) // _CHARACTERS_PER_TOKEN


def fit_passages(passages: Sequence[Passage], tokens: int) -> list[Passage]:
    """The first passages that fit together. The first one always comes, cut at its end where it alone is too long."""
    kept: list[Passage] = []
    left = tokens
    for passage in passages:
        cost = _PER_PASSAGE + estimate_tokens(passage.text)
        if cost > left and kept:
            break
        kept.append(passage if cost <= left else _cut(passage, left - _PER_PASSAGE))
        left -= cost
    return kept


def fit_history(turns: Sequence[Turn], tokens: int) -> list[Turn]:
    """The latest turns that fit together, oldest first."""
    kept: list[Turn] = []
    left = tokens
    for turn in reversed(turns):
        left -= estimate_tokens(turn.question) + estimate_tokens(turn.answer)
        if left < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _cut(passage: Passage, tokens: int) -> Passage:
    # One character is one token at most, so this fits whatever the script.
    text = passage.text[: max(tokens, 1)]
    return replace(passage, text=text, end=passage.start + len(text))
