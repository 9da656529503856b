from datetime import UTC, datetime

from ragkeeper.operations.alerts.messages import SUBJECT, News, message, proof
from tests.unit.operations.alerts.test_telling import active

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BASE = "https://wiki.example/operate/"


def test_a_message_names_the_part_and_what_to_do():
    found = message(News((active("PartDown.critical", component="embedder"),), ()), BASE, NOW)
    assert found.subject == SUBJECT == "RAG Interface Alert"
    assert "cannot be used: embedder" in found.text
    assert "https://wiki.example/operate/part-down.md" in found.text
    [alert] = found.payload["alerts"]
    assert alert["labels"] == {
        "component": "embedder",
        "alertname": "PartDown",
        "severity": "critical",
        "owner": "operator",
    }
    assert alert["annotations"]["runbook_url"] == "https://wiki.example/operate/part-down.md"
    assert alert["startsAt"] == "2026-11-21T08:59:50+00:00"
    assert found.payload["status"] == "firing"


def test_what_is_over_is_said_in_one_line():
    found = message(News((), (active("DeadLetters.warning"),)), BASE, NOW)
    assert found.text == "Over: Documents could not be read (DeadLetters, warning)\n"
    [alert] = found.payload["alerts"]
    assert (alert["status"], alert["endsAt"]) == ("resolved", NOW.isoformat())
    assert found.payload["status"] == "resolved"


def test_a_window_is_told_and_the_server_is_this_one():
    found = message(News((active("AvailabilityBurn.critical.1h"), active("HighCPUUsage.warning")), ()), BASE, NOW)
    assert found.payload["alerts"][0]["labels"]["window"] == "1h"
    assert "The processors of this server are more than 80 % busy" in found.text


def test_a_proof_says_that_it_is_one():
    found = proof(NOW)
    assert (found.subject, found.payload["alerts"][0]["labels"]["alertname"]) == (SUBJECT, "Test")
