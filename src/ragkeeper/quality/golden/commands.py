"""`ragkeeper eval golden`."""

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_fields, print_json
from ragkeeper.cli.ports import Connect

_PATH = "/admin/golden"


def add_golden_command(app: typer.Typer, connect: Connect) -> None:
    @app.command(epilog=example("ragkeeper eval golden", "ragkeeper eval golden --json"))
    def golden(json: Json = False) -> None:
        """Ask the questions of RAG_GOLDEN_QUESTIONS of the documents as they are; the server does so by itself too."""
        with connect() as client:
            found = client.post(_PATH, {})
        print_json(found) if json else print_fields({**found, "missed": ", ".join(found["missed"]) or "none"})
