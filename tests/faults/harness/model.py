"""What must be true of the documents, as plain data: no server, no clock.

The harness tells the model what it asked for and what came of it. Where a server died before it answered, either
outcome is right, so a name has a set of contents that may be its newest one, and no document (None) among them. What a
look at the server shows after a restart settles which it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from tests.faults.harness.texts import Content


class Outcome(Enum):
    DONE = "done"
    REFUSED = "refused"  # an answer that says that nothing was changed
    UNSENT = "unsent"  # nobody listened
    UNKNOWN = "unknown"  # no answer, or one that does not say


Newest = Content | None


@dataclass(slots=True)
class Name:
    """possible: what its newest version may hold; visible: contents that may be shown for now.

    An older content stays visible until a newer one is readable, and so does one whose successor is broken.
    job: its last upload's job, as far as it is known; stopped: somebody may have cancelled that job.
    """

    possible: set[Newest] = field(default_factory=lambda: {None})
    visible: dict[int, Content] = field(default_factory=dict)
    document: str | None = None
    job: str | None = None
    stopped: bool = False


class Model:
    def __init__(self) -> None:
        self.names: dict[str, Name] = {}
        self.removed: list[str] = []  # ids of deleted documents, as far as they are known
        self._gone: dict[int, float] = {}

    def name(self, name: str) -> Name:
        return self.names.setdefault(name, Name())

    # --- what was asked for, and what came of it; times are the harness's own

    def putting(self, name: str, content: Content) -> None:
        """From now on the content may show, whatever the answer will be."""
        self.name(name).visible[content.number] = content
        self._gone.pop(content.number, None)

    def put(self, name: str, content: Content, outcome: Outcome) -> None:
        record = self.name(name)
        if outcome is Outcome.DONE:
            record.possible, record.stopped = {content}, False
        elif outcome is Outcome.UNKNOWN:
            record.possible = record.possible | {content}

    def deleted(self, name: str, outcome: Outcome, now: float) -> None:
        record = self.name(name)
        if outcome is Outcome.DONE:
            self._forget(name, now)
        elif outcome is Outcome.UNKNOWN:
            record.possible = record.possible | {None}

    def cancelled(self, name: str, outcome: Outcome) -> None:
        record = self.name(name)
        record.stopped = record.stopped or outcome in {Outcome.DONE, Outcome.UNKNOWN}

    def retrying(self, name: str) -> None:
        """What was cancelled before it could be read may show from now on."""
        for content in self.name(name).possible:
            if content is not None:
                self.putting(name, content)

    def settled(self, name: str, newest: Newest, shown: Newest, now: float) -> None:
        """What a look at a server with nothing left to do has shown; `shown` is what searches find of it."""
        record = self.name(name)
        numbers = set(record.visible)
        record.possible = {newest}
        record.visible = {shown.number: shown} if shown else {}
        self._bury(numbers - set(record.visible), now)
        if newest is None:
            self._forget(name, now)

    # --- what follows

    def may_show(self, number: int, asked_at: float) -> bool:
        """Whether an answer to something asked then may carry this content's text."""
        if number in self._gone:
            return asked_at <= self._gone[number]
        return number in self._visible()

    def leaks(self, numbers: Iterable[int], asked_at: float) -> list[int]:
        return sorted(number for number in numbers if not self.may_show(number, asked_at))

    @property
    def present(self) -> list[str]:
        """Names that certainly have a document."""
        return sorted(name for name, record in self.names.items() if None not in record.possible)

    @property
    def contents(self) -> dict[str, Content]:
        """Every content that some document may hold, by its hash."""
        held = [one for record in self.names.values() for one in (*record.possible, *record.visible.values()) if one]
        return {one.sha256: one for one in held}

    @property
    def buried(self) -> list[int]:
        """Contents that must not be shown any more, the latest first."""
        return sorted(self._gone, key=lambda number: self._gone[number], reverse=True)

    def _forget(self, name: str, now: float) -> None:
        record = self.names.pop(name)
        if record.document is not None:
            self.removed.append(record.document)
        self._bury(record.visible, now)

    def _visible(self) -> set[int]:
        return {number for record in self.names.values() for number in record.visible}

    def _bury(self, numbers: Iterable[int], now: float) -> None:
        """Gone, unless another name still has it."""
        left = self._visible()
        self._gone.update({number: now for number in numbers if number not in left})
