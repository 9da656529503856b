"""`ragkeeper degrade`: which step is in force, force one for a while, let the server decide again."""

from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_fields, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.degradation.models import Step
from ragkeeper.operations.degradation.rules import duration

_PATH = "/admin/degradation"

To = Annotated[Step | None, typer.Option("--to", help="Hold the server to this step.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 90s, 10m, 2h, 1d; a week at most.")]
Auto = Annotated[bool, typer.Option("--auto", help="End what was forced.")]
Why = Annotated[str, typer.Option("--reason", help="Shown to whoever asks why.")]


def degrade_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="degrade", help="What the server still does: declared steps, from full to read-only.")
    app.info.no_args_is_help = False

    @app.callback(
        invoke_without_command=True,
        epilog=example(
            "ragkeeper degrade --to extractive --for 10m", "ragkeeper degrade --auto", "ragkeeper degrade status"
        ),
    )
    def degrade(
        context: typer.Context,
        to: To = None,
        period: For = "1h",
        auto: Auto = False,
        reason: Why = "",
        json: Json = False,
    ) -> None:
        """Force a step, end a forced one, or show which one is in force."""
        if context.invoked_subcommand is not None:
            if auto or to is not None:
                raise typer.BadParameter(f"{context.invoked_subcommand} shows, and changes nothing: leave it away")
            return
        if auto and to is not None:
            raise typer.BadParameter("--to and --auto exclude each other")
        if auto:
            with connect() as client:
                found = client.delete(_PATH)
        elif to is not None:
            seconds = duration(period).total_seconds()
            with connect() as client:
                found = client.post(_PATH, {"step": to.value, "seconds": seconds, "reason": reason})
        else:
            raise typer.BadParameter("say --to STEP or --auto, or ask `ragkeeper degrade status`")
        _show(found, json)

    @app.command(epilog=example("ragkeeper degrade status --json"))
    def status(json: Json = False) -> None:
        """Show the step in force, what is missing since when, and what was forced by whom until when."""
        with connect() as client:
            _show(client.get(_PATH), json)

    return app


def _show(found: dict[str, Any], json: bool) -> None:
    if json:
        print_json(found)
        return
    print_fields({"step": found["step"], "answers": found["answers"], "takes changes": found["takes_changes"]})
    if forced := found["forced"]:
        print_text(_forced(forced))
    if found["causes"]:
        rows = [(cause["name"], cause["step"], cause["since"], cause["reason"]) for cause in found["causes"]]
        print_table(("missing", "step", "since", "reason"), rows)


def _forced(forced: dict[str, Any]) -> str:
    why = f" ({forced['reason']})" if forced["reason"] else ""
    kept = "" if forced["stored"] else "; it could not be stored yet: a restart would end it"
    return f"forced by {forced['by']}: {forced['step']} until {forced['until']}{why}{kept}"
