"""What an export is made for, from settings. No I/O."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ragkeeper.core.settings import Settings
from ragkeeper.operations.alerts.expressions import JOB
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts, parsed_thresholds
from ragkeeper.operations.monitoring.errors import MailUnusable
from ragkeeper.operations.monitoring.models import Mail, Plan, Receivers

_PORTS = {"smtp": 587, "smtps": 465}
_SENDER = "ragkeeper@localhost"


def scene(settings: Settings, targets: Sequence[tuple[str, str]] = ()) -> Scene:
    """Raises ThresholdUnusable."""
    return Scene(
        tuple(targets), settings.alert_paths, parsed_thresholds(settings.alert_thresholds), settings.alert_owner
    )


def plan(
    settings: Settings,
    targets: Sequence[str],
    exporters: Sequence[tuple[str, str]],
    alertmanager: str,
    seen_at: Path,
    time_scale: float = 1.0,
) -> Plan:
    """targets: `host:port` of each server; exporters: job and address of what else Prometheus reads.

    Raises ThresholdUnusable, MailUnusable.
    """
    every = (*((JOB, target) for target in targets), *exporters)
    return Plan(
        alerts=alerts(scene(settings, every)),
        targets=every,
        paths=settings.alert_paths,
        alertmanager=alertmanager,
        receivers=receivers(settings),
        runbooks=settings.runbook_url,
        seen_at=seen_at,
        metrics_token=settings.metrics_token.get_secret_value(),
        time_scale=time_scale,
    )


def receivers(settings: Settings) -> Receivers:
    """Raises MailUnusable."""
    return Receivers(
        mail=_mail(settings) if settings.alert_mail_to else None,
        webhook_url=settings.alert_webhook_url.get_secret_value(),
        slack_url=settings.alert_slack_url.get_secret_value(),
        pagerduty_key=settings.alert_pagerduty_key.get_secret_value(),
        heartbeat_url=settings.alert_heartbeat_url.get_secret_value(),
    )


def told_by_server(settings: Settings) -> tuple[str, ...]:
    """The ways by which the server itself tells people; none where they are not set up as they should be."""
    try:
        found = receivers(settings)
    except MailUnusable:
        return ()
    return tuple(name for name in found.names if name in {"mail", "webhook"})


def _mail(settings: Settings) -> Mail:
    address = settings.smtp_url.get_secret_value()
    if not address:
        raise MailUnusable(reason="RAG_ALERT_MAIL_TO is set and it is not")
    parts = urlsplit(address)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise MailUnusable(reason=str(error)) from error
    if parts.scheme not in _PORTS or not host:
        raise MailUnusable(reason="it is no address of a mail server")
    return Mail(
        to=settings.alert_mail_to,
        sender=settings.alert_mail_from or _SENDER,
        host=host,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        secure=parts.scheme == "smtps",
    )
