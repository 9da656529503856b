"""`ragkeeper diagnose …`: why the server is slow, and whether its memory leaks."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_text
from ragkeeper.core.clock import utc_now
from ragkeeper.operations.capacity.writing import write_report
from ragkeeper.operations.diagnose.models import FEWEST_READINGS, Allocation, Evidence, Performance, Sample, Verdict
from ragkeeper.operations.diagnose.page import page
from ragkeeper.operations.diagnose.ports import Installation
from ragkeeper.operations.diagnose.rules import index_advice, issues, stage_advice
from ragkeeper.operations.diagnose.schemas import lines_view, performance_view, sample_view
from ragkeeper.operations.diagnose.text import evidence_text, performance_text, sample_line, verdict_text

_MINUTE = 60
_TOO_FEW = "Insufficient data for trend analysis"

Html = Annotated[Path | None, typer.Option("--html", help="Write the report with charts into this file.")]
Minutes = Annotated[float, typer.Option("--minutes", min=0.01, max=1440, help="How long to watch.")]
Interval = Annotated[float, typer.Option("--interval", min=0.05, max=600, help="Seconds between two samples.")]
Allocations = Annotated[
    bool, typer.Option("--allocations", help="Follow the allocations too: the server is slower meanwhile.")
]


def diagnose_commands(installation: Installation) -> typer.Typer:
    app = command_group(name="diagnose", help="Find out why the server is slow or why it grows; runs without it, too.")

    @app.command(epilog=example("ragkeeper diagnose performance"))
    def performance(html: Html = None, json: Json = False) -> None:
        """Look at the machine, make a search, read what was slow. Exit status 1 when something is beyond a limit."""
        found = _diagnosed(installation)
        print_json(performance_view(found)) if json else print_text(performance_text(found))
        if html is not None:
            write_report(html, page(found))
        if found.issues:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    @app.command(epilog=example("ragkeeper diagnose memory --minutes 30"))
    def memory(
        minutes: Minutes = 30.0, interval: Interval = 30.0, allocations: Allocations = False, json: Json = False
    ) -> None:
        """Watch the memory of the server's processes. Exit status 1 for a leak, 3 when there is too little to tell."""
        with _traced(installation, minutes * _MINUTE) if allocations else nullcontext():
            before = installation.evidence()
            samples = _watch(installation, minutes * _MINUTE, interval, shown=not json)
            lines = list(installation.grown()) if allocations else None
        after, verdict = installation.evidence(), installation.verdict(samples)
        if json:
            print_json(_memory_view(samples, verdict, (before, after), lines))
        else:
            _show(verdict, before, after, lines)
            if verdict is None:
                note(_too_few(len(samples), interval))
        if verdict is None:
            raise typer.Exit(ExitCode.COULD_NOT_RUN)
        if verdict.verdict == "leak":
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    return app


def _diagnosed(installation: Installation) -> Performance:
    host, answer = installation.host(), installation.answer()
    remembered = installation.remembered()
    database = installation.database(remembered.statements if remembered else ())
    return Performance(
        utc_now(),
        host,
        answer,
        remembered,
        database,
        issues(host, answer),
        stage_advice(remembered),
        index_advice(database),
    )


def _watch(installation: Installation, seconds: float, interval: float, *, shown: bool) -> list[Sample]:
    """Sample until the time is up; never at once again after a sample that came late."""
    began = time.monotonic()
    samples: list[Sample] = []
    if shown:
        print_text(f"Watching the server's memory for {seconds / _MINUTE:g} minutes, every {interval:g} seconds …")
    while True:
        samples.append(installation.sample())
        if shown:
            print_text(sample_line(samples[-1]))
        passed = time.monotonic() - began
        following = (int(passed / interval) + 1) * interval
        if following >= seconds:
            return samples
        time.sleep(following - passed)


@contextmanager
def _traced(installation: Installation, seconds: float) -> Iterator[None]:
    """However it ends, also by Ctrl-C and while the server begins: the server does not go on with it."""
    try:
        installation.trace(seconds)
        yield
    finally:
        installation.end_trace()


def _too_few(count: int, interval: float) -> str:
    needed = math.ceil(FEWEST_READINGS * interval / _MINUTE)
    more = f"take --minutes {needed} or longer, or a shorter --interval"
    return f"{_TOO_FEW}: {count} samples, at least {FEWEST_READINGS} are needed; {more}"


def _show(verdict: Verdict | None, before: Evidence, after: Evidence, lines: list[Allocation] | None) -> None:
    if verdict is None:
        return
    print_text()
    print_text(verdict_text(verdict))
    if verdict.verdict == "leak" or lines is not None:
        print_text(evidence_text(before, after, lines))


def _memory_view(
    samples: list[Sample],
    verdict: Verdict | None,
    evidence: tuple[Evidence, Evidence],
    lines: list[Allocation] | None,
) -> dict[str, Any]:
    return {
        "samples": [sample_view(one) for one in samples],
        "verdict": None if verdict is None else {**asdict(verdict), "growth_percent": verdict.growth_percent},
        "reason": _TOO_FEW if verdict is None else "",
        "before": asdict(evidence[0]),
        "after": asdict(evidence[1]),
        "allocations": None if lines is None else lines_view(lines),
    }
