import re

import pytest

from ragkeeper.core.metrics import TABLE
from ragkeeper.operations.alerts.conditions import UP, QuantileAbove
from ragkeeper.operations.alerts.errors import PeriodUnusable, ThresholdUnusable
from ragkeeper.operations.alerts.expressions import Span
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts, parsed_thresholds, seconds
from tests.machine import ROOT

RULES = alerts(Scene((("rag-interface", "localhost:8000"),)))
GUIDES = {
    "ServiceDown",
    "HighErrorRate",
    "DatabaseConnectionsHigh",
    "HighLatency",
    "InstanceDown",
    "RedisDown",
    "PostgresDown",
    "LLMErrorsHigh",
    "ApplicationDown",
    "HighResponseTime",
    "DatabaseDown",
    "HighMemoryUsage",
    "HighCPUUsage",
    "DiskSpaceLow",
    "QdrantDown",
    "OllamaDown",
}


def test_every_alert_of_the_guides_is_there():
    assert {one.name for one in RULES} >= GUIDES
    assert [name for name in GUIDES if not [one for one in RULES if one.name == name and one.guides]] == []


def test_no_two_rules_have_one_name():
    assert len({one.title for one in RULES}) == len(RULES)


@pytest.mark.parametrize("alert", RULES, ids=lambda one: one.title)
def test_each_can_be_read_understood_and_looked_up(alert):
    page = ROOT / "docs" / "operate" / f"{alert.page}.md"
    assert f"`{alert.name}`" in page.read_text(encoding="utf-8"), f"{page.name} does not name it"
    assert alert.summary
    assert alert.description.endswith((".", "?"))
    assert {one.metric for one in alert.condition.expression.selects()} <= {*TABLE, UP}
    assert alert.condition.expression.promql(Span())


@pytest.mark.parametrize("name", ["PostgresDown", "DatabaseDown", "QdrantDown", "OllamaDown"])
def test_what_may_run_on_any_engine_is_told_without_the_name_of_one(name: str):
    told = [f"{one.summary} {one.description}" for one in RULES if one.name == name]
    assert told
    assert [text for text in told if re.search("postgres|sqlite|qdrant|chroma|ollama", text, re.IGNORECASE)] == []
    assert name == "OllamaDown" or all(re.search("database|index", text) for text in told)


@pytest.mark.parametrize("name", ["PostgresDown", "QdrantDown"])
def test_what_has_the_name_of_one_engine_says_that_it_means_any(name: str):
    assert [one.title for one in RULES if one.name == name and "whatever engine" not in one.description] == []


def test_quantiles_lie_below_their_last_bucket():
    found = [one.condition for one in RULES if isinstance(one.condition, QuantileAbove)]
    assert found
    assert [one for one in found if one.threshold >= one.histogram.buckets[-1]] == []


def test_thresholds_are_settable():
    given = parsed_thresholds("HighErrorRate.warning=0.02, DiskSpaceLow.critical = 0.05 ,")
    found = {one.id: one.condition.threshold for one in alerts(Scene(thresholds=given))}
    assert (found["HighErrorRate.warning"], found["DiskSpaceLow.critical"]) == (0.02, 0.05)
    assert found["HighErrorRate.critical"] == 0.05


def test_a_limit_that_was_set_is_told():
    given = parsed_thresholds("HighErrorRate.warning=0.02, HighErrorRate.critical=0.05")
    told = {one.id: one.description for one in alerts(Scene(thresholds=given)) if one.name == "HighErrorRate"}
    assert told["HighErrorRate.warning"].endswith("Its limit was set to 0.02 here, in place of 0.01.")
    assert "was set" not in told["HighErrorRate.critical"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("HighErrorRat.warning=1", "HighErrorRate.warning does"),
        ("HighErrorRate=0.5", "no alert has it"),
        ("HighErrorRate.warning=2", "between 0 and 1"),
        ("HighResponseTime.warning=5000", "between 0 and 3900"),
        ("HighErrorRate.warning=many", "no number"),
        ("HighErrorRate.warning", "no number"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(given: str, reason: str):
    with pytest.raises(ThresholdUnusable, match=reason):
        alerts(Scene(thresholds=parsed_thresholds(given)))


def test_the_owner_is_settable():
    assert {one.owner for one in alerts(Scene(owner="team-search"))} == {"team-search"}


@pytest.mark.parametrize(("text", "wanted"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_lengths_of_time(text: str, wanted: float):
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "h", "2", "2w", "-1h", "1h30m"])
def test_no_lengths_of_time(text: str):
    with pytest.raises(PeriodUnusable):
        seconds(text)
