"""`ragkeeper doctor index`: whether the index holds what the documents say, and what to do where it does not."""

from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.retrieval.reindex.following import followed

_CHECK = "/api/v1/index/check"


def add_index_doctor(app: typer.Typer, connect: Connect) -> None:
    @app.command("index", epilog=example("ragkeeper doctor index", "ragkeeper doctor index --deep --json"))
    def doctor_index(
        deep: Annotated[bool, typer.Option("--deep", help="Also read every stored file and more chunks.")] = False,
        fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
        examples: Annotated[int, typer.Option("--examples", min=0, max=1000, help="Ids shown of each finding.")] = 10,
        json: Json = False,
    ) -> None:
        """Compare the search index with the documents; changes nothing. Exit status 1 when something is wrong."""
        with connect() as client:
            found = client.post(_CHECK, {"deep": deep, "examples": examples})
            if fix and any(finding["repairable"] for finding in found["findings"]):
                followed(client, client.post("/api/v1/index/repair")["job_id"])
                found = client.post(_CHECK, {"deep": deep, "examples": examples})
        print_json(found) if json else _show(found)
        if not found["ok"]:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _show(found: dict[str, Any]) -> None:
    counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in found["counts"].items())
    note(f"{counts}; {found['waiting_changes']:,} changes wait ({found['seconds']:.1f} s)")
    if found["ok"]:
        print_text("The index holds what the documents say.")
        return
    rows = [
        (finding["kind"], f"{finding['count']:,}", finding["message"], ", ".join(finding["examples"]))
        for finding in found["findings"]
    ]
    print_table(("finding", "count", "what", "first ids"), rows)
    for fix in dict.fromkeys(finding["fix"] for finding in found["findings"]):
        note(fix)
