"""The judge of the fault table finds what is wrong: each rule of it can fail."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from tests.contract.chat.standin import StandIn
from tests.faults.dependencies.course import Course
from tests.faults.dependencies.door import Door
from tests.faults.dependencies.faults import FAULTS
from tests.faults.dependencies.load import WITHOUT_RETRY_AFTER, Kind, Sample
from tests.faults.dependencies.page import told_by_page
from tests.faults.dependencies.table import row_of, stable

BROKE, HEALED = 10.0, 16.0
WELL = Sample(Kind.ANSWER, 9.0, 9.1)
QUOTED = replace(WELL, began=11.0, ended=11.1, mode="extractive")
BACK = replace(WELL, began=17.0, ended=17.1)


def course(*more: Sample, whole: float | None = 17.1) -> Course:
    return Course(FAULTS[0], (WELL, QUOTED, BACK, *more), BROKE, HEALED, whole, period=2.0, due=17.0)


def test_an_answer_of_another_mode_is_no_miss():
    row = row_of(course())
    assert row.misses() == []
    assert stable(row)[2:6] == ("", "0", "extractive", "")
    assert row.changed == pytest.approx(1.1)
    assert row.back == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("sample", "miss"),
    [
        (replace(QUOTED, code="503 overloaded"), "answer failed: 503 overloaded"),
        (replace(QUOTED, kind=Kind.SEARCH, code="not_found"), "search failed: not_found"),
        (replace(QUOTED, kind=Kind.STREAM, code="chat_unavailable"), "stream failed: chat_unavailable"),
        (replace(QUOTED, kind=Kind.STREAM, last_events=2), "a stream had 2 last events"),
        (replace(WELL, mode="extractive"), "answer before it"),
        (replace(QUOTED, kind=Kind.CHANGE, code="500 internal_error"), "a change got 500 internal_error"),
        (replace(QUOTED, kind=Kind.CHANGE, code=f"503 x{WITHOUT_RETRY_AFTER}"), "a change got 503 x"),
    ],
)
def test_each_failure_is_found(sample: Sample, miss: str):
    found = row_of(course(sample)).misses()
    assert len(found) == 1
    assert found[0].startswith(miss)


def test_a_stream_that_breaks_off_after_its_first_piece_is_told_and_no_miss():
    row = row_of(course(replace(QUOTED, kind=Kind.STREAM, code="chat_broken_stream", tokens=1)))
    assert row.misses() == []
    assert stable(row)[5] == "`chat_broken_stream`"


@pytest.mark.parametrize("whole", [None, 30.0])
def test_a_service_that_is_not_whole_again_in_time_is_found(whole: float | None):
    row = row_of(course(whole=whole))
    assert len(row.misses()) == 1
    assert stable(row)[-1] in {"no", "late"}


def test_the_page_s_line_of_a_fault_is_found_above_the_figures():
    text = "| Redis is killed | 0 |\n\n## As it was measured\n\n| the disk is full | 1 |\n"
    assert told_by_page("Redis is killed", text) == "| Redis is killed | 0 |"
    assert told_by_page("the disk is full", text) == ""


async def test_a_door_refuses_hangs_and_opens_again_at_the_same_address():
    async with StandIn() as standin, Door(standin.base_url) as door, httpx.AsyncClient(timeout=0.2) as http:
        address = f"{door.base_url}/models"
        assert (await http.get(address)).status_code == 200
        await door.refuse()
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient().get(address)
        await door.open()
        await door.hang()
        with pytest.raises(httpx.ReadTimeout):
            await http.get(address)
        waiting = asyncio.create_task(http.get(address, timeout=10))
        await asyncio.sleep(0.05)
        await door.open()
        assert (await waiting).status_code == 200
