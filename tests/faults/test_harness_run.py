"""A real server, struck at points that a seed chooses and held against what must be true; `make soak` is long."""

from pathlib import Path

import pytest

from tests.faults.harness import soak, sweep

SEED = 20261121


@pytest.mark.timeout(240)
def test_a_server_keeps_its_promises_through_kills_and_faults(interposing: Path, tmp_path: Path):
    plan = soak.Plan(SEED, operations=80, kills=6, lives=6)
    said: list[str] = []
    report = soak.run(plan, tmp_path, said.append)
    assert not report.failures, "\n".join(said)
    assert report.counts.kills >= plan.kills
    assert report.counts.operations >= plan.operations
    assert report.counts.struck


@pytest.mark.timeout(240)
def test_a_fixed_piece_of_work_survives_a_kill_at_each_kind_of_call(interposing: Path, tmp_path: Path):
    said: list[str] = []
    report = sweep.run(SEED, 4, tmp_path, said.append)
    assert not report.failures, "\n".join(said)
    assert report.calls > 100
    assert report.kills == 4
