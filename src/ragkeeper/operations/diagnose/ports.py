"""What a diagnosis needs of the installation it looks at."""

from collections.abc import Sequence
from typing import Protocol

from ragkeeper.operations.diagnose.models import (
    Allocation,
    Answer,
    Database,
    Evidence,
    Host,
    Remembered,
    Sample,
    SlowStatement,
    Verdict,
)


class Installation(Protocol):
    """Looked at from outside; none of these starts a server."""

    def host(self) -> Host: ...

    def answer(self) -> Answer:
        """Make a search whose answer is known. Never raises for a server that does not answer."""

    def remembered(self) -> Remembered | None:
        """None where no server answers."""

    def database(self, statements: Sequence[SlowStatement]) -> Database: ...

    def sample(self) -> Sample:
        """Raises ServerNotRunning."""

    def evidence(self) -> Evidence: ...

    def trace(self, seconds: float) -> None:
        """Begin to follow allocations, or take a new start for the comparison. Raises what asking the server raises.

        seconds: until they are compared; the server ends it by itself some minutes after that.
        """

    def grown(self) -> Sequence[Allocation]: ...

    def end_trace(self) -> None: ...

    def verdict(self, samples: Sequence[Sample]) -> Verdict | None:
        """None where there are too few."""
