"""What the page of signs says: of parts, metrics, alerts and findings that exist, and as a few real runs show it."""

import re
from pathlib import Path

import pytest

from ragkeeper.core.metrics import DEGRADATION_CAUSE, TABLE
from ragkeeper.operations.alerts.conditions import UP
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from scripts.findings_page import findings
from tests.faults.dependencies.faults import FAULTS as BESIDE
from tests.faults.harness.interposer import CompilerMissing
from tests.faults.signs.__main__ import run_all, tools
from tests.faults.signs.cases import CASES, Case
from tests.faults.signs.course import Row, wanted_of
from tests.faults.signs.page import line, told_by_page
from tests.faults.signs.watch import Kind
from tests.machine import lacks

# One that another program brings about and one of the machine; the whole table takes half an hour.
LIVE = ("the only model refuses connections", "the disk is 97 % full")
CAUSES = {name for label in DEGRADATION_CAUSE.labels for name in label.values}
LABELS = {one.name: {label.name for label in one.labels} for one in (*TABLE, UP)}
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def case_of(name: str) -> Case:
    return next(one for one in CASES if one.name == name)


def test_every_fault_beside_the_server_has_a_row():
    assert {one.name for one in BESIDE} <= {one.name for one in CASES}


@each
def test_the_page_has_the_row(case: Case):
    assert told_by_page(case.name) == line(case), "run `python -m tests.faults.signs --write NAME`"


@each
def test_the_alert_and_the_finding_exist(case: Case):
    assert case.signs.alert in {one.title for one in alerts(Scene())}
    assert case.signs.finding in {kind.code for kind in findings()} or case.signs.none


@each
def test_the_metric_exists_with_its_labels(case: Case):
    asked = re.findall(r"\b([a-z]\w+)(?:\{([^}]*)\})?(?=[\s\[])", case.signs.metric)
    assert asked
    for name, labels in asked:
        assert set(re.findall(r"(\w+)=", labels)) <= LABELS[name]


def test_a_sign_that_is_not_seen_or_was_there_before_is_missed():
    case = case_of("Redis is killed")
    wanted = wanted_of(case.signs)
    seen = {kind: dict.fromkeys(signs, 2.0) for kind, signs in wanted.items()}
    assert Row(case, seen, frozenset()).misses() == []
    assert Row(case, {**seen, Kind.ALERT: {"PartDown.critical": 1.0}}, frozenset()).misses() == [
        "RedisDown.warning was not seen"
    ]
    assert Row(case, seen, frozenset({"redis_up == 0"})).misses() == ["redis_up == 0 was there before"]


@pytest.mark.timeout(240)
def test_a_few_faults_are_shown_as_the_page_says(tmp_path: Path):
    try:
        given = tools(tmp_path)
    except CompilerMissing:
        lacks("needs a C compiler: `apt-get install gcc libc6-dev`")
    rows = run_all([case_of(name) for name in LIVE], tmp_path, given)
    assert {row.case.name: row.misses() for row in rows} == {name: [] for name in LIVE}
    said = {sign.partition(":") for case in CASES for sign in case.signs.health}
    paths = {path for path, _, _ in said if path != "degradation"}
    assert paths - frozenset.union(*(row.paths for row in rows)) == set()
    assert {cause.strip() for path, _, cause in said if path == "degradation"} <= CAUSES
