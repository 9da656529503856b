"""Writes what Prometheus, Alertmanager and Grafana need, or says what differs."""

from collections.abc import Iterator
from pathlib import Path

from ragkeeper.core.settings import Settings
from ragkeeper.operations.monitoring.alertmanager import BY_WHOLE_PATH, TLS_AT_ONCE, alertmanager_files
from ragkeeper.operations.monitoring.dashboards import dashboard_files
from ragkeeper.operations.monitoring.folder import ExportFolder
from ragkeeper.operations.monitoring.models import Difference, Files, Plan
from ragkeeper.operations.monitoring.prometheus import prometheus_files

_NOT_SET: str = Settings.model_fields["runbook_url"].default


def files(plan: Plan) -> Files:
    return {**prometheus_files(plan), **alertmanager_files(plan), **dashboard_files(plan)}


def export(plan: Plan, folder: Path, *, replace: bool = False) -> Difference:
    """Returns what was changed. Raises ForeignFiles, FolderUnusable."""
    return ExportFolder(folder).write(files(plan), replace=replace)


def check(plan: Plan, folder: Path) -> Difference:
    """What an export would change. Raises FolderUnusable."""
    return ExportFolder(folder).difference(files(plan))


def notes(plan: Plan) -> Iterator[str]:
    """What an operator should know about an export that is fine otherwise."""
    secret = sorted(name for name, file in files(plan).items() if file.secret)
    if secret:
        yield (
            f"Only their owner may read these: give them to the users that run Prometheus and Alertmanager "
            f"(chown): {', '.join(secret)}."
        )
    if any(name in secret for name in BY_WHOLE_PATH):
        yield (
            f"Alertmanager finds its secrets only by their whole path, {plan.seen_at}/secrets: after moving the folder "
            "export again; --seen-at says where it will be."
        )
    if not plan.receivers.names:
        yield (
            "Nobody is told of alerts: set RAG_ALERT_MAIL_TO, RAG_ALERT_WEBHOOK_URL, RAG_ALERT_SLACK_URL or "
            "RAG_ALERT_PAGERDUTY_KEY."
        )
    yield from _mail_notes(plan)
    if plan.runbooks == _NOT_SET:
        yield (
            f"RAG_RUNBOOK_URL is not set: alerts link to pages below {_NOT_SET}, which ragkeeper does not serve. Put "
            "docs/operate where it can be read while the server is down, and set RAG_RUNBOOK_URL to its address."
        )
    if plan.time_scale != 1:
        yield f"This is a rehearsal: every wait and window is {plan.time_scale:g} times as long as it should be."


def _mail_notes(plan: Plan) -> Iterator[str]:
    mail = plan.receivers.mail
    if mail and mail.secure and mail.port != TLS_AT_ONCE:
        yield (
            f"No mail will leave Alertmanager: it begins with TLS at port {TLS_AT_ONCE} alone, and RAG_SMTP_URL names "
            f"smtps:// and port {mail.port}. Have the mail server listen there too, or write smtp:// and a port where "
            "it offers STARTTLS. What the server itself sends is not concerned."
        )
