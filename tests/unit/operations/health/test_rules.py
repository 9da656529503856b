from dataclasses import replace

import pytest

from ragkeeper.operations.health.models import (
    ComponentState,
    Disk,
    DiskVerdict,
    Limits,
    Machine,
    ProbeResult,
    Traffic,
)
from ragkeeper.operations.health.rules import (
    READ_ONLY,
    UPLOADS_REFUSED,
    capabilities,
    disk_state,
    judged,
    overall,
    quantile,
    targets,
)
from ragkeeper.storage.files.errors import DiskSpaceLow

H, D, U, N = (ProbeResult(state) for state in ComponentState)


@pytest.mark.parametrize(
    ("components", "status"),
    [
        ({"database": H, "llm_service": N}, ComponentState.HEALTHY),
        ({"database": H, "vector_db": U}, ComponentState.DEGRADED),
        ({"database": H, "llm_service": D}, ComponentState.DEGRADED),
        ({"database": U, "vector_db": H}, ComponentState.UNHEALTHY),
    ],
)
def test_only_the_truth_is_indispensable(components: dict[str, ProbeResult], status: ComponentState) -> None:
    assert overall(components) is status


def test_capabilities_follow_the_parts_they_need() -> None:
    fine = dict.fromkeys(("database", "vector_db", "embedder", "llm_service"), ProbeResult(ComponentState.HEALTHY))
    unwell = ProbeResult(ComponentState.UNHEALTHY)

    def able(**changed: ProbeResult) -> list[str]:
        return [able.state.value for able in capabilities({**fine, **changed}).values()]

    assert list(capabilities(fine)) == ["retrieve", "generate", "ingest", "admin"]
    assert able() == ["ok"] * 4
    assert able(database=unwell) == ["down"] * 4
    assert able(vector_db=unwell) == ["degraded", "degraded", "degraded", "ok"]
    assert able(llm_service=unwell) == ["ok", "degraded", "ok", "ok"]
    assert able(llm_service=ProbeResult(ComponentState.NOT_CONFIGURED)) == ["ok"] * 4
    assert {able.state.value for able in capabilities({}).values()} == {"down"}
    assert capabilities({**fine, "vector_db": unwell, "embedder": unwell})["retrieve"].because == (
        "embedder",
        "vector_db",
    )


PARTS = dict.fromkeys(("database", "vector_db", "embedder", "llm_service", "disk"), H)


def able(limits: Limits = Limits(), **changed: ProbeResult) -> dict[str, str]:  # noqa: B008 - frozen
    """What is not as it should be."""
    found = capabilities({**PARTS, **changed}, limits)
    return {name: one.state.value for name, one in found.items() if one.state.value != "ok"}


def test_nothing_is_taken_in_where_uploads_are_refused() -> None:
    refusing = ProbeResult(ComponentState.DEGRADED, "files: full", UPLOADS_REFUSED)
    assert able(disk=refusing) == {"ingest": "down"}
    assert able(disk=ProbeResult(ComponentState.DEGRADED, "backups: full", "disk_full")) == {"ingest": "degraded"}


def test_a_server_that_stores_nothing_takes_nothing_in_and_can_be_looked_at() -> None:
    stores_nothing = Limits(read_only=True)
    assert able(stores_nothing) == {"ingest": "down", "admin": "degraded"}
    found = capabilities({**PARTS, "disk": D}, stores_nothing)
    assert (found["ingest"].held, found["ingest"].because) == (READ_ONLY, ("disk",))
    assert found["retrieve"].held == ""
    assert set(able(stores_nothing, database=U).values()) == {"down"}


def test_nothing_is_generated_without_a_model_where_answers_are_not_quoted_instead() -> None:
    assert able(Limits(needs_model=True), llm_service=U) == {"generate": "down"}
    assert able(Limits(needs_model=True), llm_service=D) == {"generate": "degraded"}
    assert able(Limits(needs_model=True), llm_service=N) == {}
    assert able(llm_service=U) == {"generate": "degraded"}


INFINITE = float("inf")


@pytest.mark.parametrize(
    ("buckets", "share", "found"),
    [
        ({}, 0.5, None),
        ({1.0: 0, INFINITE: 0}, 0.5, None),
        ({1.0: 10, 2.0: 10, INFINITE: 10}, 0.5, 0.5),
        ({1.0: 50, 2.0: 100, INFINITE: 100}, 0.75, 1.5),
        ({1.0: 50, 2.0: 90, INFINITE: 100}, 0.99, 2.0),  # above the last bound nothing is known
    ],
)
def test_a_quantile_lies_inside_its_bucket(buckets: dict[float, float], share: float, found: float | None) -> None:
    assert quantile(buckets, share) == found


def disk(used: int, free: int, inodes_free: int = 10) -> Disk:
    return Disk("data", "/data", used + free, used, free, 10, inodes_free, 1)


@pytest.mark.parametrize(
    ("one", "reserve", "verdict"),
    [
        (disk(89, 11), 0, DiskVerdict.OK),
        (disk(90, 10), 0, DiskVerdict.LOW),
        (disk(95, 5), 0, DiskVerdict.FULL),
        (disk(10, 90), 91, DiskVerdict.FULL),
        (disk(10, 90, inodes_free=1), 0, DiskVerdict.LOW),
        (disk(10, 90, inodes_free=0), 0, DiskVerdict.FULL),
        (disk(0, 0), 500, DiskVerdict.UNKNOWN),
        (disk(0, 0, inodes_free=0), 500, DiskVerdict.FULL),
    ],
)
def test_a_disk_is_judged_by_bytes_inodes_and_reserve(one: Disk, reserve: int, verdict: DiskVerdict) -> None:
    assert judged(one, reserve).verdict is verdict


def test_a_full_disk_is_named_and_a_low_one_is_no_fault_yet() -> None:
    full = judged(disk(99, 1), 0)
    assert disk_state([judged(disk(90, 10), 0)]).state is ComponentState.HEALTHY
    assert disk_state([full]).state is ComponentState.DEGRADED
    assert disk_state([full]).reason == "data (/data): full, 99% used"


def test_a_disk_where_uploads_are_refused_has_their_code() -> None:
    files = replace(disk(10, 90), what="files")
    assert disk_state([judged(files, 91)], 91).code == UPLOADS_REFUSED == DiskSpaceLow.code
    assert disk_state([judged(disk(10, 90), 91)], 91).code == "disk_full"
    assert disk_state([judged(replace(disk(96, 4), what="files"), 4)], 4).code == "disk_full"


def test_a_disk_that_does_not_say_how_large_it_is_is_no_fault() -> None:
    unknown = judged(disk(0, 0), 500)
    assert disk_state([unknown]).state is ComponentState.HEALTHY
    [found] = [one for one in targets(Traffic(300, 0, 0.0, *[None] * 6), None, [unknown]) if one.name == "disk"]
    assert found.value is None


def test_targets_say_what_is_above_and_what_has_no_figure() -> None:
    traffic = Traffic(300, 10, 1.0, 0.1, 2.5, 3.0, 0.02, 0.0, 0.5)
    machine = Machine(100, 86, False, 0, 0, 0)
    found = {one.name: (one.value, one.ok) for one in targets(traffic, machine, [disk(50, 50)])}
    assert found == {
        "cpu": (50.0, True),
        "memory": (86.0, False),
        "disk": (50.0, True),
        "response_time_p95": (2.5, False),
        "error_share": (2.0, False),
        "sql_statement_p95": (None, None),
    }
    assert {one.ok for one in targets(replace(traffic, p95=None), None, []) if one.value is None} == {None}


def test_a_folder_that_is_gone_is_not_called_full() -> None:
    gone = judged(Disk("backups", "/b", 0, 0, 0, 0, 0, 0, DiskVerdict.MISSING), 500)
    assert gone.verdict is DiskVerdict.MISSING
    found = disk_state([gone])
    assert (found.code, found.reason) == ("folder_missing", "backups (/b): missing")
    full = judged(Disk("data", "/d", 1000, 1000, 0, 0, 0, 1), 500)
    assert disk_state([gone, full]).code == "disk_full"
