"""`ragkeeper db …`: the schema of the database."""

from dataclasses import asdict
from typing import Annotated

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import DryRun, Json
from ragkeeper.cli.output import note, print_json, print_text
from ragkeeper.core.checks import Severity
from ragkeeper.operations.upgrade.errors import UpgradeRefused
from ragkeeper.operations.upgrade.models import SchemaState
from ragkeeper.operations.upgrade.ports import Schema


def database_commands(schema: Schema) -> typer.Typer:
    app = command_group(name="db", help="Show and upgrade the schema of the database; needs no server.")

    @app.command(epilog=example("ragkeeper db current --check"))
    def current(
        check: Annotated[bool, typer.Option("--check", help="Exit status 1 unless it is the newest.")] = False,
        json: Json = False,
    ) -> None:
        """Show which revision the database is at, marked (head) when it is the newest."""
        state = schema.current()
        print_json(_view(state)) if json else print_text(_revision(state))
        if check and not state.is_current:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    @app.command(epilog=example("ragkeeper db upgrade --dry-run", "ragkeeper db upgrade"))
    def upgrade(
        revision: Annotated[str, typer.Argument(help="How far; default: to the newest.")] = "head",
        dry_run: DryRun = False,
        json: Json = False,
    ) -> None:
        """Bring the database to this program's schema. Stop the server first, and copy its data folder."""
        before = schema.current()
        if before.revision != before.head:
            _look_ahead(schema, dry_run=dry_run)
        after = before if dry_run else schema.upgrade(revision)
        if json:
            print_json({**_view(after), "before": before.revision})
        elif dry_run:
            print_text(f"Now at {_revision(before)}; would go to {revision} ({before.head} is the newest).")
        elif after.revision == before.revision:
            print_text(f"Nothing to do: {_revision(after)}")
        else:
            print_text(f"Upgraded from {before.revision or 'empty'} to {_revision(after)}")

    return app


def _look_ahead(schema: Schema, *, dry_run: bool) -> None:
    """Say what speaks against it. Raises UpgradeRefused where it would fail or destroy something."""
    found = schema.preflight()
    for finding in found:
        note(f"{finding.severity.value}: {finding.message} [{finding.code}]")
        note(f"  fix: {finding.fix}")
    failures = [finding.code for finding in found if finding.severity is Severity.FAILURE]
    if failures and not dry_run:
        raise UpgradeRefused(codes=", ".join(failures))


def _revision(state: SchemaState) -> str:
    return f"{state.revision or 'empty'}{' (head)' if state.is_current else ''}"


def _view(state: SchemaState) -> dict[str, object]:
    return {**asdict(state), "is_current": state.is_current}
