"""The command tree: every feature's commands under `ragkeeper`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ragkeeper import __version__
from ragkeeper.cli.app import command_group, example, run
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_fields, print_json, print_text
from ragkeeper.conversations.commands import add_chat_commands
from ragkeeper.documents.commands import document_commands
from ragkeeper.entrypoints.diagnose import LocalInstallation
from ragkeeper.entrypoints.local import LazySurgery, LocalSchema, Place, initialise
from ragkeeper.entrypoints.logs import logging_by
from ragkeeper.entrypoints.watching import LocalPlanner
from ragkeeper.identity.audit.commands import audit_commands
from ragkeeper.ingestion.commands import add_ingest_commands
from ragkeeper.ingestion.progress.commands import job_commands
from ragkeeper.ingestion.sources.commands import source_commands
from ragkeeper.operations.alerts.commands import add_alert_commands
from ragkeeper.operations.breakers.commands import breaker_commands
from ragkeeper.operations.caches.commands import cache_commands
from ragkeeper.operations.capacity.commands import capacity_commands
from ragkeeper.operations.degradation.commands import degrade_commands
from ragkeeper.operations.diagnose.commands import diagnose_commands
from ragkeeper.operations.doctor.commands import add_support_bundle, doctor_commands
from ragkeeper.operations.health.commands import add_health_commands
from ragkeeper.operations.history.commands import history_commands
from ragkeeper.operations.monitoring.commands import monitoring_commands
from ragkeeper.operations.upgrade.commands import database_commands
from ragkeeper.quality.evaluation.commands import evaluation_commands
from ragkeeper.quality.golden.commands import add_golden_command
from ragkeeper.retrieval.commands import add_search_commands
from ragkeeper.retrieval.inspection.commands import add_index_doctor
from ragkeeper.retrieval.reindex.commands import add_reindex_command

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Data folder; default: RAG_DATA_DIR, or ./ragkeeper-data.")
]


def main() -> None:
    """The installed command."""
    sys.exit(run(command_tree(Place()), sys.argv[1:]))


def command_tree(place: Place) -> typer.Typer:
    app = command_group(help="Answers questions from your own documents, with citations that can be checked.")
    _add_root(app, place)
    _add_process_commands(app, place)
    add_ingest_commands(app, place.connect)
    add_chat_commands(app, place.connect)
    add_search_commands(app, place.connect)
    add_reindex_command(app, place.connect)
    app.add_typer(document_commands(place.connect))
    app.add_typer(job_commands(place.connect))
    app.add_typer(source_commands(place.connect))
    evaluation = evaluation_commands(place.connect)
    add_golden_command(evaluation, place.connect)
    app.add_typer(evaluation)
    app.add_typer(cache_commands(place.connect))
    app.add_typer(degrade_commands(place.connect))
    add_health_commands(app, place.connect, place.connect_to_server)
    app.add_typer(breaker_commands(place.connect_to_server))
    app.add_typer(audit_commands(place.connect))
    monitoring = monitoring_commands(LocalPlanner(place))
    add_alert_commands(monitoring, place.connect_to_server)
    app.add_typer(monitoring)
    app.add_typer(history_commands(place.connect))
    app.add_typer(capacity_commands(place.connect))
    app.add_typer(diagnose_commands(LocalInstallation(place)))
    app.add_typer(database_commands(LocalSchema(place)))
    surgery = LazySurgery(place)
    doctor = doctor_commands(surgery)
    add_index_doctor(doctor, place.connect)
    app.add_typer(doctor)
    add_support_bundle(app, surgery)
    return app


def _add_root(app: typer.Typer, place: Place) -> None:
    @app.callback(invoke_without_command=False)
    def root(
        data_dir: DataDir = None,
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
        ] = False,
        _debug: Annotated[bool, typer.Option("--debug", help="Print the stack of an unexpected failure.")] = False,
    ) -> None:
        place.data_dir = data_dir


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"ragkeeper {__version__}")
        raise typer.Exit


def _add_process_commands(app: typer.Typer, place: Place) -> None:
    @app.command(epilog=example("ragkeeper serve --port 8080"))
    def serve(
        host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default: RAG_HOST.")] = None,
        port: Annotated[
            int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one; default: RAG_PORT.")
        ] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Serve HTTP and work on what was uploaded, until SIGTERM or Ctrl-C."""
        place.data_dir = data_dir or place.data_dir
        settings = place.settings(RAG_HOST=host, RAG_PORT=port)
        from ragkeeper.entrypoints.server import serve as run_server  # noqa: PLC0415 - heavy: the application

        with logging_by(settings):
            run_server(settings)

    @app.command(epilog=example("ragkeeper init --data-dir /srv/ragkeeper"))
    def init(data_dir: DataDir = None, json: Json = False) -> None:
        """Make the data folder, its key and its database, where they are missing."""
        place.data_dir = data_dir or place.data_dir
        made = initialise(place)
        print_json(made) if json else print_fields(made)


if __name__ == "__main__":
    main()
