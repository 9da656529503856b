import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.operations.caches.commands import cache_commands
from tests.unit.cli.server import FakeServer, runner

KIND = {"kind": "search", "hits": 3, "misses": 1, "hit_rate": 0.75, "entries": 1200, "bytes": 2_500_000}
KIND |= {"seconds": 3600.0, "longest_seconds": 3512.4}
STATS = {"enabled": True, "store": "memory", "limit_bytes": 32_000_000, "kinds": [KIND]}
CLEARED = {"cleared": {"answer": 7}, "entries": 7}


@pytest.fixture
def server():
    return FakeServer({"GET /admin/cache": STATS, "DELETE /admin/cache": CLEARED})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    app.add_typer(cache_commands(server.connect))
    return runner(app, capsys)


def test_stats_are_shown(run):
    done = run("cache", "stats")
    assert done.code == 0
    assert [word for word in ("search", "75%", "1,200", "2.5", "3512") if word not in done.out] == []
    assert run("cache", "stats", "--json").json == STATS


def test_a_cache_that_is_off_says_so(run, server):
    server.answers["GET /admin/cache"] = {**STATS, "enabled": False}
    assert "RAG_USE_CACHE=true" in run("cache", "stats").err


def test_a_kind_is_cleared(run, server):
    done = run("cache", "clear", "--kind", "answer")
    assert (done.code, done.out) == (0, "7 entries forgotten.\n")
    assert server.asked() == "DELETE /admin/cache?kind=answer"
    assert run("cache", "clear", "--json").json == CLEARED
    assert run("cache", "clear", "--kind", "sessions").code == 2
