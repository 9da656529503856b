"""Thresholds and waits of the guides' alerts: the exported rules, judged by Prometheus' own test engine."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.acceptance.guides.watching import MINUTE, export, fires, rules
from tests.integration.monitoring.cases import ALERTS, INSTANCE, s
from tests.integration.monitoring.courses import ALL
from tests.machine import ROOT

Require = Callable[[str], Path]
GOOD = s("http_requests_total", method="POST", path="/chat", status="200")
BAD = s("http_requests_total", method="POST", path="/chat", status="500")
BOUNDS = ("1.0", "2.0", "3.0", "5.0", "10.0", "+Inf")
MEMORY = [s("node_memory_MemAvailable_bytes"), s("node_memory_MemTotal_bytes")]
CPUS = [s("node_cpu_seconds_total", cpu="0", mode=mode) for mode in ("idle", "user")]
CALLS = [s("rag_llm_latency_seconds_count", provider="groq", model="m", outcome=one) for one in ("ok", "chat_failed")]
BOTH = ("warning", "critical")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("rules"))


def failing(share: float) -> tuple[float, float]:
    return (1 - share, share)


def first_commands(folder: Path, name: str) -> set[str]:
    """What each page that the alert links to has an operator type first."""
    annotations = [one["annotations"] for one in rules(folder) if one["alert"] == name]
    pages = {str(one["runbook_url"]).rpartition("/")[2] for one in annotations}  # type: ignore[index]
    texts = [(ROOT / "docs" / "operate" / page).read_text(encoding="utf-8") for page in pages]
    return {text.partition("```\n")[2].partition("\n")[0] for text in texts}


def test_g0_077_prometheus_reads_every_15_seconds(exported: Path, require_binary: Require):
    promtool = require_binary("promtool")
    subprocess.run([promtool, "check", "config", exported / "prometheus.yml"], check=True, capture_output=True)
    found = yaml.safe_load((exported / "prometheus.yml").read_text(encoding="utf-8"))
    assert found["global"]["scrape_interval"] == "15s"


def test_g0_086_failing_requests_warn_whatever_the_traffic(exported: Path, require_binary: Require):
    eight_a_minute = [(600, (8 / 60, 0), ()), (660, (4 / 60, 4 / 60), BOTH)]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], eight_a_minute)
    many = [(1200, (14_000 / 1200, 0), ()), (15, (14_000 / 1200, 1 / 15), ()), (600, (14_000 / 1200, 0), ())]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], many)


def test_g2_045_above_5_percent_is_critical(exported: Path, require_binary: Require):
    six = [(600, failing(0), ()), (360, failing(0.06), BOTH)]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], six)
    four = [(600, failing(0), ()), (360, failing(0.04), ()), (240, failing(0.04), ("warning",))]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], four)


def test_g2_046_the_99th_percentile_warns(exported: Path, require_binary: Require):
    series = [s("http_request_duration_seconds_bucket", method="POST", path="/chat", le=le) for le in BOUNDS]
    series.append(s("http_request_duration_seconds_count", method="POST", path="/chat"))
    slow = (0.98, 0.98, 0.98, 1, 1, 1, 1)
    stages = [(600, (1,) * 7, ()), (360, slow, ()), (240, slow, ("warning",)), (900, (1,) * 7, ())]
    assert fires(exported, require_binary, "HighLatency", series, stages)
    assert any(2 < float(le) < float("inf") for le in BOUNDS)


def test_g2_050_failed_model_calls_warn(exported: Path, require_binary: Require):
    ten = [(600, (1 / 3, 0), ()), (420, (0.9 / 3, 0.1 / 3), ("warning",))]
    assert fires(exported, require_binary, "LLMErrorsHigh", CALLS, ten, provider="groq")
    three = [(600, (1 / 3, 0), ()), (900, (0.97 / 3, 0.03 / 3), ())]
    assert fires(exported, require_binary, "LLMErrorsHigh", CALLS, three)
    seldom = [(7200, (0, 1 / 3600), ())]
    assert fires(exported, require_binary, "LLMErrorsHigh", CALLS, seldom)


def test_g3_012_response_time_has_two_levels(exported: Path, require_binary: Require):
    series = [s("http_request_duration_seconds_bucket", method="POST", path="/chat", le=le) for le in BOUNDS]
    series.append(s("http_request_duration_seconds_count", method="POST", path="/chat"))
    slower = (0, 0, 1, 1, 1, 1, 1)  # all of them between 2 and 3 seconds
    slowest = (0, 0, 0, 1, 1, 1, 1)  # between 3 and 5
    stages = [(600, (1,) * 7, ()), (600, slower, ("warning",)), (660, slowest, BOTH), (600, (1,) * 7, ())]
    assert fires(exported, require_binary, "HighResponseTime", series, stages)
    found = [one for one in rules(exported) if one["alert"] == "HighResponseTime"]
    assert [one["annotations"]["runbook_url"].endswith("/slow.md") for one in found] == [True, True]  # type: ignore[index]


def test_the_limits_and_routes_can_be_set(tmp_path: Path):
    folder = export(tmp_path, RAG_ALERT_THRESHOLDS="HighResponseTime.warning=1.5", RAG_ALERT_PATHS="/chat")
    [warning] = [
        one for one in rules(folder) if (one["alert"], one["labels"]["severity"]) == ("HighResponseTime", "warning")
    ]  # type: ignore[index]
    assert "> 1.5" in str(warning["expr"])
    assert 'path="/chat"' in str(warning["expr"])


def test_g3_042_above_1_percent_warns(exported: Path, require_binary: Require):
    two = [(600, failing(0), ()), (480, failing(0.02), ("warning",))]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], two)
    warning = next(one for one in rules(exported) if one["alert"] == "HighErrorRate")
    assert warning["labels"] == {"severity": "warning", "owner": "operator"}
    assert str(warning["annotations"]["runbook_url"]).endswith("/errors.md")  # type: ignore[index]


def test_g3_043_memory_has_two_levels(exported: Path, require_binary: Require):
    stages = [(600, (60, 100), ()), (360, (18, 100), ("warning",)), (360, (8, 100), BOTH), (60, (60, 100), ())]
    assert fires(exported, require_binary, "HighMemoryUsage", MEMORY, stages, instance=INSTANCE)
    assert first_commands(exported, "HighMemoryUsage") == {"ragkeeper diagnose memory"}


def test_g3_044_processors_have_two_levels(exported: Path, require_binary: Require):
    stages = [
        (600, (0.8, 0.2), ()),
        (720, (0.18, 0.82), ("warning",)),
        (720, (0.05, 0.95), BOTH),
        (400, (0.8, 0.2), ()),
    ]
    assert fires(exported, require_binary, "HighCPUUsage", CPUS, stages, instance=INSTANCE)
    assert first_commands(exported, "HighCPUUsage") == {"ragkeeper diagnose performance"}


def test_g3_049_above_5_percent_is_critical_within_two_minutes(exported: Path, require_binary: Require):
    six = [(600, failing(0), ()), (120, failing(0.06), ("critical",))]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], six)
    four = [(600, failing(0), ()), (120, failing(0.04), ())]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], four)


def test_g4_027_the_group_of_the_guide_is_there_and_judged(exported: Path, require_binary: Require):
    eight = {
        "HighResponseTime",
        "HighErrorRate",
        "DatabaseDown",
        "HighMemoryUsage",
        "HighCPUUsage",
        "DiskSpaceLow",
        "QdrantDown",
        "OllamaDown",
    }
    found = [one for one in rules(exported) if one["group"] == "rag-system"]
    assert {one["alert"] for one in found} == eight
    for one in found:
        assert {"severity", "owner"} <= set(one["labels"])  # type: ignore[call-overload]
        assert {"summary", "description", "runbook_url"} <= set(one["annotations"])  # type: ignore[call-overload]
    promtool = require_binary("promtool")
    done = subprocess.run([promtool, "check", "rules", exported / "rules/rag-system-alerts.yml"], check=False)
    assert done.returncode == 0
    assertions = {name: sum(len(case.stages) for case in ALL if case.name == name) for name in eight}
    assert min(assertions.values()) >= 3


def test_g4_028_one_slow_call_of_an_administrator_is_silent(exported: Path, require_binary: Require):
    def times(path: str) -> list[object]:
        buckets = [s("http_request_duration_seconds_bucket", method="POST", path=path, le=le) for le in BOUNDS]
        return [*buckets, s("http_request_duration_seconds_count", method="POST", path=path)]

    searches, calm = times("/api/v1/search"), (1,) * 7
    slow = [(600, calm, ()), (480, (0, 0, 0, 1, 1, 1, 1), BOTH)]
    assert fires(exported, require_binary, "HighResponseTime", searches, slow)  # type: ignore[arg-type]
    admin = [*searches, *times("/admin/stats")]
    once = [
        (600, (*calm, *(0,) * 7), ()),
        (15, (*calm, 0, 0, 0, 0, 1 / 15, 1 / 15, 1 / 15), ()),
        (600, (*calm, *(0,) * 7), ()),
    ]
    assert fires(exported, require_binary, "HighResponseTime", admin, once)  # type: ignore[arg-type]


def test_g4_029_the_share_is_of_sums(exported: Path, require_binary: Require):
    many = [(1200, (14_000 / 1200, 0), ()), (15, (14_000 / 1200, 1 / 15), ()), (600, (14_000 / 1200, 0), ())]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], many)
    six = [(600, failing(0), ()), (7 * MINUTE, failing(0.06), BOTH)]
    assert fires(exported, require_binary, "HighErrorRate", [GOOD, BAD], six)


def test_g4_033_busy_processors_alert_and_a_burst_does_not(exported: Path, require_binary: Require):
    stages = [
        (600, (0.9, 0.1), ()),
        (30, (0, 1), ()),
        (600, (0.9, 0.1), ()),
        (660, (0, 1), BOTH),
        (600, (0.9, 0.1), ()),
    ]
    assert fires(exported, require_binary, "HighCPUUsage", CPUS, stages, instance=INSTANCE)
    found = [one for one in rules(exported) if one["alert"] == "HighCPUUsage"]
    assert all("rate(node_cpu_seconds_total" in str(one["expr"]) and "[5m]" in str(one["expr"]) for one in found)
    assert {one.condition.threshold for one in ALERTS if one.name == "HighCPUUsage"} == {0.8, 0.85}
