"""`ragkeeper documents …`: what is there, how far it is, and how it goes away."""

from datetime import datetime
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.confirm import confirm
from ragkeeper.cli.options import Collection, DryRun, Json, Metadata, Yes
from ragkeeper.cli.options import metadata as values
from ragkeeper.cli.output import note, print_fields, print_json, print_table, print_text, size
from ragkeeper.cli.ports import Connect
from ragkeeper.core.lines import one_line
from ragkeeper.documents.models import VersionStatus

_PAGE = 500
_DELETE = "/api/v1/documents/delete"

DocumentId = Annotated[str, typer.Argument(metavar="ID", help="As `ragkeeper documents list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="`next_cursor` of an earlier list: go on from there.")]


def document_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="documents", help="List, read, delete and retry documents; manage collections.")
    _add_reading(app, connect)
    _add_deleting(app, connect)
    _add_retrying(app, connect)
    _add_collections(app, connect)
    return app


def _add_reading(app: typer.Typer, connect: Connect) -> None:
    @app.command("list", epilog=example("ragkeeper documents list --status failed"))
    def list_documents(
        collection: Collection = None,
        status: Annotated[
            VersionStatus | None, typer.Option("--status", help="Only documents whose newest version is this far.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
        json: Json = False,
    ) -> None:
        """List documents, newest first."""
        with connect() as client:
            page = _pages(
                lambda after, count: client.get(
                    "/api/v1/documents",
                    collection=collection,
                    status=status.value if status else None,
                    limit=count,
                    cursor=after,
                ),
                limit,
                cursor,
            )
        _show_page(page, json, _show_documents)

    @app.command("show", epilog=example("ragkeeper documents show 0199e5c2-7d1b-7c55-9d0c-1f2e3d4c5b6a"))
    def show_document(document: DocumentId, json: Json = False) -> None:
        """Show one document: how far it is, what went wrong, what is known about it."""
        with connect() as client:
            found = client.get(f"/api/v1/documents/{document}")
        print_json(found) if json else print_fields(found)

    @app.command("content", epilog=example("ragkeeper documents content ID > text.txt"))
    def show_content(document: DocumentId, json: Json = False) -> None:
        """Print the text that was read from a document; citations count its characters."""
        with connect() as client:
            found = client.get(f"/api/v1/documents/{document}/content")
        print_json(found) if json else print_text(found["text"])

    @app.command("chunks", epilog=example("ragkeeper documents chunks ID --limit 10"))
    def list_chunks(document: DocumentId, limit: Limit = 100, cursor: Cursor = None, json: Json = False) -> None:
        """List the pieces of a document that searches find."""
        with connect() as client:
            path = f"/api/v1/documents/{document}/chunks"
            page = _pages(lambda after, count: client.get(path, limit=count, cursor=after), limit, cursor)
        _show_page(page, json, _show_chunks)


def _add_deleting(app: typer.Typer, connect: Connect) -> None:
    @app.command(
        "delete",
        epilog=example("ragkeeper documents delete ID", "ragkeeper documents delete --name-prefix 2019/ --dry-run"),
    )
    def delete_documents(  # noqa: PLR0917 - typer passes each option by name
        documents: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
        collection: Annotated[str | None, typer.Option("--collection", "-c", help="All of this collection.")] = None,
        status: Annotated[
            VersionStatus | None, typer.Option("--status", help="All whose newest version is so.")
        ] = None,
        name_prefix: Annotated[str | None, typer.Option("--name-prefix", help="All whose name begins so.")] = None,
        added_before: Annotated[
            datetime | None, typer.Option("--added-before", help="All that were there by this time (UTC).")
        ] = None,
        metadata: Metadata = None,
        dry_run: DryRun = False,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Delete documents with all their versions: no search or answer uses them any more. Prints a receipt.

        Give ids, or conditions that must all apply.
        """
        conditions = _given(
            collection=collection,
            status=status.value if status else None,
            name_prefix=name_prefix,
            added_before=added_before.isoformat() if added_before else None,
            metadata=values(metadata) if metadata else None,
        )
        body: dict[str, Any] = {"ids": documents or [], **({"filter": conditions} if conditions else {})}
        with connect() as client:
            plan = client.post(_DELETE, {**body, "dry_run": True})
            if dry_run or not plan["documents"]:
                _show_plan(plan, json)
                return
            confirm(f"This deletes {_named(plan)} and cannot be undone", yes=yes)
            if conditions and added_before is None:
                body["filter"]["added_before"] = plan["planned_at"]
            done = client.post(_DELETE, body)
        print_json(done) if json else print_text(_deleted(done["receipt"]))

    @app.command("receipts", epilog=example("ragkeeper documents receipts --document ID"))
    def list_receipts(
        document: Annotated[str | None, typer.Option("--document", help="Only the deletion of this one.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
        json: Json = False,
    ) -> None:
        """List deletions, newest first: what was deleted, when and by whom."""
        with connect() as client:
            page = _pages(
                lambda after, count: client.get("/api/v1/deletions", document_id=document, limit=count, cursor=after),
                limit,
                cursor,
            )
        _show_page(page, json, _show_receipts)


def _add_retrying(app: typer.Typer, connect: Connect) -> None:
    @app.command("retry", epilog=example("ragkeeper documents retry ID"))
    def retry_document(document: DocumentId, json: Json = False) -> None:
        """Read a failed document again."""
        with connect() as client:
            accepted = client.post(f"/api/v1/documents/{document}/retry")
        print_json(accepted) if json else print_text(f"Queued again: {accepted['id']}")


def _add_collections(app: typer.Typer, connect: Connect) -> None:
    @app.command("collections", epilog=example("ragkeeper documents collections"))
    def list_collections(json: Json = False) -> None:
        """List the collections that you may see."""
        with connect() as client:
            found = client.get("/api/v1/collections")
        if json:
            print_json(found)
        else:
            print_table(("name", "created", "description"), [_collection_row(item) for item in found])

    @app.command("create-collection", epilog=example("ragkeeper documents create-collection contracts"))
    def create_collection(
        name: Annotated[str, typer.Argument(help="Letters, digits, `_`, `-`, `.` and single blanks.")],
        description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
        json: Json = False,
    ) -> None:
        """Make a collection."""
        with connect() as client:
            made = client.post("/api/v1/collections", {"name": name, "description": description})
        print_json(made) if json else print_text(f"Created the collection {made['name']}.")


def _given(**conditions: object) -> dict[str, object]:
    """What is empty counts: the server refuses it, so that a variable that was not set does not widen a deletion."""
    return {name: value for name, value in conditions.items() if value is not None}


def _pages(fetch: Any, limit: int, cursor: str | None) -> dict[str, Any]:
    """Up to `limit` items from as many pages as it takes, as one page."""
    items: list[Any] = []
    while True:
        page = fetch(cursor, min(_PAGE, limit - len(items)))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or len(items) >= limit:
            return {"items": items, "next_cursor": cursor}


def _show_page(page: dict[str, Any], json: bool, show: Any) -> None:
    if json:
        print_json(page)
        return
    show(page["items"])
    if page["next_cursor"]:
        note(f"There are more: raise --limit, or go on with --cursor {page['next_cursor']}")


def _show_documents(items: list[dict[str, Any]]) -> None:
    rows = [
        (item["id"], item["status"], item["collection"], item["name"], size(item["version"]["size"]), _state(item))
        for item in items
    ]
    print_table(("id", "status", "collection", "name", "size", "note"), rows)


def _state(item: dict[str, Any]) -> str:
    version = item["version"]
    if version["error"]:
        return f"{version['error']['code']}: {version['error']['message']}"
    return "; ".join(str(warning["message"]) for warning in version["warnings"])


def _show_chunks(items: list[dict[str, Any]]) -> None:
    rows = [(item["ordinal"], item["page"], item["tokens"], one_line(item["text"], 120)) for item in items]
    print_table(("number", "page", "tokens", "text"), rows)


def _show_plan(plan: dict[str, Any], json: bool) -> None:
    if json:
        print_json(plan)
        return
    print_text(f"Would delete {_named(plan)}. Nothing was changed.")
    if plan["documents"]:
        print_table(
            ("id", "collection", "name"), [(one["id"], one["collection"], one["name"]) for one in plan["sample"]]
        )
    if plan["unknown"]:
        note(f"There is no such document: {', '.join(plan['unknown'])}")


def _named(plan: dict[str, Any]) -> str:
    """What a plan is about, in words: the one document by its title, many by their number."""
    if plan["documents"] == 1:
        [one] = plan["sample"]
        return f"“{one_line(one['title'], 80)}” ({one['name']})"
    return f"{plan['documents']:,} documents"


def _deleted(receipt: dict[str, Any]) -> str:
    n_documents = receipt["documents"]
    what = receipt["sample"][0]["name"] if n_documents == 1 else f"{n_documents:,} documents"
    kept = "" if receipt["originals_removed"] else " Their originals are shared with other documents and stay."
    return (
        f"Deleted {what}: {receipt['versions']:,} versions, {receipt['chunks']:,} chunks, "
        f"{receipt['originals_removed']:,} originals.{kept} Receipt {receipt['id']}."
    )


def _show_receipts(items: list[dict[str, Any]]) -> None:
    rows = [
        (
            item["id"],
            item["deleted_at"][:19],
            item["deleted_by"],
            item["documents"],
            one_line(", ".join(one["name"] for one in item["sample"]), 80),
        )
        for item in items
    ]
    print_table(("id", "time", "by", "documents", "names"), rows)


def _collection_row(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["name"], item["created_at"][:10], item["description"]
