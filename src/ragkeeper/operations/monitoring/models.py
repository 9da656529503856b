"""What the files for Prometheus, Alertmanager and Grafana are made for, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.operations.alerts.expressions import Span
from ragkeeper.operations.alerts.models import Alert

SCRAPE_SECONDS, GLOBAL_SECONDS = 30.0, 15.0
_SHORTEST = 0.25
# Rates need two scrapes in their window; four allow for one that is lost.
_SCRAPES = 4


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail leaves. secure: TLS from the first byte; else it begins when the server offers it."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who is told; empty: nobody. The values are secrets."""

    mail: Mail | None = None
    webhook_url: str = ""
    slack_url: str = ""
    pagerduty_key: str = ""
    heartbeat_url: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        given = {
            "pagerduty": self.pagerduty_key,
            "slack": self.slack_url,
            "mail": self.mail,
            "webhook": self.webhook_url,
        }
        return tuple(name for name, value in given.items() if value)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the files say.

    targets: job and `host:port` of what Prometheus reads. metrics_token: empty where the servers ask for none.
    time_scale: below 1 for rehearsals: all waits and windows are that much shorter. seen_at: the folder's path on the
    machine that reads the files.
    """

    alerts: tuple[Alert, ...]
    targets: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    alertmanager: str
    receivers: Receivers
    runbooks: str
    seen_at: Path
    metrics_token: str = ""
    time_scale: float = 1.0

    @property
    def scrape_seconds(self) -> float:
        return max(SCRAPE_SECONDS * self.time_scale, _SHORTEST)

    @property
    def span(self) -> Span:
        return Span(self.time_scale, _SCRAPES * self.scrape_seconds)

    def scaled(self, seconds: float) -> float:
        """A wait; a rehearsal's is never quite nothing."""
        return max(seconds * self.time_scale, _SHORTEST) if seconds else 0


@dataclass(frozen=True, slots=True)
class File:
    """secret: only its owner may read it."""

    text: str
    secret: bool = False


Files = Mapping[str, File]
"""By path below the folder."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What an export would change. foreign: files in its way that it did not write, or that were changed since."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.new or self.changed or self.gone or self.foreign)
