"""`ragkeeper audit …`: who did what."""

import json as json_format
from typing import Annotated

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table
from ragkeeper.cli.ports import Connect

_COLUMNS = ("at", "actor", "action", "subject", "details")


def audit_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="audit", help="Who did what, and when.")
    app.callback()(lambda: None)  # a group stays one, also while it has a single command

    @app.command("list", epilog=example("ragkeeper audit list", "ragkeeper audit list --action breaker_close --json"))
    def list_audit(
        action: Annotated[str | None, typer.Option("--action", help="Only acts of this kind.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 100,
        cursor: Annotated[str | None, typer.Option("--cursor", help="`next_cursor` of an earlier list.")] = None,
        json: Json = False,
    ) -> None:
        """List what administrators did, newest first."""
        with connect() as client:
            page = client.get("/admin/audit", action=action, limit=limit, cursor=cursor)
        if json:
            print_json(page)
            return
        print_table(
            _COLUMNS,
            [(one["at"][:19], one["actor"], one["action"], one["subject"], _details(one)) for one in page["items"]],
        )
        if page["next_cursor"]:
            note(f"There are more: raise --limit, or go on with --cursor {page['next_cursor']}")

    return app


def _details(entry: dict[str, dict[str, object]]) -> str:
    given = {name: value for name, value in entry["details"].items() if value not in (None, "", [])}
    return json_format.dumps(given, ensure_ascii=False) if given else ""
