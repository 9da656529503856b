from dataclasses import replace

import pytest

from ragkeeper.core.settings import Settings
from ragkeeper.operations.monitoring.models import Mail, Receivers
from ragkeeper.operations.monitoring.service import notes
from tests.unit.operations.monitoring.plans import ALL, plan


def test_who_is_to_be_given_which_files_is_told():
    told = list(notes(plan(ALL, token="a-token-of-metrics")))  # noqa: S106 - of a test
    assert told[0].endswith(
        "(chown): alertmanager.yml, secrets/metrics_token, secrets/pagerduty_key, secrets/slack_url, "
        "secrets/smtp_password."
    )
    assert "/etc/monitoring/secrets" in told[1]
    assert len(told) == 2


def test_a_webhook_alone_has_no_path_to_tell_of():
    [told] = notes(plan(Receivers(webhook_url="https://hook.example.org/x")))
    assert told.endswith("(chown): alertmanager.yml.")


def test_an_export_that_tells_nobody_says_so():
    [told] = notes(plan())
    assert told.startswith("Nobody is told of alerts")


def test_links_to_pages_that_nobody_put_anywhere_are_told():
    unset = replace(plan(ALL), runbooks=Settings().runbook_url)
    [told] = [one for one in notes(unset) if "RAG_RUNBOOK_URL" in one]
    assert told.startswith("RAG_RUNBOOK_URL is not set: alerts link to pages below https://ragkeeper.dev/docs/operate,")
    assert "docs/operate where it can be read" in told


@pytest.mark.parametrize(("port", "secure", "told"), [(465, True, 0), (587, False, 0), (587, True, 1), (2465, True, 1)])
def test_mail_that_cannot_leave_alertmanager_is_told(port: int, secure: bool, told: int):
    mail = Mail(("ops@example.org",), "rag@example.org", "mail.example.org", port, secure=secure)
    found = [one for one in notes(plan(Receivers(mail))) if one.startswith("No mail will leave Alertmanager")]
    assert len(found) == told
    assert all(f"port {port}" in one for one in found)
