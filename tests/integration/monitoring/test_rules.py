"""Every rule, judged by Prometheus' own tools: it can be read, it fires, it does not fire, it ends."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkeeper.operations.alerts.models import USER_PATHS
from ragkeeper.operations.monitoring.folder import ExportFolder
from ragkeeper.operations.monitoring.models import Plan, Receivers
from ragkeeper.operations.monitoring.prometheus import prometheus_files
from tests.integration.monitoring.cases import ALERTS, TARGETS
from tests.integration.monitoring.courses import ALL
from tests.integration.monitoring.judging import RULES, judged
from tests.integration.monitoring.promtool import level

PLAN = Plan(ALERTS, TARGETS, USER_PATHS, "localhost:9093", Receivers(), "https://example.org/operate", Path("/x"))
FEWEST = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "export"
    ExportFolder(path).write(prometheus_files(PLAN))
    return path


def test_promtool_can_read_them(folder: Path, require_binary: Callable[[str], Path]):
    promtool = require_binary("promtool")
    for check in (["config", "prometheus.yml"], ["rules", *RULES]):
        done = subprocess.run([promtool, "check", *check], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted({alert.name for alert in ALERTS}))
def test_it_fires_when_it_should_and_only_then(name: str, folder: Path, require_binary: Callable[[str], Path]):
    failed = judged([case for case in ALL if case.name == name], folder, require_binary("promtool"), PLAN)
    assert failed == ""


def test_a_wrong_promise_is_found(folder: Path, require_binary: Callable[[str], Path]):
    """The judge can say no: a course that expects silence where an alert fires fails."""
    case = next(case for case in ALL if case.name == "DeadLetters")
    stages = [type(stage)(stage.seconds, stage.values) for stage in case.stages]
    wrong = type(case)(case.name, case.series, stages, case.labels, case.step)
    assert "FAILED" in judged([wrong], folder, require_binary("promtool"), PLAN)


def test_each_rule_has_its_three_assertions():
    fires, silent = Counter[str](), Counter[str]()
    resolves: set[str] = set()
    for case in ALL:
        fired: set[str] = set()
        for stage in case.stages:
            levels = {level(alert) for alert in ALERTS if alert.name == case.name}
            assert set(stage.firing) <= levels
            fires.update(f"{case.name}.{one}" for one in stage.firing)
            silent.update(f"{case.name}.{one}" for one in levels - set(stage.firing))
            resolves |= {f"{case.name}.{one}" for one in fired - set(stage.firing)}
            fired |= set(stage.firing)
    assert [alert.title for alert in ALERTS if not fires[alert.title]] == []
    assert [alert.title for alert in ALERTS if silent[alert.title] < FEWEST - 1] == []
    assert [alert.title for alert in ALERTS if alert.title not in resolves] == []
