"""How the server is used: which routes, by whom, and how many uploads work."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.acceptance.guides.test_alerts import SCALE, address, panel
from tests.acceptance.guides.test_figures import series, upload, value
from tests.acceptance.guides.test_status import status
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import add_text, serving, wait_for, wait_until_ready
from tests.integration.monitoring.stack import programs, watching
from tests.machine import require_data

Require = Callable[[str], Path]
_ENCRYPTED = "files/hostile-pdf/unstructured__password.pdf"
USED = ("/api/v1/documents", "/api/v1/sources", "/api/v1/jobs")


@pytest.mark.timeout(120)
def test_g4_026_routes_are_counted_by_kind_of_caller(tmp_path: Path, require_binary: Require):
    found = programs(require_binary)
    with serving(tmp_path / "server") as server:
        for path, times in zip(USED, (4, 3, 1), strict=True):
            for _ in range(times):
                assert server.http.get(path).status_code == 200
        assert server.stranger.get(USED[0]).status_code == 401
        listed = server.http.get("/admin/stats").json()["routes"]
        assert [(one["path"], one["requests"]) for one in listed[:3]] == list(zip(USED, (5, 3, 1), strict=True))
        assert server.stranger.get("/admin/stats").status_code == 401
        assert listed[0]["callers"] == {"administrator": 4, "nobody": 1}
        assert value(server, "rag_requests_by_caller_total", "administrator", USED[0]) == 4
        assert value(server, "rag_requests_by_caller_total", "nobody", USED[0]) == 1
        with watching(found, tmp_path, [address(server)], SCALE) as stack:
            [query] = panel(stack, "ragkeeper", "Most used routes").values()
            wait_for(lambda: set(USED) <= {one["metric"]["path"] for one in stack.query(query)}, 60)


@pytest.mark.timeout(120)
def test_g4_023_uploads_are_counted_by_result(tmp_path: Path, require_binary: Require):
    found = programs(require_binary)
    with (
        serving(tmp_path / "server") as server,
        watching(found, tmp_path, [address(server)], SCALE) as stack,
    ):
        wait_for(lambda: bool(stack.query("rag_ready == 1")), 60)
        wait_until_ready(server, [add_text(server, f"L {number}", lighthouse(number)) for number in range(9)])
        locked = upload(server, "locked.pdf", require_data(_ENCRYPTED).read_bytes())
        assert locked.status_code == httpx.codes.ACCEPTED
        wait_until_ready(server, [locked.json()["id"]], "failed")
        told = status(server)["intake"]
        assert told == {"ok": 9, "unsuccessful": {"file_encrypted": 1}, "success_share": 0.9}
        assert "9 contents (90.0 %), 1 file_encrypted" in server.run("status").stdout
        assert series(server, "rag_uploads_total") == {("none", "accepted"): 10}
        [shown] = [
            query for legend, query in panel(stack, "ragkeeper", "Uploads that work").items() if legend == "read %"
        ]
        wait_for(lambda: bool(stack.query(shown)) and stack.value(shown) == pytest.approx(90), 30)
        # An empty file is refused at once.
        assert upload(server, "empty.txt", b"").is_client_error
        refused = {labels: n for labels, n in series(server, "rag_uploads_total").items() if labels[1] == "refused"}
        assert list(refused.values()) == [1]
        assert sum(status(server)["intake"]["unsuccessful"].values()) == 2
