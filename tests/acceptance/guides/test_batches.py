"""What keeps memory small while documents are taken in: fewer at once, and limits that fit the container."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.processes import descendants
from tests.acceptance.background import in_background
from tests.acceptance.guides.test_diagnosis import Machine, machine_of
from tests.acceptance.mounts import inside
from tests.acceptance.server import Server, add_text, serving, wait_until_ready
from tests.contract.embedding.standin import StandIn
from tests.machine import require_data

_DIMENSION = 4096
_PARAGRAPH = "Paragraph {0}. The keeper of light {0} rings the bell of silver in the fog, and writes it down. " * 8
_FILES = tuple(f"docugami-sec10q/pdf/2022 Q3 {name}.pdf" for name in ("AAPL", "AMZN"))
_MB = 1_000_000


class Quick(StandIn):
    """Vectors that take no time to make, and as much memory as any."""

    async def _vectors(self, request: dict[str, Any]) -> bytes:
        number = len(request["input"])
        one = json.dumps({"object": "embedding", "index": 0, "embedding": [0.015625] * _DIMENSION})
        data = ",".join(one.replace('"index": 0', f'"index": {index}', 1) for index in range(number))
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return f'{{"object": "list", "model": "m", "usage": {json.dumps(usage)}, "data": [{data}]}}'.encode()


@pytest.mark.timeout(200)
def test_g3_022_memory_falls_with_what_is_done_at_once_and_must_fit_the_container(tmp_path: Path):
    assert _embedding(tmp_path / "e150", 150) < _embedding(tmp_path / "e300", 300) - 10 * _MB
    # A second reader that has just taken the place of a used one holds no more than what it begins with.
    assert _parsing(tmp_path / "p1", 1) < _parsing(tmp_path / "p2", 2) - 20 * _MB
    with machine_of(tmp_path / "machine") as machine:
        _in_a_container(machine, 1024 * _MB)
        assert _found(machine, RAG_PARSER_MEMORY_MB="1025")["parser_memory_above_limit"]["total_mb"] == 1024
        fitting = _found(machine, RAG_PARSER_MEMORY_MB="512", RAG_PARSER_WORKERS="2")
        assert not {"parser_memory_above_limit", "parsers_memory_above_limit"} & fitting.keys()
        assert "parsers_memory_above_limit" in _found(machine, RAG_PARSER_MEMORY_MB="512", RAG_PARSER_WORKERS="3")


def _embedding(folder: Path, batch: int) -> int:
    """The server's peak memory while one text is embedded by an endpoint."""
    text = "\n\n".join(f"# Part {number}\n\n{_PARAGRAPH.format(number)}" for number in range(320))
    with in_background(Quick(_DIMENSION)) as model:
        settings = {
            "RAG_EMBEDDING_MODEL": "openai:standin",
            "RAG_EMBEDDING_BASE_URL": model.base_url,
            "RAG_EMBEDDING_BATCH": str(batch),
        }
        with serving(folder, settings) as server:
            wait_until_ready(server, [add_text(server, "Lights", text)])
            assert max(len(request["input"]) for request in model.requests) == batch
            return _peak(server.process.pid)


def _parsing(folder: Path, workers: int) -> int:
    """The peak memory of all that reads the same files."""
    with serving(folder, {"RAG_PARSER_WORKERS": str(workers)}) as server:
        sent = [_send(server, require_data(name)) for name in _FILES]
        wait_until_ready(server, sent, "searchable")
        return sum(_peak(pid) for pid in descendants(server.process.pid))


def _send(server: Server, file: Path) -> str:
    with file.open("rb") as content:
        return str(server.http.post("/api/v1/documents", files={"file": (file.name, content)}).json()["id"])


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _in_a_container(machine: Machine, limit: int) -> None:
    """What the kernel shows inside a container with a memory limit."""
    groups = "/sys/fs/cgroup"
    inside(machine.server, "mount", "-t", "tmpfs", "tmpfs", groups)
    files = {"memory.max": str(limit), "memory.current": "5000000", "memory.stat": "inactive_file 0"}
    for name, text in files.items():
        inside(machine.server, "sh", "-c", f"echo {text} > {groups}/{name}")


def _found(machine: Machine, **settings: str) -> Mapping[str, Mapping[str, int]]:
    """The doctor's findings with their evidence, by code."""
    done = machine.run("doctor", "--json", **settings)
    return {one["code"]: one["evidence"] for one in json.loads(done.stdout)["findings"]}
