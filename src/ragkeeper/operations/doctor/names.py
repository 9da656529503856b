"""Finds every one of many names in a text, in a time that does not depend on how many there are."""

from collections.abc import Iterable, Iterator

_SPAN = tuple[int, int]


class Names:
    """shortest: characters that each of them has at least; shorter ones are not looked for."""

    def __init__(self, names: Iterable[str], shortest: int) -> None:
        self._names = frozenset(name for name in names if len(name) >= shortest)
        self._shortest = shortest
        by_start: dict[str, set[int]] = {}
        for name in self._names:
            by_start.setdefault(name[:shortest], set()).add(len(name))
        # By how they begin, the lengths that they may have: names that begin alike are mostly not of many lengths.
        self._lengths = {start: sorted(lengths, reverse=True) for start, lengths in by_start.items()}

    def hidden(self, text: str, mark: str) -> tuple[str, int]:
        """The text with `mark` in place of each, and how many places that were; those that overlap are one."""
        pieces, done, count = [], 0, 0
        for start, end in self._spans(text):
            pieces += [text[done:start], mark]
            done, count = end, count + 1
        return ("".join([*pieces, text[done:]]), count) if count else (text, 0)

    def _spans(self, text: str) -> Iterator[_SPAN]:
        """Where they stand, in order and apart."""
        begun, ended = 0, 0
        for start, end in self._found(text):
            if start >= ended:
                if ended:
                    yield begun, ended
                begun = start
            ended = max(ended, end)
        if ended:
            yield begun, ended

    def _found(self, text: str) -> Iterator[_SPAN]:
        """The longest at each place."""
        size, known = self._shortest, self._lengths
        for at in [at for at in range(len(text) - size + 1) if text[at : at + size] in known]:
            for length in known[text[at : at + size]]:
                if text[at : at + length] in self._names:
                    yield at, min(at + length, len(text))
                    break
