from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts.messages import SUBJECT, News, Notice, Sender, message, proof
from tests.unit.operations.alerts.test_telling import RULES

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FROM = Sender("host-a", "https://wiki.example/operate/")


def notice(title: str, **labels: str) -> Notice:
    return Notice(RULES[title], frozenset(labels.items()), NOW - timedelta(seconds=10))


def test_a_message_names_the_part_and_what_to_do():
    found = message(News((notice("PartDown.critical", component="embedder"),), ()), FROM, NOW)
    assert found.subject == SUBJECT == "RAG Interface Alert"
    assert "cannot be used: embedder" in found.text
    assert "(PartDown, critical) since 2026-11-21 08:59 UTC" in found.text
    assert "https://wiki.example/operate/part-down.md" in found.text
    [alert] = found.payload["alerts"]
    assert alert["labels"] == {
        "component": "embedder",
        "alertname": "PartDown",
        "severity": "critical",
        "owner": "operator",
        "instance": "host-a",
    }
    assert alert["annotations"]["runbook_url"] == "https://wiki.example/operate/part-down.md"
    assert alert["startsAt"] == "2026-11-21T08:59:50+00:00"
    assert found.payload["status"] == "firing"


def test_what_is_over_is_said_in_one_line_with_its_true_times():
    over = replace(notice("DeadLetters.warning"), ended=NOW, known=True)
    found = message(News((), (over,)), FROM, NOW + timedelta(hours=1))
    first = "Over: Documents could not be read (DeadLetters, warning) "
    assert found.text.startswith(f"{first}from 2026-11-21 08:59 UTC until 2026-11-21 09:00 UTC\n")
    [alert] = found.payload["alerts"]
    assert (alert["status"], alert["startsAt"]) == ("resolved", "2026-11-21T08:59:50+00:00")
    assert alert["endsAt"] == NOW.isoformat()
    assert found.payload["status"] == "resolved"


def test_what_nobody_was_told_while_it_went_on_is_said_to_have_been():
    found = message(News((), (replace(notice("DeadLetters.warning"), ended=NOW),)), FROM, NOW)
    assert found.text.startswith("Was, and is over: Documents could not be read")


def test_the_last_word_on_a_series_is_how_it_is_now():
    again = notice("DeadLetters.warning")
    over = replace(again, began=NOW - timedelta(hours=1), ended=NOW - timedelta(minutes=30))
    found = message(News((again,), (over,)), FROM, NOW).payload
    assert [one["status"] for one in found["alerts"]] == ["resolved", "firing"]
    assert len({one["fingerprint"] for one in found["alerts"]}) == 1


def test_a_window_is_told_and_the_server_has_its_name():
    found = message(News((notice("AvailabilityBurn.critical.1h"), notice("HighCPUUsage.warning")), ()), FROM, NOW)
    assert found.payload["alerts"][0]["labels"]["window"] == "1h"
    assert "The processors of host-a are more than 80 % busy" in found.text
    assert found.text.endswith("\n\nSent by ragkeeper on host-a.\n")


def test_a_group_is_told_as_alertmanager_tells_it():
    news = News((notice("DeadLetters.warning"), notice("HighCPUUsage.warning")), (), (FailedJob("j", "k", "c", "r"),))
    found = message(news, FROM, NOW).payload
    assert found["groupKey"] == '{}:{instance="host-a"}'
    assert found["groupLabels"] == found["commonLabels"] == {"instance": "host-a"}
    assert found["commonAnnotations"] == {}
    alone = message(News((notice("DeadLetters.warning"),), ()), FROM, NOW).payload
    assert alone["commonLabels"]["alertname"] == "DeadLetters"
    assert alone["commonAnnotations"]["summary"] == "Documents could not be read"


def test_a_series_has_a_fingerprint_of_its_own():
    parts = [notice("PartDown.critical", component=name) for name in ("embedder", "index", "embedder")]
    first, second, third = (one["fingerprint"] for one in message(News(tuple(parts), ()), FROM, NOW).payload["alerts"])
    assert first == third != second
    assert len(first) == 16


def test_a_fingerprint_is_that_of_prometheus():
    """What `model.LabelSet.Fingerprint` of prometheus/common says of these labels, as its FNV-1a is published."""
    assert proof(FROM, NOW).payload["alerts"][0]["fingerprint"] == fnv(
        b"alertname\xffTest\xffinstance\xffhost-a\xffseverity\xffnone\xff"
    )
    assert fnv(b"") == "cbf29ce484222325"
    assert fnv(b"foobar") == "85944171f73967e8"


def fnv(text: bytes) -> str:
    found = 0xCBF29CE484222325
    for byte in text:
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return f"{found:x}"


def test_a_proof_says_that_it_is_one():
    found = proof(FROM, NOW)
    assert (found.subject, found.payload["alerts"][0]["labels"]["alertname"]) == (SUBJECT, "Test")
    assert "host-a" in found.text
