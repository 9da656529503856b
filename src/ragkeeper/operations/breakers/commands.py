"""`ragkeeper breaker …`: the state of each model provider, and a hand on its breaker."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table
from ragkeeper.cli.ports import Connect
from ragkeeper.providers.resilience.models import Act

_BREAKERS = "/admin/breakers"
_COLUMNS = (
    "name",
    "model",
    "status",
    "breaker",
    "since",
    "next try",
    "last success",
    "errors",
    "p50 s",
    "last failure",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A provider, or one of its operations as `list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; recorded with who did it.")]


def breaker_commands(connect: Connect) -> typer.Typer:
    """`connect` reaches a running server only: breakers live in it."""
    app = command_group(name="breaker", help="Show how model providers are; open, close or free their breakers.")

    @app.command("list", epilog=example("ragkeeper breaker list"))
    def list_breakers(json: Json = False) -> None:
        """Show each model provider as its calls showed it. No call is made for this."""
        with connect() as client:
            found = client.get(_BREAKERS)
        print_json(found) if json else _show(found)

    @app.command("open", epilog=example("ragkeeper breaker open groq --reason 'it bills twice'"))
    def open_breaker(name: Name, reason: Reason = "", json: Json = False) -> None:
        """Call the provider no more, until `close` or `auto`. Answers come from the next one or are quoted."""
        _act(name, Act.OPEN, reason, json=json)

    @app.command("close", epilog=example("ragkeeper breaker close groq"))
    def close_breaker(name: Name, reason: Reason = "", json: Json = False) -> None:
        """Call the provider again at once and forget what failed. Too many new failures open the breaker again."""
        _act(name, Act.CLOSE, reason, json=json)

    @app.command("auto", epilog=example("ragkeeper breaker auto groq"))
    def free_breaker(name: Name, reason: Reason = "", json: Json = False) -> None:
        """End a hold by `open`: a few trial calls decide. A breaker that is not held stays as it is."""
        _act(name, Act.AUTO, reason, json=json)

    def _act(name: str, act: Act, reason: str, *, json: bool) -> None:
        with connect() as client:
            found = client.post(f"{_BREAKERS}/{quote(name, safe='')}", {"act": act.value, "reason": reason})
        print_json(found) if json else _show(found)

    return app


def _show(found: list[dict[str, Any]]) -> None:
    if not found:
        note("No model of a provider is in use: answers are quoted and texts embedded by the server itself.")
        return
    print_table(_COLUMNS, [_row(one) for one in found])


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["name"],
        one["model"],
        one["state"],
        f"{one['breaker']}, held" if one["held"] else one["breaker"],
        _time(one["since"]),
        _time(one["next_try"]),
        _time(one["last_success"]),
        "" if one["error_rate"] is None else f"{one['error_rate']:.0%}",
        one["latency_p50"],
        one["last_failure_reason"],
    )


def _time(moment: str | None) -> str:
    return (moment or "")[:19]
