import pytest
import yaml

from ragkeeper.operations.monitoring.alertmanager import CONFIGURATION, alertmanager_files
from ragkeeper.operations.monitoring.models import Mail, Receivers
from tests.unit.operations.monitoring.plans import ALL, plan

SECRETS = ("geheim", "pagerdutykey", "hooks.slack.example")


def receivers(given: Receivers) -> dict[str, dict[str, object]]:
    found = yaml.safe_load(alertmanager_files(plan(given))[CONFIGURATION].text)
    return {one["name"]: one for one in found["receivers"]}


def test_critical_alerts_wake_somebody_and_warnings_are_read():
    found = receivers(ALL)
    assert set(found) == {"default", "pagerduty", "slack"}
    assert set(found["pagerduty"]) == {"name", "pagerduty_configs", "email_configs", "webhook_configs"}
    assert set(found["slack"]) == {"name", "slack_configs", "email_configs", "webhook_configs"}
    assert len(found["default"]["email_configs"]) == 2


def test_only_what_is_set_up_is_written():
    assert receivers(Receivers()) == {name: {"name": name} for name in ("default", "critical", "warning")}
    found = receivers(Receivers(slack_url="https://hooks.slack.example/x"))
    assert set(found["critical"]) == {"name", "slack_configs"}


def test_secrets_lie_in_files_of_their_own():
    files = alertmanager_files(plan(ALL))
    assert [secret for secret in SECRETS if secret in files[CONFIGURATION].text] == []
    assert {path: file.secret for path, file in files.items()} == {
        CONFIGURATION: True,
        "secrets/pagerduty_key": True,
        "secrets/slack_url": True,
        "secrets/smtp_password": True,
    }
    assert "/etc/monitoring/secrets/pagerduty_key" in files[CONFIGURATION].text
    assert not alertmanager_files(plan())[CONFIGURATION].secret


@pytest.mark.parametrize(
    ("port", "secure", "user", "required"),
    [
        (465, True, "rag", False),
        (2465, True, "rag", True),
        (2465, True, "", True),
        (587, False, "rag", True),
        (25, False, "", False),
    ],
)
def test_tls_is_required_where_alertmanager_begins_without_it(port: int, secure: bool, user: str, required: bool):
    mail = Mail(("ops@example.org",), "rag@example.org", "mail.example.org", port, user, secure=secure)
    [one] = receivers(Receivers(mail))["default"]["email_configs"]  # type: ignore[misc]
    assert one["require_tls"] is required
