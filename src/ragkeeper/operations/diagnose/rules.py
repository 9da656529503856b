"""What figures mean: the guide's limits, and advice about the database. No I/O, no clock."""

import re
from collections.abc import Iterator, Sequence

from ragkeeper.operations.diagnose.models import Answer, Database, Host, Plan, Remembered, Stage, Table

MOST_CPU, MOST_MEMORY, MOST_SWAP, MOST_DISK = 80.0, 85.0, 50.0, 90.0
SLOWEST_ANSWER = 5.0

_MANY_ROWS = 1000
_SLOW_STAGE = 1.0
_SLOWER = 3.0
_FEWEST_CALLS = 20
# SQLite's words for reading a whole table: https://www.sqlite.org/eqp.html.
_SCAN = re.compile(r"^SCAN (\w+)(?! USING)")


def issues(host: Host, answer: Answer) -> list[str]:
    """The guide's issues in its own words; every file system that is written to is looked at, not only `/`."""
    return [*_of_host(host), *_of_disks(host), *_of_answer(answer)]


def _of_host(host: Host) -> Iterator[str]:
    if host.cpu.percent > MOST_CPU:
        yield f"High CPU usage: {host.cpu.percent:.1f}%"
    # The load is the whole machine's. Where fewer processors may be used, others may wait for the rest of them: who is
    # not busy himself does not wait.
    waits = host.cpu.count == host.cpu.of_machine or host.cpu.percent > MOST_CPU
    if host.cpu.load_avg[0] > (host.cpu.count if waits else host.cpu.of_machine):
        yield f"High load average: {host.cpu.load_avg[0]:.2f}"
    if host.memory.percent > MOST_MEMORY:
        yield f"High memory usage: {host.memory.percent:.1f}%"
    if host.memory.swap_percent > MOST_SWAP:
        yield f"High swap usage: {host.memory.swap_percent:.1f}%"


def _of_disks(host: Host) -> Iterator[str]:
    for one in host.disk.file_systems:
        if one.percent > MOST_DISK:
            yield f"Low disk space: {one.percent:.1f}% used ({one.path})"


def _of_answer(answer: Answer) -> Iterator[str]:
    if answer.seconds is None:
        yield f"API endpoint not responding: {answer.problem}" if answer.problem else "API endpoint not responding"
    elif answer.seconds > SLOWEST_ANSWER:
        stage = f" (slowest stage: {answer.slowest[0]}, {answer.slowest[1]:.2f}s)" if answer.slowest else ""
        yield f"Slow API response time: {answer.seconds:.2f}s{stage}"
    if answer.known_answer is False:
        yield "Search does not find the passage it was asked for"


def stage_advice(remembered: Remembered | None) -> list[str]:
    """Of slow stages."""
    return [_of_stage(one) for one in remembered.stages if _is_slow(one)] if remembered else []


def index_advice(database: Database) -> list[str]:
    """Of statements that read whole tables, of references without an index, of indexes too many."""
    return [*_of_plans(database), *_missing(database.tables), *_superfluous(database.tables)]


def _is_slow(stage: Stage) -> bool:
    slower = stage.before is not None and stage.p95 > _SLOWER * stage.before and stage.p95 > _SLOW_STAGE / 10
    return stage.count >= _FEWEST_CALLS and (stage.p95 > _SLOW_STAGE or slower)


def _of_stage(stage: Stage) -> str:
    before = "" if stage.before is None else f", {stage.before:.2f} s the day before"
    return f"The stage {stage.name} is slow: 95 % of {stage.count} within {stage.p95:.2f} s in the last hour{before}"


def _of_plans(database: Database) -> Iterator[str]:
    rows = {table.name: table.rows for table in database.tables}
    for plan in database.plans:
        for table in _scanned(plan):
            if rows.get(table, 0) >= _MANY_ROWS:
                yield f"A slow statement reads all {rows[table]} rows of {table}; an index may help: {plan.statement}"


def _scanned(plan: Plan) -> list[str]:
    return [found[1] for step in plan.steps if (found := _SCAN.match(step))]


def _missing(tables: Sequence[Table]) -> Iterator[str]:
    """Whatever is deleted elsewhere has its references looked for: without an index, by reading the whole table."""
    for table in tables:
        for columns in table.references:
            if table.rows >= _MANY_ROWS and not any(_begins(index, columns) for index in table.indexes.values()):
                yield f"No index on {table.name} ({', '.join(columns)}), which refers to another table"


def _superfluous(tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        for name, columns in table.indexes.items():
            wider = [
                other
                for other, more in table.indexes.items()
                if other != name and _begins(more, columns) and (len(more) > len(columns) or other < name)
            ]
            if wider and not name.startswith("sqlite_autoindex"):
                yield f"The index {name} is not needed: {wider[0]} begins with the same columns"


def _begins(index: Sequence[str], columns: Sequence[str]) -> bool:
    return tuple(index[: len(columns)]) == tuple(columns)
