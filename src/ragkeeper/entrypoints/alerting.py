"""How the server's own watch is put together: its alerts, and the ways by which it tells people."""

import platform

from ragkeeper.core.clock import utc_now
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.operations.alerts.channels.mail import MailChannel, MailServer
from ragkeeper.operations.alerts.channels.port import Channel
from ragkeeper.operations.alerts.channels.webhook import WebhookChannel
from ragkeeper.operations.alerts.heartbeat import Heartbeat
from ragkeeper.operations.alerts.messages import Sender
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.service import AlertService, Refresh
from ragkeeper.operations.monitoring.models import Receivers
from ragkeeper.operations.monitoring.rules import receivers, scene
from ragkeeper.storage.sql.database import Database


def assemble_alerts(
    settings: Settings, database: Database, metrics: Metrics, refresh: Refresh, failed: FailedJobs
) -> AlertService:
    """Raises ThresholdUnusable, MailUnusable."""
    told = receivers(settings)
    return AlertService(
        alerts(scene(settings)),
        _channels(told),
        database,
        metrics,
        refresh,
        utc_now,
        sender=Sender(platform.node() or "this server", settings.runbook_url),
        heartbeat=Heartbeat(told.heartbeat_url),
        failed=failed,
    )


def _channels(told: Receivers) -> list[Channel]:
    found: list[Channel] = []
    if (mail := told.mail) is not None:
        server = MailServer(mail.host, mail.port, mail.user, mail.password, mail.secure)
        found.append(MailChannel(server, mail.sender, mail.to))
    if told.webhook_url:
        found.append(WebhookChannel(told.webhook_url))
    return found
