"""How alerts cannot be used."""

from ragkeeper.core.errors import RagkeeperError


class ThresholdUnusable(RagkeeperError):
    """The threshold {given} cannot be used: {reason}."""

    code = "setting_alert_threshold"
    status = 422
    fix = "Correct RAG_ALERT_THRESHOLDS; docs/reference/alerts.md lists every alert's name and threshold."


class NotDelivered(RagkeeperError):
    """A message could not be sent by {channel}: {reason}."""

    code = "alert_not_delivered"
    status = 502
    fix = "Correct the channel's setting (RAG_SMTP_URL, RAG_ALERT_…), then prove it with `ragkeeper monitoring test`."


class NobodyToTell(RagkeeperError):
    """No address is set that alerts are sent to."""

    code = "alert_address_missing"
    status = 409
    fix = "Set RAG_ALERT_MAIL_TO with RAG_SMTP_URL, or RAG_ALERT_WEBHOOK_URL; then restart the server."


class AlertUnknown(RagkeeperError):
    """There is no alert {name}."""

    code = "alert_unknown"
    status = 404
    fix = "docs/reference/alerts.md lists them; a severity may follow the name: `HighErrorRate.warning`."


class PeriodUnusable(RagkeeperError):
    """{period} is no length of time."""

    code = "alert_period_invalid"
    status = 422
    fix = "Write a number and s, m, h or d: 90s, 10m, 2h, 1d."
