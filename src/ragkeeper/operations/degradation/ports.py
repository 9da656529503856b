"""What degradation needs to know of the parts of the server, and whom it tells."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ragkeeper.core.access import Caller
from ragkeeper.operations.degradation.models import Seen

Observe = Callable[[], Awaitable[Sequence[Seen]]]
"""What is missing now. Must not raise."""


class Audit(Protocol):
    """Where acts of administrators are kept."""

    async def record(self, caller: Caller, action: str, subject: str, **details: Any) -> None:
        """Raises NotWritten."""
        ...
