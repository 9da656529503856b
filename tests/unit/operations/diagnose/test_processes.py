import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from ragkeeper.operations.diagnose.processes import open_files, sample

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_memory_is_what_only_this_process_has():
    before = sample(os.getpid(), 10**9, NOW)
    block = bytearray(os.urandom(1)) * 50_000_000
    after = sample(os.getpid(), 10**9, NOW)
    assert 45_000_000 < after.used - before.used < 60_000_000
    assert after.percent - before.percent > 4
    assert len(block) == 50_000_000


def test_open_files_are_named(tmp_path: Path):
    before = open_files(os.getpid())
    handles = [(tmp_path / "x").open("w") for _ in range(5)]
    one, other = socket.socketpair()
    after = open_files(os.getpid())
    assert after[str(tmp_path / "x")] == 5
    assert after["local socket"] - before.get("local socket", 0) == 2
    for handle in (*handles, one, other):
        handle.close()
    assert str(tmp_path / "x") not in open_files(os.getpid())


def test_connections_are_named_by_whom_they_lead_to(tmp_path: Path):
    folder = tmp_path / "77"
    (folder / "fd").mkdir(parents=True)
    (folder / "net").mkdir()
    (folder / "stat").write_text("77 (x) S 1 " + "0 " * 40)
    (folder / "fd/3").symlink_to("socket:[111]")
    (folder / "fd/4").symlink_to("socket:[222]")
    (folder / "fd/5").symlink_to("pipe:[9]")
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    (folder / "net/tcp").write_text(
        head
        + "   0: 0100007F:1F40 0200007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 111 1 0\n"
        + "   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 222 1 0\n"
    )
    assert open_files(77, tmp_path) == {"connection with 127.0.0.2": 1, "listening socket": 1}
