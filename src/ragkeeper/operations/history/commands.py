"""`ragkeeper history …`: what the server remembers of its own figures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.history.schemas import ResolutionName

_HISTORY = "/admin/history"

Name = Annotated[str, typer.Argument(metavar="NAME", help="A figure, as `ragkeeper history list` names it.")]
Hours = Annotated[float, typer.Option("--hours", min=0.01, max=100_000, help="How far back.")]
Every = Annotated[ResolutionName | None, typer.Option("--every", help="Default: what gives not too many lines.")]


def history_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="history", help="Look back at requests, times, memory, disks and documents.")

    @app.command("list", epilog=example("ragkeeper history list"))
    def list_history(json: Json = False) -> None:
        """Show what is remembered and its newest value."""
        with connect() as client:
            found = client.get(_HISTORY)
        if json:
            print_json(found)
            return
        print_table(("name", "newest", "unit", "meaning"), [_newest(one) for one in found["series"]])
        for told in _why_empty(found):
            note(told)

    @app.command("show", epilog=example("ragkeeper history show requests --hours 48"))
    def show_history(name: Name, hours: Hours = 24.0, every: Every = None, json: Json = False) -> None:
        """Show one figure over time: the mean of a level or a duration, a rate per second, or a percentage."""
        since = datetime.now(UTC) - timedelta(hours=hours)
        with connect() as client:
            found = client.get(f"{_HISTORY}/{quote(name, safe=':/')}", since=since.isoformat(), resolution=every)
        if json:
            print_json(found)
            return
        _print_series(found)

    return app


def _why_empty(found: dict[str, Any]) -> Iterator[str]:
    """What keeps a value from standing there: trouble, a server that has just started, or nothing to see."""
    series, keeping = found["series"], found["keeping"]
    began = next((one["at"] for one in series if one["at"]), None)
    if keeping["trouble"]:
        yield f"Nothing is written at the moment: {keeping['trouble']}"
    elif began is None:
        yield f"No figures yet: each minute is written when it has ended, the next one by {_clock(keeping['next_at'])}."
    if began is not None and any(one["value"] is None for one in series):
        yield f"-: nothing of the kind was seen in the minute from {_clock(began)} on."


def _clock(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%H:%M:%S} UTC"


def _print_series(found: dict[str, Any]) -> None:
    points = found["points"]
    if not points:
        note(
            "Nothing is remembered of that time; `ragkeeper history list` says what is, and when the next figures are."
        )
        return
    extra = [column for column in ("least", "most", "count", "p50", "p95", "p99") if any(_has(points, column))]
    print_table((found["resolution"], found["unit"] or "value", *extra), [_row(one, extra) for one in points])
    if found["whole"]:
        print_text(f"whole span: {_number(found['whole']['value'])}" + _percentiles(found["whole"]))


def _has(points: list[dict[str, Any]], column: str) -> list[bool]:
    return [point[column] is not None for point in points]


def _row(point: dict[str, Any], extra: list[str]) -> list[str]:
    return [point["at"][:16].replace("T", " "), _number(point["value"]), *(_number(point[name]) for name in extra)]


def _percentiles(whole: dict[str, Any]) -> str:
    known = [f"{name} {_number(whole[name])}" for name in ("p50", "p95", "p99") if whole[name] is not None]
    return f" ({', '.join(known)})" if known else ""


def _newest(one: dict[str, Any]) -> tuple[str, str, str, str]:
    return one["name"], _number(one["value"]), one["unit"], one["help"]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"  # noqa: PLR2004 - digits
