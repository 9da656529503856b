"""What an evaluation tells while it runs."""

from typing import Protocol


class Progress(Protocol):
    def __call__(self, what: str, done: int, total: int, /) -> None:
        """`done` of `total` steps of what is being done."""
