"""What is asked of the server, chosen by the seed alone: never by what the server answered, so that it comes again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.faults.harness import chance, texts
from tests.faults.harness.texts import Content

FOLDERS = [f"hall{n}" for n in range(6)]
PLACES = [f"paper{n}" for n in range(8)]
NAMES = [f"{folder}/note{n}" for folder in FOLDERS for n in range(16)]
_REUSED = 0.06


class Act(Enum):
    PUT = "put"  # a new document, or a new version where the name is taken
    DELETE = "delete"
    DELETE_MANY = "delete many"
    DELETE_FOLDER = "delete by filter"
    DRY_RUN = "dry run"
    CANCEL = "cancel"
    RETRY = "retry"
    RETRY_FAILED = "retry failed"
    PAUSE = "pause"
    RESUME = "resume"
    SEARCH = "search"
    ASK = "ask"
    STREAM = "ask, streamed"
    MESSAGES = "read a conversation"
    FORGET = "delete a conversation"
    CHUNKS = "list chunks"
    CONTENT = "read text"
    LIST = "list documents"
    JOBS = "list jobs"
    FILE = "a file in the source's folder"
    NO_FILE = "no file there any more"
    SYNC = "synchronise the source"
    SYNC_DRY = "say what that would do"


_WEIGHTS = {
    Act.PUT: 44,
    Act.DELETE: 9,
    Act.DELETE_MANY: 2,
    Act.DELETE_FOLDER: 1,
    Act.DRY_RUN: 1,
    Act.CANCEL: 3,
    Act.RETRY: 2,
    Act.RETRY_FAILED: 1,
    Act.PAUSE: 1,
    Act.RESUME: 2,
    Act.SEARCH: 12,
    Act.ASK: 5,
    Act.STREAM: 2,
    Act.MESSAGES: 3,
    Act.FORGET: 1,
    Act.CHUNKS: 3,
    Act.CONTENT: 3,
    Act.LIST: 2,
    Act.JOBS: 2,
    Act.FILE: 7,
    Act.NO_FILE: 2,
    Act.SYNC: 4,
    Act.SYNC_DRY: 1,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """names: what it concerns; content: what is put, or searched and asked for; number: where in the run it stands."""

    number: int
    act: Act
    names: tuple[str, ...]
    content: Content


def operations(seed: int, life: int, count: int) -> Iterator[Operation]:
    """Those of one life of the server; contents of other lives have other numbers."""
    dice = chance.dice(seed, f"life {life}")
    first = life * 10_000
    for number in range(first, first + count):
        act = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        yield Operation(number, act, tuple(_names(dice, act)), texts.make(seed, _content(dice, act, number, first)))


def _names(dice: random.Random, act: Act) -> Sequence[str]:
    if act in {Act.DELETE_FOLDER, Act.DRY_RUN}:
        folder = dice.choice(FOLDERS)
        return sorted(name for name in NAMES if name.startswith(f"{folder}/"))
    if act in {Act.FILE, Act.NO_FILE}:
        return [dice.choice(PLACES)]
    if act is Act.DELETE_MANY:
        return sorted(dice.sample(NAMES, dice.randint(2, 8)))
    return [dice.choice(NAMES)]


def _content(dice: random.Random, act: Act, number: int, first: int) -> int:
    """A put brings something new, or what another put of this life brought: two documents, one original."""
    if act is Act.FILE or (act is Act.PUT and dice.random() >= _REUSED):
        return number
    return dice.randint(first, number)
