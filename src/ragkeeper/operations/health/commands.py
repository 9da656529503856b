"""`ragkeeper health` and `ragkeeper status`: whether the server is well, and what it is doing."""

from typing import Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_json, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.health.views import show_health, show_status

# What a server that was started for this command would say of itself, and nobody wants to know.
_OF_A_PROCESS = frozenset({"health", "uptime_seconds", "loops", "traffic", "intake", "targets"})


def add_health_commands(app: typer.Typer, connect: Connect, connect_to_server: Connect) -> None:
    """`connect_to_server` reaches a running server only: one started for the command would prove nothing."""

    @app.command(epilog=example("ragkeeper health && echo fine"))
    def health(json: Json = False) -> None:
        """Look at each part of the running server. Exit status 1 when one is unwell, 3 when no server answers."""
        with connect_to_server() as client:
            found = client.get("/health/detailed")
        print_json(found) if json else show_health(found)
        if found["status"] != "healthy":
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    @app.command(epilog=example("ragkeeper status --json"))
    def status(json: Json = False) -> None:
        """Show documents, queue, index and how answers are made; without a server, what the data folder holds."""
        with connect() as client:
            found = client.get("/status")
        if client.private:
            found = {"running": False, **{name: value for name, value in found.items() if name not in _OF_A_PROCESS}}
        print_json(found) if json else _show(found)


def _show(found: dict[str, Any]) -> None:
    if not found.get("running", True):
        print_text("No server runs on this data folder: this is what it holds.\n")
    show_status(found)
