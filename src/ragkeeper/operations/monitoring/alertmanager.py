"""Alertmanager's configuration: who is told of what, and what keeps silent because something else says it already.

Only receivers that are set up are written. Secrets lie in files beside it, which only their owner may read.
"""

from pathlib import PurePath
from typing import Any

from ragkeeper.operations.alerts.expressions import duration
from ragkeeper.operations.monitoring.models import File, Files, Mail, Plan
from ragkeeper.operations.monitoring.prometheus import noted

CONFIGURATION = "alertmanager.yml"
_PAGERDUTY, _SLACK, _SMTP = BY_WHOLE_PATH = ("secrets/pagerduty_key", "secrets/slack_url", "secrets/smtp_password")
TLS_AT_ONCE = 465
"""The only port at which Alertmanager begins with TLS: https://prometheus.io/docs/alerting/latest/configuration/#email_config."""
SUBJECT = "RAG Interface Alert"
_TITLE = SUBJECT + ": {{ .CommonLabels.alertname }} ({{ .Status }})"
_TEXT = (
    "{{ range .Alerts }}{{ .Labels.severity }}: {{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ .Annotations.runbook_url }}\n{{ end }}"
)
# The first keeps the second silent where all of these labels are equal.
_INHIBITIONS = (
    (("severity", "critical"), ("severity", "warning"), ("alertname", "instance", "mountpoint", "component")),
    (("alertname", "ServiceDown"), ("alertname", "InstanceDown"), ("instance",)),
    (("alertname", "DatabaseDown"), ("alertname", "PostgresDown"), ("instance",)),
    (("alertname", "DatabaseDown"), ("alertname", "FiguresStale"), ("instance",)),
    (("alertname", "ApplicationDown"), ("alertname", "FiguresMissing"), ()),
    (("alertname", "HighResponseTime"), ("alertname", "HighLatency"), ()),
)


def alertmanager_files(plan: Plan) -> Files:
    receivers = plan.receivers
    # Alertmanager takes a webhook's address from its own file only, and such addresses are often secrets.
    files = {CONFIGURATION: File(noted(_configuration(plan)), secret=bool(receivers.webhook_url))}
    if receivers.pagerduty_key:
        files[_PAGERDUTY] = File(receivers.pagerduty_key, secret=True)
    if receivers.slack_url:
        files[_SLACK] = File(receivers.slack_url, secret=True)
    if receivers.mail and receivers.mail.password:
        files[_SMTP] = File(receivers.mail.password, secret=True)
    return files


def _configuration(plan: Plan) -> dict[str, Any]:
    """Critical goes to PagerDuty and warnings to Slack, as guide 3 wants it; mail and webhook get everything."""
    critical = "pagerduty" if plan.receivers.pagerduty_key else "critical"
    warning = "slack" if plan.receivers.slack_url else "warning"
    return {
        "route": {
            "receiver": "default",
            "group_by": ["alertname", "instance"],
            "group_wait": duration(plan.scaled(10)),
            "group_interval": duration(plan.scaled(60)),
            "repeat_interval": "4h",
            "routes": [
                {"receiver": critical, "matchers": ['severity="critical"']},
                {"receiver": warning, "matchers": ['severity="warning"']},
            ],
        },
        "inhibit_rules": [_inhibition(*one) for one in _INHIBITIONS],
        "receivers": [
            {"name": "default", **_everything(plan)},
            {"name": critical, **(_pagerduty(plan) or _slack(plan)), **_everything(plan)},
            {"name": warning, **_slack(plan), **_everything(plan)},
        ],
    }


def _inhibition(source: tuple[str, str], target: tuple[str, str], equal: tuple[str, ...]) -> dict[str, Any]:
    return {
        "source_matchers": [f'{source[0]}="{source[1]}"'],
        "target_matchers": [f'{target[0]}="{target[1]}"'],
        "equal": list(equal),
    }


def _everything(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if plan.receivers.mail:
        found["email_configs"] = [_mail(plan.receivers.mail, _path(plan, _SMTP), to) for to in plan.receivers.mail.to]
    if plan.receivers.webhook_url:
        found["webhook_configs"] = [{"url": plan.receivers.webhook_url, "send_resolved": True}]
    return found


def _mail(mail: Mail, password_file: str, to: str) -> dict[str, Any]:
    signed_in = {"auth_username": mail.user, "auth_password_file": password_file} if mail.user else {}
    return {
        "to": to,
        "from": mail.sender,
        "smarthost": f"{mail.host}:{mail.port}",
        **signed_in,
        # Elsewhere it begins in the clear and asks for TLS then: required, so that no password is sent without it.
        "require_tls": (bool(mail.user) or mail.secure) and mail.port != TLS_AT_ONCE,
        "headers": {"Subject": _TITLE},
        "text": _TEXT,
        "html": "",
        "send_resolved": True,
    }


def _pagerduty(plan: Plan) -> dict[str, Any]:
    if not plan.receivers.pagerduty_key:
        return {}
    one = {
        "routing_key_file": _path(plan, _PAGERDUTY),
        "description": "{{ .CommonAnnotations.summary }}",
        "severity": "{{ .CommonLabels.severity }}",
        "details": {"runbook": "{{ .CommonAnnotations.runbook_url }}", "owner": "{{ .CommonLabels.owner }}"},
        "send_resolved": True,
    }
    return {"pagerduty_configs": [one]}


def _slack(plan: Plan) -> dict[str, Any]:
    if not plan.receivers.slack_url:
        return {}
    one = {"api_url_file": _path(plan, _SLACK), "title": _TITLE, "text": _TEXT, "send_resolved": True}
    return {"slack_configs": [one]}


def _path(plan: Plan, file: str) -> str:
    return str(PurePath(plan.seen_at) / file)
