"""What the monitoring commands need from the place where they run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ragkeeper.operations.monitoring.models import Plan


class Planner(Protocol):
    def __call__(
        self,
        targets: Sequence[str],
        exporters: Sequence[tuple[str, str]],
        alertmanager: str,
        seen_at: Path,
        time_scale: float,
    ) -> Plan:
        """targets: empty for the server that the settings describe. Raises RagkeeperError."""
        ...
