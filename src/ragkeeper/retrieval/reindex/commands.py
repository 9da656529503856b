"""`ragkeeper reindex`: the index built anew, or for another embedding model; undone with --rollback."""

import json as json_library
from pathlib import Path
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.client import Client
from ragkeeper.cli.confirm import confirm
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import DryRun, Json, Yes
from ragkeeper.cli.output import note, print_fields, print_json
from ragkeeper.cli.ports import Connect
from ragkeeper.retrieval.reindex.following import followed
from ragkeeper.retrieval.reindex.models import Gate

_INDEX = "/api/v1/index"
_REFUSED = "embedding_change_refused"
_COLUMNS = 3
_GATE = Gate()

Model = Annotated[
    str | None, typer.Option("--embedding-model", help="Change to this one, in the words of RAG_EMBEDDING_MODEL.")
]
Rollback = Annotated[bool, typer.Option("--rollback", help="Let the kept index serve again, and its model with it.")]
Finish = Annotated[bool, typer.Option("--finish", help="Give up the kept index and the vectors of other models.")]
Cancel = Annotated[bool, typer.Option("--cancel", help="Stop building and remove what was built.")]
Status = Annotated[bool, typer.Option("--status", help="Show what serves, what is kept and what is being built.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it serves.")]
Golden = Annotated[
    Path | None, typer.Option("--golden", metavar="DIR", help="Judge by this set: queries.jsonl and qrels.tsv.")
]
MinOverlap = Annotated[float, typer.Option("--min-overlap", min=0, max=1, help="Least overlap@10 without judgements.")]
MaxLoss = Annotated[float, typer.Option("--max-ndcg-loss", min=0, max=1, help="Most nDCG@10 that may be lost.")]
Force = Annotated[bool, typer.Option("--force", help="Change whatever the comparison says.")]


def add_reindex_command(app: typer.Typer, connect: Connect) -> None:
    @app.command(
        epilog=example(
            "ragkeeper reindex",
            "ragkeeper reindex --embedding-model openai:bge-m3 --dry-run",
            "ragkeeper reindex --rollback",
        )
    )
    def reindex(
        *,
        embedding_model: Model = None,
        dry_run: DryRun = False,
        yes: Yes = False,
        rollback: Rollback = False,
        finish: Finish = False,
        cancel: Cancel = False,
        status: Status = False,
        json: Json = False,
        wait: Wait = True,
        golden: Golden = None,
        min_overlap: MinOverlap = _GATE.min_overlap,
        max_ndcg_loss: MaxLoss = _GATE.max_ndcg_loss,
        force: Force = False,
    ) -> None:
        """Build the search index anew beside the one that serves, and switch to it.

        Nothing is embedded again, unless another embedding model is named: then its vectors are made first, what both
        find is compared, and everything goes on with the old model until the switch.
        """
        acts = {"rollback": rollback, "finish": finish, "cancel": cancel, "status": status}
        asked = [name for name, wanted in acts.items() if wanted]
        if len(asked) > 1 or (asked and (embedding_model or dry_run)):
            raise typer.BadParameter("one of --rollback, --finish, --cancel, --status, or a new index")
        body = {
            "embedding_model": embedding_model,
            "min_overlap": min_overlap,
            "max_ndcg_loss": max_ndcg_loss,
            "force": force,
            "golden": judged(golden) if golden else [],
        }
        with connect() as client:
            if asked:
                found = _act(client, asked[0], yes=yes)
            else:
                found = _rebuild(client, body, dry_run=dry_run, yes=yes, wait=wait)
        print_json(found) if json else print_fields(found)
        if found.get("code") == _REFUSED:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _act(client: Client, act: str, *, yes: bool) -> dict[str, Any]:
    if act == "finish":
        confirm("This removes the kept index and the vectors of every other model: no way back", yes=yes)
    found: dict[str, Any] = client.get(_INDEX) if act == "status" else client.post(f"{_INDEX}/{act}")
    return found


def _rebuild(client: Client, body: dict[str, Any], *, dry_run: bool, yes: bool, wait: bool) -> dict[str, Any]:
    """What the server says of the job once it has ended, or of what it would cost."""
    planned: dict[str, Any] = client.post(f"{_INDEX}/rebuild", {**body, "dry_run": True})
    if dry_run:
        return planned
    cost = planned["estimate"]
    if body["embedding_model"]:
        note(
            f"{cost['to_embed']:,} chunks to embed at {cost['per_second']:g}/s: about {cost['seconds']:,.0f} s; "
            f"{cost['megabytes']:,.0f} MB while both models are kept"
        )
        confirm(f"This embeds {cost['to_embed']:,} chunks with {cost['model']}", yes=yes)
    begun: dict[str, Any] = client.post(f"{_INDEX}/rebuild", body)
    if not wait:
        return begun
    ended = followed(client, begun["job_id"], accept=(_REFUSED,))
    if ended["code"] is None:
        note(
            f"{cost['model']} serves. `ragkeeper reindex --rollback` brings back what served before, at once, until "
            "`ragkeeper reindex --finish` removes it."
        )
    return ended


def judged(folder: Path) -> list[dict[str, Any]]:
    """The judged questions of an evaluation set; corpus ids are names of documents. Raises BadParameter."""
    try:
        lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        queries = {str(row["_id"]): row["text"] for row in map(json_library.loads, filter(None, lines))}
        rows = (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]
        grades: dict[str, dict[str, int]] = {}
        for query, document, grade in (row.split("\t")[:_COLUMNS] for row in rows if row):
            grades.setdefault(query, {})[document] = int(grade)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(f"{folder} holds no judged questions ({error})", param_hint="--golden") from error
    return [{"query": queries[query], "grades": found} for query, found in grades.items() if query in queries]
