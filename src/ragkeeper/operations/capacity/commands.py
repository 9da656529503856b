"""`ragkeeper capacity report`: when what will run out."""

from pathlib import Path
from typing import Annotated

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_json, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.capacity.models import FEWEST_DAYS
from ragkeeper.operations.capacity.page import page
from ragkeeper.operations.capacity.text import refusal, text_report
from ragkeeper.operations.capacity.writing import write_report

Days = Annotated[int, typer.Option("--days", min=FEWEST_DAYS, max=366, help="Whole days to look back.")]
Ahead = Annotated[int, typer.Option("--ahead", min=1, max=366, help="Days to look forward.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report with charts into this file.")]


def capacity_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="capacity", help="Tell when disk, memory or processors will run out.")
    app.callback()(lambda: None)  # a group stays one, also while it has a single command

    @app.command(epilog=example("ragkeeper capacity report --html capacity.html"))
    def report(days: Days = 30, ahead: Ahead = 90, html: Html = None, json: Json = False) -> None:
        """Project growth from the server's own history. Exit status 1 when something is to be done or days lack."""
        with connect() as client:
            found = client.get("/admin/capacity", days=days, ahead=ahead)
        if json:
            print_json(found)
        elif not found["enough"]:
            print_text(refusal(found))
        else:
            print_text(text_report(found))
        if html is not None and found["enough"]:
            write_report(html, page(found))
        if not found["enough"] or found["recommendations"]:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    return app
