"""All faults, some at a time, and the page of the reference that tells what was seen."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from scripts.tables import table
from tests.faults.dependencies.course import run
from tests.faults.dependencies.faults import Fault
from tests.faults.dependencies.scene import BREAKER_SECONDS, Programs
from tests.faults.dependencies.table import MEASURED, STABLE, Row, measured, row_of, stable
from tests.machine import ROOT
from tests.standstill import ENOUGH, Watcher

PAGE = ROOT / "docs" / "reference" / "faults.md"
# With four, two cores that do something else beside were so busy that courses had to be taken again.
AT_ONCE = 3
_MEASURED = "## As it was measured"

_HEAD = """\
<!-- Written by `python -m tests.faults.dependencies --write`; edit the code, not this page. -->

# When something beside it breaks

Each row is a real server under constant light load: four searches and two questions a second, one streamed answer
after another. One thing it depends on is broken for some seconds and healed again. The tests do the same at every
change of the code, and compare this table with what they see.

"""
_NOTES = f"""
- A search or answer counts as failed when its status is not 200, when the document that has the answer is not found,
  or when nothing is answered.
- Modes: `full`, by the first model; `fallback_model`, by the second; `extractive`, quoted from the documents without
  a model. Until the breaker opened, answers may be `full` beside the mode shown: the second table counts them. While
  a model hangs, and the limit of its time has not come, those who wait for it are as many as the server lets in;
  whoever comes then is answered without it at once, and a search without the embedding endpoint. `not kept`: given,
  but not stored in its conversation, which the answer says.
- Searched by: `hybrid`, words and meaning; `lexical`, words alone.
- A streamed answer whose model had begun to speak when it broke ends with exactly one `error` event of the code shown:
  what a reader has seen is not taken back, and the same question asked again is answered. A stream whose model had not
  begun goes on in the mode of that row.
- Changes: the status that uploads got while nothing could be stored; `Retry-After` came with each.
- A period of a breaker is `RAG_BREAKER_OPEN_SECONDS` (here {BREAKER_SECONDS:g} s), doubled each time that its trial
  calls failed, 300 s at most; where a provider named a time (`Retry-After`), it is that time.
- Redis is asked every second whether it is back, a database that takes no changes every five; the index is built anew
  when it has been away for 20 s, and counts as missing for 10 s more. Searches go on meanwhile.
"""


def missing_program(fault: Fault, programs: Programs) -> str:
    """What this machine lacks for the fault; empty when nothing."""
    if fault.needs.redis and programs.redis is None:
        return "redis-server"
    if fault.needs.disk and programs.interposing is None:
        return "a C compiler"
    return ""


async def run_all(
    faults: Sequence[Fault], folder: Path, programs: Programs, told: Callable[[Row], None] = lambda _row: None
) -> list[Row]:
    """In the order of the faults; `told` as soon as each is there."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, fault: Fault, watcher: Watcher) -> Row:
        async with places:
            row = await _undisturbed(fault, folder / f"fault-{number}", programs, watcher)
        told(row)
        return row

    tasks: dict[str, asyncio.Task[Row]] = {}
    with closing(Watcher()) as watcher:
        async with asyncio.TaskGroup() as group:
            # The longest first, so that it is not what all wait for in the end.
            for number, fault in sorted(enumerate(faults), key=lambda item: -(item[1].within or item[1].seconds)):
                tasks[fault.name] = group.create_task(one(number, fault, watcher))
    return [tasks[fault.name].result() for fault in faults]


async def _undisturbed(fault: Fault, folder: Path, programs: Programs, watcher: Watcher) -> Row:
    """From a course during which the machine did not stand still: the short time limits would end for that alone.

    Nor was it too busy for them while nothing was broken yet. The last of three tries, whatever the machine did: what
    fails before its fault each time is told.
    """
    for attempt in ("first", "second", "third"):
        began = time.monotonic()
        row = row_of(await run(fault, folder / attempt, programs))
        if watcher.stood_still(began) < ENOUGH and all(sample.is_whole for sample in row.before):
            break
    return row


def page(rows: Sequence[Row], conditions: str) -> str:
    return f"{_HEAD}{table(STABLE, map(stable, rows))}{_NOTES}\n{_MEASURED}\n\n{conditions}\n\n{figures(rows)}"


def figures(rows: Sequence[Row]) -> str:
    return table(MEASURED, map(measured, rows))


def told_by_page(name: str, text: str | None = None) -> str:
    """The page's line about the fault that does not change from run to run; empty where there is none."""
    lasting = (PAGE.read_text(encoding="utf-8") if text is None else text).partition(_MEASURED)[0]
    found = re.search(rf"^\| {re.escape(name)} \|.*$", lasting, re.MULTILINE)
    return found.group() if found else ""


def seen(row: Row) -> str:
    """The same line as this row has it."""
    return table(STABLE, [stable(row)]).splitlines()[-1]
