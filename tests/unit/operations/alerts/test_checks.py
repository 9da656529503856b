from typing import Any

from ragkeeper.operations.alerts.checks import channel_checks


def found(channels: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    [check] = channel_checks(lambda path: {"/admin/alerts": {"channels": channels}}[path])
    return [(one.code, dict(one.evidence)) for one in check.look()]


def test_a_channel_whose_last_message_did_not_arrive_is_found() -> None:
    evidence = {"channel": "mail", "reason": "refused"}
    assert found({"mail": "refused", "webhook": ""}) == [("alert_channel_failing", evidence)]
    assert found({"mail": "", "webhook": ""}) == found({}) == []
