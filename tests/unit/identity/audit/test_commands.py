from ragkeeper.cli.app import command_group
from ragkeeper.identity.audit.commands import audit_commands
from tests.unit.cli.server import FakeServer, runner

ENTRY = {
    "id": 7,
    "at": "2026-11-20T12:00:00.123456+00:00",
    "actor": "local",
    "action": "breaker_close",
    "subject": "groq:chat",
    "details": {"before": "open", "reason": ""},
}


def test_acts_are_shown_with_what_is_said_of_them(capsys):
    page = {"items": [ENTRY], "next_cursor": "Nw"}
    server = FakeServer({"GET /admin/audit": page})
    app = command_group()
    app.add_typer(audit_commands(server.connect))
    run = runner(app, capsys)
    done = run("audit", "list", "--action", "breaker_close")
    assert done.code == 0
    assert done.out.splitlines()[1].split("  ")[:4] == ["2026-11-20T12:00:00", "local", "breaker_close", "groq:chat"]
    assert '{"before": "open"}' in done.out
    assert "--cursor Nw" in done.err
    assert run("audit", "list", "--json").json == page
