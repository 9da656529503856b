"""How the server is watched: by others, from files that are written for them, and by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.local import Place, served_at
from ragkeeper.operations.monitoring.models import Plan
from ragkeeper.operations.monitoring.rules import plan


@dataclass(frozen=True, slots=True)
class LocalPlanner:
    place: Place

    def __call__(
        self,
        targets: Sequence[str],
        exporters: Sequence[tuple[str, str]],
        alertmanager: str,
        seen_at: Path,
        time_scale: float,
    ) -> Plan:
        settings = self.place.settings()
        return plan(settings, targets or [_address(settings)], exporters, alertmanager, seen_at, time_scale)


def _address(settings: Settings) -> str:
    """Where the server is, or will be when it runs."""
    url = served_at(settings)
    if url is not None:
        return urlsplit(url).netloc
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"
