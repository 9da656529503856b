"""How alerts cannot be used."""

from ragkeeper.core.errors import RagkeeperError


class ThresholdUnusable(RagkeeperError):
    """The threshold {given} cannot be used: {reason}."""

    code = "setting_alert_threshold"
    status = 422
    fix = "Correct RAG_ALERT_THRESHOLDS; docs/reference/alerts.md lists every alert's name and threshold."
