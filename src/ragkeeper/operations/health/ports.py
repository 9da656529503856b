"""What health needs to know of the parts of the server."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ragkeeper.operations.health.models import ProbeResult

Probe = Callable[[], Coroutine[Any, Any, ProbeResult]]
"""Looks at one part. May hang or raise: the caller limits its time and takes an exception as unhealthy."""

StatusSource = Callable[[], Awaitable[dict[str, Any]]]
"""Figures about the running server, as JSON."""
