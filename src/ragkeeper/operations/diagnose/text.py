"""Diagnoses as text, with the guide's titles and lines."""

from collections.abc import Iterator, Mapping, Sequence

from ragkeeper.operations.diagnose.models import Allocation, Evidence, Performance, Sample, Verdict

_MEGABYTE = 1024 * 1024
_MOST = 5
_LONGEST_STATEMENT = 600


def performance_text(found: Performance) -> str:
    return "\n".join(_performance(found))


def _performance(found: Performance) -> Iterator[str]:
    host, answer = found.host, found.answer
    disk = host.disk.file_systems[0].percent if host.disk.file_systems else 0.0
    yield from ("Performance Diagnostics Report", f"Generated: {found.generated:%Y-%m-%d %H:%M:%S} UTC", "")
    yield "System Metrics:"
    yield f"- CPU Usage: {host.cpu.percent:.1f}%"
    usable = "" if host.cpu.count == host.cpu.of_machine else f", {host.cpu.count:g} of them usable"
    yield f"- CPU Load Average: {host.cpu.load_avg[0]:.2f} on {host.cpu.of_machine} processors{usable}"
    yield f"- Memory Usage: {host.memory.percent:.1f}%"
    yield f"- Swap Usage: {host.memory.swap_percent:.1f}%"
    yield f"- Disk Usage: {disk:.1f}%"
    time = "none" if answer.seconds is None else f"{answer.seconds:.3f}s for a search"
    health = "" if answer.health_seconds is None else f", {answer.health_seconds:.3f}s for /health"
    yield f"- API Response Time: {time}{health}"
    yield from ("", "Slow Stages and Statements:", *_remembered(found), "", "Indexes:", *_indexes(found), "")
    yield "Issues Detected:"
    yield from [f"- {issue}" for issue in found.issues] or ["- No issues detected"]


def _remembered(found: Performance) -> Iterator[str]:
    if found.remembered is None:
        yield f"- Not known: {found.answer.problem or 'the server did not tell'}"
        return
    for stage in sorted(found.remembered.stages, key=lambda one: -one.p95)[:_MOST]:
        yield f"- {stage.name}: 95 % of {stage.count} within {stage.p95:.3f} s in the last hour"
    for one in found.remembered.statements[:_MOST]:
        yield f"- {one.count} times, up to {one.longest:.3f} s: {one.text[:_LONGEST_STATEMENT]}"
    if not found.remembered.stages and not found.remembered.statements:
        yield f"- None: no statement took longer than {found.remembered.limit:g} s, nobody has searched for an hour"
    yield from (f"- {one}" for one in found.stage_advice)


def _indexes(found: Performance) -> Iterator[str]:
    if found.database.problem:
        yield f"- Not known: {found.database.problem}"
        return
    yield from [f"- {one}" for one in found.index_advice] or ["- None lacks, and none is too many"]


def sample_line(one: Sample) -> str:
    return f"{one.at:%H:%M:%S} - Memory: {one.used / _MEGABYTE:.1f}MB ({one.percent:.1f}%)"


def verdict_text(found: Verdict) -> str:
    return "\n".join(_verdict(found))


def _verdict(found: Verdict) -> Iterator[str]:
    yield "Memory Trend Analysis:"
    yield f"Average memory usage (first half): {found.first_half / _MEGABYTE:.1f}MB"
    yield f"Average memory usage (second half): {found.second_half / _MEGABYTE:.1f}MB"
    yield f"Growth rate: {found.growth_percent:.2f}%"
    per_hour, low, high = (value / _MEGABYTE for value in (found.per_hour, found.low, found.high))
    yield f"Trend after warm-up: {per_hour:+.1f}MB an hour ({low:+.1f} to {high:+.1f} with 95 %)"
    words = {
        "leak": "Potential memory leak detected!",
        "decreasing": "Memory usage is decreasing (normal)",
        "stable": "Memory usage appears stable",
    }
    yield f"{words[found.verdict]} (confidence {found.confidence:.0%})"


def evidence_text(before: Evidence, after: Evidence, lines: Sequence[Allocation] | None) -> str:
    return "\n".join(_evidence(before, after, lines))


def _evidence(before: Evidence, after: Evidence, lines: Sequence[Allocation] | None) -> Iterator[str]:
    """What may be behind it, in the order in which it is looked at; a restart comes last, for it hides the cause."""
    yield "What grew with it:"
    yield f"1. Errors: {_count(before.errors, after.errors)} answers of 500 and above while it was watched"
    yield f"2. Open files and connections: {_grown(before.open_files, after.open_files)}"
    yield f"3. Garbage collector: {_grown(before.collector, after.collector)}"
    if lines is None:
        yield "4. Allocations: run it again with --allocations to see which lines of code hold the memory"
    else:
        yield "4. Allocations that grew:"
        yield from [f"   {one.bytes / _MEGABYTE:+.2f}MB in {one.count:+d} blocks: {one.line}" for one in lines] or [
            "   none in Python: the memory is held by a library"
        ]
    yield "5. A restart frees the memory, and hides the cause: report what stands above first"


def _count(before: float | None, after: float | None) -> str:
    return "unknown" if before is None or after is None else f"{after - before:.0f}"


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    changes = {name: after.get(name, 0) - before.get(name, 0) for name in after}
    rows = sorted(((change, name) for name, change in changes.items() if change), reverse=True)
    return ", ".join(f"{name} {change:+d}" for change, name in rows[:_MOST]) or "no change"
