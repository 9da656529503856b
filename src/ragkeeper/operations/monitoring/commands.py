"""`ragkeeper monitoring …`: what Prometheus, Alertmanager and Grafana need to watch the server."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_text
from ragkeeper.operations.monitoring.models import Difference, Plan
from ragkeeper.operations.monitoring.ports import Planner
from ragkeeper.operations.monitoring.service import check as look
from ragkeeper.operations.monitoring.service import export as write
from ragkeeper.operations.monitoring.service import notes

Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target", metavar="HOST:PORT", help="A server as Prometheus reaches it; may be given several times."
    ),
]
Exporters = Annotated[
    list[str] | None,
    typer.Option("--exporter", metavar="JOB=HOST:PORT", help="What else runs, such as postgres=localhost:9187."),
]


def monitoring_commands(planner: Planner) -> typer.Typer:
    """`planner` makes the plan from the settings of this place; no server is needed."""
    app = command_group(name="monitoring", help="Have Prometheus, Alertmanager and Grafana watch the server.")

    @app.command(
        epilog=example(
            "ragkeeper monitoring export /etc/ragkeeper-monitoring", "ragkeeper monitoring export DIR --check"
        )
    )
    def export(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if need be.")],
        *,
        target: Targets = None,
        exporter: Exporters = None,
        alertmanager: Annotated[
            str, typer.Option("--alertmanager", metavar="HOST:PORT", help="Where Prometheus sends alerts.")
        ] = "localhost:9093",
        seen_at: Annotated[
            Path | None, typer.Option("--seen-at", help="The folder's path for who reads it, in a container say.")
        ] = None,
        time_scale: Annotated[
            float,
            typer.Option("--time-scale", min=0.0001, max=1, help="For rehearsals: shorten all waits and windows."),
        ] = 1.0,
        replace: Annotated[
            bool, typer.Option("--replace", help="Keep files of others beside, as NAME.before.")
        ] = False,
        check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 when it differs.")] = False,
        json: Json = False,
    ) -> None:
        """Write scrape configuration, rules, alert routes and dashboards: all of them or none."""
        where = (seen_at or folder).absolute()
        plan = planner(target or [], _pairs(exporter), alertmanager, where, time_scale)
        found = look(plan, folder) if check else write(plan, folder, replace=replace)
        print_json(_view(found, plan)) if json else _show(found, plan, check=check)
        if check and not found.nothing:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    return app


def _pairs(given: list[str] | None) -> list[tuple[str, str]]:
    pairs = [one.partition("=") for one in given or []]
    for job, equals, target in pairs:
        if not job or not equals or not target:
            raise typer.BadParameter(f"{job}{equals}{target} is not of the form JOB=HOST:PORT", param_hint="--exporter")
    return [(job, target) for job, _, target in pairs]


def _view(found: Difference, plan: Plan) -> dict[str, Any]:
    return {
        **{name: list(value) for name, value in asdict(found).items()},
        "targets": [target for _, target in plan.targets],
        "alerts": len(plan.alerts),
        "receivers": list(plan.receivers.names),
        "notes": list(notes(plan)),
    }


def _show(found: Difference, plan: Plan, *, check: bool) -> None:
    would = "would be " if check else ""
    for what in ("new", "changed", "gone", "foreign"):
        for name in getattr(found, what):
            print_text(f"{would}{what}  {name}")
    if found.nothing:
        print_text("Nothing to do: the folder is as it should be.")
    else:
        print_text(f"{len(plan.alerts)} alerts for {', '.join(target for _, target in plan.targets)}")
    for text in notes(plan):
        note(text)
