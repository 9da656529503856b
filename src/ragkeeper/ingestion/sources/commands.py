"""`ragkeeper sources …`: places that documents come from, and keeping in step with them."""

import json as json_format
import os
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.client import Client
from ragkeeper.cli.confirm import confirm
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import DryRun, Json, Yes
from ragkeeper.cli.output import note, print_fields, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.cli.progress import progress_bar
from ragkeeper.core.lines import one_line
from ragkeeper.ingestion.sources.models import RunState, SourceKind

_SOURCES = "/api/v1/sources"
_LOOK_EVERY = 0.3  # seconds
_UNDER_WAY = frozenset({RunState.QUEUED.value, RunState.RUNNING.value, RunState.WAITING.value})

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `ragkeeper sources list` shows it.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="What the kind understands; may be given several times."),
]
ScheduleOption = Annotated[
    str | None, typer.Option("--schedule", help="Five cron fields, UTC: `0 2 * * *` is daily at 02:00.")
]


def source_commands(connect: Connect) -> typer.Typer:
    app = command_group(
        name="sources", help="Keep documents in step with folders, web pages, sitemaps, buckets and Git repositories."
    )
    _add_reading(app, connect)
    _add_adding(app, connect)
    _add_changing(app, connect)
    _add_sync(app, connect)
    _add_pausing(app, connect)
    _add_removing(app, connect)
    return app


def _add_reading(app: typer.Typer, connect: Connect) -> None:
    @app.command("list", epilog=example("ragkeeper sources list"))
    def list_sources(json: Json = False) -> None:
        """List sources with how their last run went."""
        with connect() as client:
            found = client.get(_SOURCES)
        if json:
            print_json(found)
        else:
            print_table(
                ("name", "kind", "location", "collection", "schedule", "items", "failed", "last run"),
                [_row(source) for source in found],
            )

    @app.command("show", epilog=example("ragkeeper sources show handbook"))
    def show_source(name: Name, json: Json = False) -> None:
        """Show one source: what it holds, its last run, and what of it could not be read."""
        with connect() as client:
            found = client.get(_path(name))
        if json:
            print_json(found)
            return
        failures = found.pop("failures")
        print_fields(found)
        if failures:
            print_table(("item", "code", "reason"), [(one["key"], one["code"], one["message"]) for one in failures])


def _add_adding(app: typer.Typer, connect: Connect) -> None:
    @app.command(
        "add",
        epilog=example(
            "ragkeeper sources add handbook folder /srv/handbook --schedule '*/15 * * * *'",
            "ragkeeper sources add handbook folder /srv/handbook -o watch=true -o 'exclude=[\"drafts/*\"]'",
        ),
    )
    def add_source(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Begins its documents' names.")],
        kind: Annotated[SourceKind, typer.Argument(metavar="KIND", help="folder, web, sitemap, s3 or git.")],
        location: Annotated[str, typer.Argument(metavar="LOCATION", help="A folder on the server, or an address.")],
        collection: Annotated[
            str | None, typer.Option("--collection", "-c", help="Where documents go; default: `default`.")
        ] = None,
        schedule: ScheduleOption = None,
        option: Options = None,
        json: Json = False,
    ) -> None:
        """Add a source. `ragkeeper sources sync NAME` reads it for the first time.

        Every kind understands most_removed=0.3: a run that would remove a larger share removes nothing and says so.
        """
        body: dict[str, Any] = {
            "name": name,
            "kind": kind.value,
            "location": _whole_path(location) if kind is SourceKind.FOLDER else location,
            "options": _options(option),
            "schedule": schedule,
        }
        if collection is not None:
            body["collection"] = collection
        with connect() as client:
            made = client.post(_SOURCES, body)
        if json:
            print_json(made)
        else:
            print_text(f"Added the source {made['name']}. Read it with: ragkeeper sources sync {made['name']}")


def _add_changing(app: typer.Typer, connect: Connect) -> None:
    @app.command("change", epilog=example("ragkeeper sources change handbook --schedule '0 2 * * *'"))
    def change_source(
        name: Name,
        location: Annotated[str | None, typer.Option("--location", help="Where it is now.")] = None,
        schedule: Annotated[
            str | None, typer.Option("--schedule", help="Five cron fields, UTC; empty for none.")
        ] = None,
        option: Options = None,
        json: Json = False,
    ) -> None:
        """Change a source. An option set to null goes back to its default."""
        body: dict[str, Any] = {"location": location, "schedule": schedule, "options": _options(option) or None}
        with connect() as client:
            changed = client.patch(_path(name), {key: value for key, value in body.items() if value is not None})
        print_json(changed) if json else print_text(f"Changed the source {name}.")


def _add_sync(app: typer.Typer, connect: Connect) -> None:
    @app.command("sync", epilog=example("ragkeeper sources sync handbook --dry-run", "ragkeeper sources sync --all"))
    def sync_source(
        name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one.")] = None,
        every: Annotated[bool, typer.Option("--all", help="Every source that is not paused.")] = False,
        dry_run: DryRun = False,
        allow_removals: Annotated[
            bool, typer.Option("--allow-removals", help="Remove what is gone, however much it is.")
        ] = False,
        wait: Annotated[bool, typer.Option("--wait", help="Stay until the run has ended.")] = False,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Take in what is new or changed in a source and remove what is gone. Exit status 1 when that failed.

        With --wait: until it has ended. Otherwise `ragkeeper sources show NAME` tells how far it is.
        """
        if every is (name is not None) or (every and (dry_run or allow_removals)):
            raise typer.BadParameter("give a NAME, or --all without --dry-run and --allow-removals")
        with connect() as client:
            if name is None:
                _sync_all(client, wait=wait, json=json)
            elif dry_run:
                _show_plan(client.post(f"{_path(name)}/sync", {"dry_run": True}), json=json)
            else:
                if allow_removals:
                    confirm(f"This removes every document of {name} that is gone from the source", yes=yes)
                _sync(client, name, allow_removals=allow_removals, wait=wait, json=json)


def _add_pausing(app: typer.Typer, connect: Connect) -> None:
    @app.command("pause", epilog=example("ragkeeper sources pause handbook"))
    def pause_source(name: Name, json: Json = False) -> None:
        """Begin no more runs of a source, by schedule or otherwise. Its documents stay as they are."""
        _set_paused(name, paused=True, json=json)

    @app.command("resume", epilog=example("ragkeeper sources resume handbook"))
    def resume_source(name: Name, json: Json = False) -> None:
        """Let runs of a source begin again."""
        _set_paused(name, paused=False, json=json)

    def _set_paused(name: str, *, paused: bool, json: bool) -> None:
        with connect() as client:
            changed = client.patch(_path(name), {"paused": paused})
        print_json(changed) if json else print_text(f"The source {name} is {'paused' if paused else 'active'}.")


def _add_removing(app: typer.Typer, connect: Connect) -> None:
    @app.command(
        "remove",
        epilog=example("ragkeeper sources remove handbook", "ragkeeper sources remove handbook --documents --dry-run"),
    )
    def remove_source(
        name: Name,
        documents: Annotated[
            bool, typer.Option("--documents", help="Delete its documents too; otherwise they stay.")
        ] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Forget a source. Its documents stay, and can be searched, unless --documents is given."""
        mode = "delete" if documents else "keep"
        with connect() as client:
            plan = client.delete(f"{_path(name)}?documents={mode}&dry_run=true")
            if not dry_run:
                confirm(f"This removes the source {name}{_fate(plan, documents=documents)}", yes=yes)
                plan = client.delete(f"{_path(name)}?documents={mode}")
        if json:
            print_json(plan)
        else:
            said = "Would remove" if dry_run else "Removed"
            print_text(f"{said} the source {name}{_fate(plan, documents=documents)}.")


def _fate(plan: dict[str, Any], *, documents: bool) -> str:
    if documents:
        return f" and {plan['deleted']:,} documents, for good"
    return f"; its {plan['kept']:,} documents stay"


def _sync(client: Client, name: str, *, allow_removals: bool, wait: bool, json: bool) -> None:
    job = client.post(f"{_path(name)}/sync", {"allow_removals": allow_removals})
    if not wait:
        print_json(job) if json else print_text(f"Started. How far it is: ragkeeper sources show {name}")
        return
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        while (run := client.get(_path(name))["last_run"])["state"] in _UNDER_WAY:
            bar.update(task, completed=run["items"])
            time.sleep(_LOOK_EVERY)
    print_json(run) if json else print_text(_outcome(name, run))
    if run["state"] != RunState.DONE.value:
        raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _sync_all(client: Client, *, wait: bool, json: bool) -> None:
    started = client.post("/ingest")
    if not wait:
        print_json(started) if json else print_text(_started(started["job_ids"]))
        return
    while (job := client.get(f"/api/v1/syncs/{started['job_id']}"))["state"] in _UNDER_WAY:
        time.sleep(_LOOK_EVERY)
    sources = [source for source in client.get(_SOURCES) if source["last_run"] and not source["paused"]]
    if json:
        print_json({**job, "sources": sources})
    else:
        for source in sources:
            print_text(_outcome(source["name"], source["last_run"]))
    if any(source["last_run"]["state"] != RunState.DONE.value for source in sources):
        raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _outcome(name: str, run: dict[str, Any]) -> str:
    counts = (
        f"{run['added']:,} added, {run['updated']:,} updated, {run['removed']:,} removed, "
        f"{run['unchanged']:,} unchanged, {run['failed']:,} failed"
    )
    if run["error"]:
        error = run["error"]
        return f"{name}: {run['state']} [{error['code']}] {error['message']} {error['fix']} ({counts})"
    return f"{name}: {run['state']}; {counts}."


def _show_plan(plan: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(plan)
        return
    print_text(
        f"Would add {plan['add']:,}, update {plan['update']:,}, remove {plan['remove']:,}; "
        f"{plan['unchanged']:,} unchanged, {plan['fail']:,} unreadable. Nothing was changed."
    )
    if plan["changes"]:
        print_table(("change", "item"), [(one["change"], one["key"]) for one in plan["changes"]])
    if plan["stopped"]:
        note(f"A run would remove nothing: {plan['stopped']['message']} {plan['stopped']['fix']}")


def _row(source: dict[str, Any]) -> tuple[object, ...]:
    return (
        source["name"],
        source["kind"],
        one_line(source["location"], 60),
        source["collection"],
        "paused" if source["paused"] else source["schedule"],
        source["items"],
        source["failed"],
        _last(source["last_run"]),
    )


def _last(run: dict[str, Any] | None) -> str:
    if run is None:
        return "never"
    when = (run["ended_at"] or run["began_at"])[:16]
    return f"{run['state']} {when}" + (f" [{run['error']['code']}]" if run["error"] else "")


def _path(name: str) -> str:
    return f"{_SOURCES}/{quote(name, safe='')}"


def _started(job_ids: list[str]) -> str:
    if not job_ids:
        return "There is no source to synchronise."
    many = "synchronisation" if len(job_ids) == 1 else "synchronisations"
    return f"Started {len(job_ids)} {many}. How far they are: ragkeeper sources list"


def _whole_path(location: str) -> str:
    """As the server will see it: from the command's own folder."""
    return os.path.abspath(Path(location).expanduser())  # noqa: PTH100 - Path.resolve would follow links


def _options(pairs: list[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` pairs; a value that is JSON is taken as such. Raises BadParameter."""
    split = [pair.partition("=") for pair in pairs or []]
    for key, equals, value in split:
        if not key or not equals:
            raise typer.BadParameter(f"{key}{equals}{value} is not of the form KEY=VALUE", param_hint="--option")
    return {key: _value(value) for key, _, value in split}


def _value(text: str) -> Any:
    try:
        return json_format.loads(text)
    except ValueError:
        return text
