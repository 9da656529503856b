"""Plans for the files, with and without receivers."""

from pathlib import Path

from ragkeeper.operations.alerts.models import USER_PATHS, Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.monitoring.models import Mail, Plan, Receivers

TARGETS = (("rag-interface", "a:8000"), ("rag-interface", "b:8000"), ("postgres", "c:9187"))
ALL = Receivers(
    Mail(("ops@example.org", "boss@example.org"), "rag@example.org", "mail.example.org", 587, "rag", "geheim"),
    "https://hook.example.org/x?token=abc",
    "https://hooks.slack.example/T/B/x",
    "pagerdutykey",
)


def plan(receivers: Receivers = Receivers(), scale: float = 1.0, token: str = "") -> Plan:  # noqa: B008 - frozen
    return Plan(
        alerts(Scene(TARGETS)),
        TARGETS,
        USER_PATHS,
        "alerts:9093",
        receivers,
        "https://wiki.example/operate/",
        Path("/etc/monitoring"),
        token,
        scale,
    )
