"""`ragkeeper health` and `ragkeeper status`: whether the server is well, and what it is doing."""

from typing import Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_fields, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect


def add_health_commands(app: typer.Typer, connect: Connect, connect_to_server: Connect) -> None:
    """`connect_to_server` reaches a running server only: one started for the command would prove nothing."""

    @app.command(epilog=example("ragkeeper health && echo fine"))
    def health(json: Json = False) -> None:
        """Look at each part of the running server. Exit status 1 when one is unwell, 3 when no server answers."""
        with connect_to_server() as client:
            found = client.get("/health/detailed")
        if json:
            print_json(found)
        else:
            print_text(f"{found['status']} (version {found['version']})")
            print_table(("part", "state", "reason"), _rows(found["components"]))
        if found["status"] != "healthy":
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    @app.command(epilog=example("ragkeeper status --json"))
    def status(json: Json = False) -> None:
        """Show documents, queue, index and how answers are made."""
        with connect() as client:
            found = client.get("/status")
        print_json(found) if json else print_fields(found)


def _rows(components: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, part["state"], part["reason"]) for name, part in components.items()]
