"""`ragkeeper ingest`: files and folders in, and what became of each."""

from pathlib import Path
from typing import Annotated

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json, Metadata, metadata
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.cli.progress import progress_bar
from ragkeeper.ingestion.batch import Batch
from ragkeeper.ingestion.folders import FoundFile, NotFound, find_files

_SHOWN = 50


def add_ingest_commands(app: typer.Typer, connect: Connect) -> None:
    @app.command(epilog=example("ragkeeper ingest handbook/ minutes.docx --collection office"))
    def ingest(
        paths: Annotated[
            list[Path], typer.Argument(metavar="PATH…", help="Files, and folders with everything below them.")
        ],
        collection: Annotated[
            str | None, typer.Option("--collection", "-c", help="Where they go; default: the collection `default`.")
        ] = None,
        wait: Annotated[
            bool, typer.Option("--wait/--no-wait", help="Stay until everything is ready to be searched.")
        ] = True,
        values: Metadata = None,
        json: Json = False,
    ) -> None:
        """Add files to your documents. Hidden files are left out; what is there already is recognised.

        Exit status 1 when a file could not be added; the others are.
        """
        given = metadata(values)
        found = list(find_files(paths))
        with connect() as client:
            batch = Batch(client, collection, given)
            _run(batch, found, wait=wait)
        if json:
            print_json(batch.summary())
        else:
            _show(batch)
        if batch.failed:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _run(batch: Batch, found: list[FoundFile | NotFound], *, wait: bool) -> None:
    with progress_bar() as bar:
        sending = bar.add_task("Sending", total=len(found))
        batch.send(found, lambda: bar.advance(sending))
        if wait and batch.waiting:
            total = len(batch.waiting)
            reading = bar.add_task("Reading", total=total)
            batch.follow(lambda: bar.update(reading, completed=total - len(batch.waiting)))


def _show(batch: Batch) -> None:
    counts = f"{batch.accepted} added, {batch.duplicates} known already, {len(batch.failed)} failed"
    print_text(f"{counts}; {len(batch.waiting)} still being read." if batch.waiting else f"{counts}.")
    if not batch.accepted + batch.duplicates + len(batch.failed):
        note("No files were found there.")
    for warning in batch.warnings[:_SHOWN]:
        note(f"{warning['name']}: {warning['message']}")
    if len(batch.warnings) > _SHOWN:
        note(f"{len(batch.warnings) - _SHOWN} more warnings: `ragkeeper documents list` shows them.")
    if batch.failed:
        rows = [(item["name"], item["code"], f"{item['message']} {item['fix']}") for item in batch.failed]
        print_table(("file", "code", "what to do"), rows)
