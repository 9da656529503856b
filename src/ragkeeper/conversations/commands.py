"""`ragkeeper ask`: one question, its answer, and where it stands."""

import sys
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import StreamIncomplete
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Collection, Json
from ragkeeper.cli.output import note, print_json, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.core.lines import one_line

_HINT = 200


def add_chat_commands(app: typer.Typer, connect: Connect) -> None:
    @app.command(epilog=example('ragkeeper ask "How many days of parental leave do employees get?"'))
    def ask(
        question: Annotated[str, typer.Argument(help="In your own words.")],
        collection: Collection = None,
        conversation: Annotated[
            str | None, typer.Option("--conversation", metavar="ID", help="Go on with an earlier conversation.")
        ] = None,
        stream: Annotated[
            bool | None,
            typer.Option("--stream/--no-stream", help="Show the answer as it is written; default: on a terminal."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Answer a question from your documents, with citations. Exit status 1 when they do not answer it."""
        body = {"message": question, "collection": collection, "conversation_id": conversation}
        as_it_comes = not json and (sys.stdout.isatty() if stream is None else stream)
        with connect() as client:
            answer = _streamed(client, body) if as_it_comes else client.post("/chat", body)
        if json:
            print_json(answer)
        else:
            show_answer(answer, text_shown=as_it_comes)
        if answer["refused"]:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _streamed(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Show the tokens; return what came with `done`, the same object that is answered without streaming."""
    answer: dict[str, Any] = {}
    for event in client.stream("/chat/stream", body):
        if event.name == "token":
            print_text(event.data["text"], end="")
        elif event.name == "done":
            answer = event.data
    print_text()
    if not answer:
        raise StreamIncomplete
    return answer


def show_answer(answer: dict[str, Any], *, text_shown: bool = False) -> None:
    """The text, its numbered citations, and for a refusal the closest passages."""
    if not text_shown:
        print_text(answer["answer"])
    place = None
    for citation in answer["citations"]:
        if place != (place := f"[{citation['marker']}] {_place(citation)}"):
            print_text(f"\n{place}")
        print_text(f"    “{one_line(citation['quote'])}”")
    if answer["refused"] and answer["hints"]:
        print_text("\nClosest passages:")
        for hint in answer["hints"]:
            print_text(f"- {_place(hint)}: {one_line(hint['text'], _HINT)}")
    for text in answer["notes"]:
        note(text)
    if answer["cached"]:
        note(f"given again: made for an equal question {answer['cached_seconds']:.0f} s ago")


def _place(source: dict[str, Any]) -> str:
    page = f", page {source['page']}" if source["page"] else ""
    return f"{one_line(source['title'])}{page}"
