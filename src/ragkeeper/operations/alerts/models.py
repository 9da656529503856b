"""Alerts as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ragkeeper.core.settings import Settings
from ragkeeper.operations.alerts.conditions import Condition


class Severity(StrEnum):
    """critical: somebody is woken up; warning: somebody looks today."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule.

    summary, description: may hold `{label}` of the alert's series. hold: seconds that the condition must hold.
    page: of docs/operate. guides: the names under which the guides want it, with what they ask for. outside: only
    somebody outside of the server can see it. variant: tells rules of the same name and severity apart.
    """

    name: str
    severity: Severity
    summary: str
    description: str
    condition: Condition
    hold: float
    page: str
    guides: tuple[str, ...] = ()
    group: str = "rag-interface"
    owner: str = "operator"
    outside: bool = False
    variant: str = ""

    @property
    def id(self) -> str:
        """The name of its threshold: all rules that have it share one."""
        return f"{self.name}.{self.severity.value}"

    @property
    def title(self) -> str:
        """Its name among all rules."""
        return f"{self.id}.{self.variant}" if self.variant else self.id


USER_PATHS: tuple[str, ...] = Settings.model_fields["alert_paths"].default
"""Routes on which a person waits for an answer."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the rules are made for: the targets (job and `host:port`) that Prometheus reads, and an operator's wishes.

    thresholds: by `Name.severity`.
    """

    targets: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = USER_PATHS
    thresholds: Mapping[str, float] = field(default_factory=dict)
    owner: str = "operator"
