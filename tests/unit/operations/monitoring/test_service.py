from ragkeeper.operations.monitoring.models import Receivers
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
