"""`ragkeeper monitoring alerts|silence|test`: what the server itself sees and whom it tells."""

from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.alerts.rules import seconds

_PATH = "/admin/alerts"


def add_alert_commands(app: typer.Typer, connect: Connect) -> None:
    """`connect` reaches a running server only: alerts live in it."""

    @app.command(epilog=example("ragkeeper monitoring alerts || echo look"))
    def alerts(json: Json = False) -> None:
        """Show alerts that are pending or firing. Exit status 1 when one fires."""
        with connect() as client:
            found = client.get(_PATH)
        print_json(found) if json else _show(found)
        if any(one["state"] == "firing" for one in found["alerts"]):
            raise typer.Exit(ExitCode.PROBLEM_FOUND)

    @app.command(epilog=example("ragkeeper monitoring silence HighCPUUsage --for 2h --reason 'nightly import'"))
    def silence(
        alert: Annotated[str, typer.Argument(metavar="NAME", help="Such as HighCPUUsage or HighCPUUsage.warning.")],
        period: Annotated[str, typer.Option("--for", metavar="TIME", help="90s, 10m, 2h, 1d; a month at most.")] = "1h",
        end: Annotated[bool, typer.Option("--end", help="End a silence.")] = False,
        reason: Annotated[str, typer.Option("--reason", help="Shown to whoever asks why.")] = "",
        json: Json = False,
    ) -> None:
        """Tell nobody of an alert for a while. Only of messages by the server itself; Alertmanager has its own."""
        body = {"alert": alert, "seconds": 0 if end else seconds(period), "reason": reason}
        with connect() as client:
            found = client.post(f"{_PATH}/silences", body)
        print_json(found) if json else _show_silences(found)

    @app.command(epilog=example("ragkeeper monitoring test"))
    def test(json: Json = False) -> None:
        """Send a test message by mail and webhook, and say whether somebody took it."""
        with connect() as client:
            found = client.post(f"{_PATH}/test", {})
        print_json(found) if json else print_text(f"sent by {', '.join(found['sent'])}")


def _show(found: dict[str, Any]) -> None:
    if not found["alerts"]:
        print_text("No alert is pending or firing.")
    else:
        rows = [_row(one) for one in found["alerts"]]
        print_table(("state", "severity", "alert", "for", "says", "page"), rows)
    _show_silences(found["silences"])
    if not found["channels"]:
        note("Nobody is told: set RAG_ALERT_MAIL_TO with RAG_SMTP_URL, or RAG_ALERT_WEBHOOK_URL.")
    for name, trouble in found["channels"].items():
        if trouble:
            note(f"The last message by {name} did not leave: {trouble}")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    return one["state"], one["severity"], one["name"], f"{one['seconds']:.0f} s", one["summary"], one["page"]


def _show_silences(found: list[dict[str, Any]]) -> None:
    if found:
        rows = [(one["alert"], one["until"][:19], one["by"], one["reason"]) for one in found]
        print_table(("silenced", "until", "by", "reason"), rows)
