"""`ragkeeper health` and `ragkeeper status`: whether the server is well, and what it is doing."""

from typing import Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_json, print_table, print_text, size
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.health.views import disk_rows, moment, show_errors, show_providers, show_status

# What a server that was started for this command would say of itself, and nobody wants to know.
_OF_A_PROCESS = frozenset({"health", "uptime_seconds", "loops", "traffic", "intake", "targets"})


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
            print_table(("part", "state", "since", "reason"), _rows(found["components"]))
            if found.get("providers"):
                show_providers(found["providers"])
            if found.get("machine"):
                print_text(_machine(found["machine"]))
            if found.get("disks"):
                print_table(("disk", "used", "free", "inodes free", "verdict", "path"), disk_rows(found["disks"]))
            if found.get("errors") is not None:
                show_errors(found["errors"])
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


def _rows(components: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(name, part["state"], moment(part.get("since")), part["reason"]) for name, part in components.items()]


def _machine(figures: dict[str, Any]) -> str:
    where = "container" if figures["limited"] else "machine"
    load = " ".join(f"{figures[name]:.2f}" for name in ("load_1", "load_5", "load_15"))
    return f"memory of the {where}: {size(figures['memory_used'])} of {size(figures['memory_total'])}; load: {load}"
