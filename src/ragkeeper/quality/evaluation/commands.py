"""`ragkeeper eval`: figures about retrieval and answers on sets of judged questions."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table
from ragkeeper.cli.ports import Connect
from ragkeeper.cli.progress import progress_bar
from ragkeeper.quality.evaluation import repository, rules
from ragkeeper.quality.evaluation.models import Change, Corpus, Report
from ragkeeper.quality.evaluation.ports import Progress
from ragkeeper.quality.evaluation.service import MODES, EvaluationService

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the set, as docs/howto/evaluate.md says.")]
Collection = Annotated[
    str | None,
    typer.Option(help="Use this collection, upload what it lacks, and leave it as it is then."),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the loaded documents for the next evaluation.")]
Save = Annotated[Path | None, typer.Option(help="Also write the figures, with those of each question, to this file.")]
Baseline = Annotated[
    Path | None,
    typer.Option(help="Compare with this file of an earlier run; exit 1 when a figure fell by more than its noise."),
]
Modes = Annotated[str, typer.Option(help="Search modes by commas, or `all`.")]
Foreign = Annotated[
    Path | None, typer.Option(help="Another question set, whose questions these documents do not answer.")
]
Most = Annotated[int | None, typer.Option(min=1, help="Only the first so many questions of each set.")]


def evaluation_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="eval", help="Measure retrieval and answers on sets of judged questions.")

    @app.command(epilog=example("ragkeeper eval retrieval ../shared/data/scifact --save scifact.json"))
    def retrieval(
        folder: Folder,
        mode: Modes = "all",
        collection: Collection = None,
        json: Json = False,
        baseline: Baseline = None,
        save: Save = None,
        keep: Keep = False,
    ) -> None:
        """Search for every judged query and score the documents found."""
        judged = repository.read_retrieval_set(folder)
        before = repository.read_report(baseline) if baseline else None
        modes = MODES if mode == "all" else tuple(_mode(name) for name in mode.split(","))
        with connect() as client, _progress() as progress:
            service = EvaluationService(client, progress)
            with _loaded(service, judged.corpus, collection, keep=keep) as name:
                report = service.retrieval(judged, name, modes)
        _finish(report, before, save, as_json=json)

    @app.command(epilog=example("ragkeeper eval answers ../shared/data/xquad/en --foreign ../shared/data/covid-qa"))
    def answers(
        folder: Folder,
        foreign: Foreign = None,
        collection: Collection = None,
        most: Most = None,
        json: Json = False,
        baseline: Baseline = None,
        save: Save = None,
        keep: Keep = False,
    ) -> None:
        """Ask every question and check answers, citations and refusals."""
        asked = repository.first_questions(repository.read_question_set(folder), most)
        strange = repository.read_questions(foreign)[:most] if foreign else ()
        before = repository.read_report(baseline) if baseline else None
        with connect() as client, _progress() as progress:
            service = EvaluationService(client, progress)
            with _loaded(service, asked.corpus, collection, keep=keep) as name:
                report = service.answers(asked, strange, name)
        _finish(report, before, save, as_json=json)

    return app


@contextmanager
def _loaded(service: EvaluationService, corpus: Corpus, collection: str | None, *, keep: bool) -> Iterator[str]:
    """The name of a collection that holds the corpus; emptied afterwards unless it was given or is to be kept."""
    name = collection or corpus.collection
    failed = service.load(corpus, name)
    if failed:
        note(f"{failed} of {len(corpus.documents)} documents could not be read; they count as not found.")
    try:
        yield name
    finally:
        if collection is None and not keep:
            service.remove(name)


def _finish(report: Report, before: Report | None, save: Path | None, *, as_json: bool) -> None:
    if save:
        repository.write_report(report, save)
    changes = rules.compare(before, report) if before else []
    if as_json:
        print_json(repository.as_json(report))
    else:
        _print_figures(report)
    if before:
        _print_changes(changes)
    if any(change.is_regression for change in changes):
        raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _print_figures(report: Report) -> None:
    figures = report.figures
    names = list(dict.fromkeys(name for values in figures.values() for name in values))
    rows = [(name, *(_cell(name, values.get(name, math.nan)) for values in figures.values())) for name in names]
    print_table(("figure", *figures), rows)
    note(", ".join(f"{name} {value}" for name, value in report.conditions.items()))


def _cell(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "none"
    return f"{value:.1f}" if name.endswith("_ms") else f"{value:.4f}"


def _print_changes(changes: list[Change]) -> None:
    """On standard error, so that the result stays one table or one object."""
    for change in changes:
        note(
            f"{_verdict(change)}  {change.figure}: {change.before:.4f} -> {change.after:.4f} "
            f"({change.after - change.before:+.4f}; noise {change.noise:.4f}, two standard errors {change.method})"
        )


def _verdict(change: Change) -> str:
    if change.is_regression:
        return "fell"
    return "rose" if change.after - change.before > change.noise else "same"


@contextmanager
def _progress() -> Iterator[Progress]:
    with progress_bar() as bars:
        task = bars.add_task("connect", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield show


def _mode(name: str) -> str:
    if name not in MODES:
        raise typer.BadParameter(f"{name} is not one of all, {', '.join(MODES)}", param_hint="--mode")
    return name
