import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import ports

ASK = "from bench.ports import free_port; print(*(free_port() for _ in range(200)))"


def test_programs_that_ask_at_once_are_given_different_ports(tmp_path: Path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK], cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    given = [port for one in asking for port in one.communicate(timeout=60)[0].split()]
    assert len(given) == len(set(given)) == 600


def test_a_port_is_given_again_when_it_was_not_used_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports.tempfile, "gettempdir", lambda: str(tmp_path))
    port = ports.free_port()
    assert not ports._marked(port)
    [mark] = tmp_path.glob("*/*")
    os.utime(mark, (0, 0))
    assert ports._marked(port)
    assert not ports._marked(port)
