"""A parser child that hangs, swells, crashes, lies or is killed costs its own file; the next file is read."""

import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import pytest

from ragkeeper.ingestion.errors import (
    FileMissing,
    FileNotOpened,
    IngestionError,
    OutputTooLarge,
    ParserCrashed,
    ParserOutOfMemory,
    ParserTimedOut,
    ParserUnavailable,
)
from ragkeeper.ingestion.parsers.pool import SandboxedParser, opening_error
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.storage.files.data_folder import DataFolder
from tests.waiting import until

CHILD = (sys.executable, "-I", str(Path(__file__).with_name("parser_child.py")))
Say = Callable[[str], Awaitable[ParsedDocument]]


def pool(folder: Path, **settings: object) -> SandboxedParser:
    chosen: dict[str, object] = {
        "folder": folder / "work",
        "workers": 1,
        "memory_bytes": 256 << 20,
        "seconds": 1.0,
        "child": CHILD,
    }
    return SandboxedParser(**(chosen | settings))  # type: ignore[arg-type]


@pytest.fixture
async def parser(tmp_path: Path) -> AsyncIterator[SandboxedParser]:
    chosen = pool(tmp_path)
    await chosen.start()
    yield chosen
    await chosen.close()


@pytest.fixture
def say(parser: SandboxedParser, tmp_path: Path) -> Say:
    return lambda wish: parse(parser, tmp_path, wish)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


async def parse(parser: SandboxedParser, folder: Path, wish: str) -> ParsedDocument:
    path = folder / wish.replace(" ", "-")
    path.write_text(wish)
    return await parser.parse(path, path.name)


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        ("loop", ParserTimedOut, "longer than 1 seconds"),
        ("sleep", ParserTimedOut, "longer than 1 seconds"),
        ("hog", ParserOutOfMemory, "more than 256 MiB"),
        ("gulp", ParserOutOfMemory, "more than 256 MiB"),
        ("crash", ParserCrashed, "signal SIGSEGV"),
        ("lie", ParserCrashed, "out of place"),
        ("garbage", ParserCrashed, "no sense"),
    ],
)
async def test_a_fault_costs_its_own_file_only(say: Say, wish: str, error: type[IngestionError], message: str):
    with pytest.raises(error, match=message):
        await say(wish)
    assert (await say("good words")).text == "good words"


async def test_a_child_killed_while_parsing_costs_its_own_file(parser: SandboxedParser, say: Say):
    parsing = asyncio.create_task(say("sleep"))
    await until(lambda: bool(parser._busy))
    os.kill(next(iter(parser._busy)).pid, signal.SIGKILL)
    with pytest.raises(ParserCrashed, match="SIGKILL"):
        await parsing
    assert (await say("good words")).text == "good words"


async def test_busy_counts_the_files_in_children_and_no_file_that_waits(parser: SandboxedParser, say: Say):
    assert parser.busy == 0
    parsing = [asyncio.ensure_future(say("sleep")) for _ in range(2)]
    await until(lambda: bool(parser.busy))
    assert parser.busy == 1
    await asyncio.gather(*parsing, return_exceptions=True)
    assert parser.busy == 0


async def test_a_cancelled_parse_kills_its_child(parser: SandboxedParser, say: Say):
    parsing = asyncio.create_task(say("loop"))
    await until(lambda: bool(parser._busy))
    child = next(iter(parser._busy))
    await asyncio.sleep(0.1)
    parsing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parsing
    assert not child.alive
    assert (await say("good words")).text == "good words"


async def test_the_network_is_out_of_reach(say: Say):
    assert (await say("sockets")).text == "inet:PermissionError inet6:PermissionError unix:PermissionError"
    assert (await say("threads")).text == "thread:PermissionError"


async def test_no_program_is_started_and_no_process_signalled(say: Say):
    assert (await say("programs")).text == "fork:PermissionError exec:PermissionError kill:PermissionError"


async def test_files_outside_are_out_of_reach(parser: SandboxedParser, say: Say):
    if any("files" in missing for child in parser._idle for missing in child.missing):
        pytest.skip("this kernel has no Landlock")
    assert (
        await say("files")
    ).text == "read:PermissionError write:PermissionError neighbours:PermissionError own:allowed"


async def test_the_environment_holds_no_secrets(say: Say, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    assert "SECRET" not in (await say("environment")).text


async def test_long_text_is_refused_with_its_limit(tmp_path: Path):
    parser = pool(tmp_path, output_characters=1000)
    try:
        with pytest.raises((OutputTooLarge, ParserCrashed)):
            await parse(parser, tmp_path, "flood")
        assert (await parse(parser, tmp_path, "good words")).text == "good words"
    finally:
        await parser.close()


async def test_worn_children_are_replaced(tmp_path: Path):
    parser = pool(tmp_path, recycle_after=2)
    try:
        pids = []
        for _ in range(4):
            await parse(parser, tmp_path, "good words")
            pids += [child.pid for child in (*parser._idle, *parser._busy)]
            await until(lambda: not parser._tasks)
        assert len(set(pids)) >= 2
    finally:
        await parser.close()


async def test_closing_reaps_every_child_and_folder(tmp_path: Path):
    parser = pool(tmp_path, workers=2)
    await parser.start()
    children = list(parser._idle)
    waiting = asyncio.create_task(parse(parser, tmp_path, "sleep"))
    await asyncio.sleep(0.2)
    await parser.close()
    with pytest.raises(ParserCrashed):
        await waiting
    assert [child._folder.exists() for child in children] == [False, False]
    with pytest.raises(ProcessLookupError):
        os.kill(children[0].pid, 0)
    with pytest.raises(ParserUnavailable):
        await parse(parser, tmp_path, "good words")


async def test_workers_bound_what_runs_at_once(tmp_path: Path):
    parser = pool(tmp_path, workers=2, seconds=0.5)
    await parser.start()
    started = time.monotonic()
    outcomes = await asyncio.gather(*(parse(parser, tmp_path, "sleep") for _ in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ParserTimedOut] * 4
    assert time.monotonic() - started >= 1.0
    await parser.close()


PARENT = """
import asyncio, pathlib, sys
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.storage.files.data_folder import DataFolder
async def main(data, wish, *child):
    folder = DataFolder(pathlib.Path(data))
    folder.create()
    folder.lock()
    parser = SandboxedParser(folder=folder.work, workers=1, child=child)
    await parser.start()
    print(parser._idle[0].pid, flush=True)
    await parser.parse(pathlib.Path(wish), "wish")
asyncio.run(main(*sys.argv[1:]))
"""


async def start_parent(data: Path, wish: Path) -> tuple[asyncio.subprocess.Process, int]:
    """A server's part that matters here, reading `wish`, and the number of its child, which is at work already."""
    command = (sys.executable, "-c", PARENT, data, wish, *CHILD)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    pid = int(await process.stdout.readline())
    await until(lambda: any(data.glob("work/*/busy")))
    return process, pid


@pytest.mark.parametrize("name", ["data", "Ablage für Łódź " + "und noch länger " * 12])
async def test_a_killed_parent_takes_its_busy_child_along_and_its_folders_go_at_the_next_start(
    tmp_path: Path, name: str
):
    wish = tmp_path / "wish"
    wish.write_text("churn")
    process, pid = await start_parent(tmp_path / name, wish)
    process.kill()
    await process.communicate()
    await until(lambda: not is_running(pid))
    folder = DataFolder(tmp_path / name)
    assert list(folder.work.iterdir())
    folder.lock()
    assert not list(folder.work.iterdir())
    folder.unlock()


async def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    parser = pool(tmp_path)
    try:
        await parse(parser, tmp_path, "good words")
        assert [path.parent for path in (tmp_path / "work").iterdir()] == [tmp_path / "work"]
    finally:
        await parser.close()
    assert not list(elsewhere.iterdir())
    assert not list((tmp_path / "work").iterdir())


async def test_a_child_that_cannot_start_says_why(tmp_path: Path):
    parser = pool(tmp_path, child=(sys.executable, "-c", "raise SystemExit('no parser here')"))
    with pytest.raises(ParserUnavailable, match="no parser here"):
        await parse(parser, tmp_path, "good words")
    await parser.close()


async def test_a_full_disk_or_a_folder_out_of_reach_is_no_fault_of_the_file(tmp_path: Path):
    (tmp_path / "work").write_text("in the way")
    parser = pool(tmp_path)
    with pytest.raises(ParserUnavailable, match="File exists") as caught:
        await parse(parser, tmp_path, "good words")
    assert caught.value.retryable


async def test_a_program_that_cannot_be_run_is_no_fault_of_the_file(tmp_path: Path):
    parser = pool(tmp_path, child=(str(tmp_path / "nowhere"),))
    with pytest.raises(ParserUnavailable, match="No such file"):
        await parse(parser, tmp_path, "good words")
    assert not list((tmp_path / "work").iterdir())


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """Let this process open `left` more files and no further one."""
    free = [os.dup(0) for _ in range(left + 1)]
    for descriptor in free:
        os.close(descriptor)
    before = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (free[-1], before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, before)


def opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_no_descriptor_left_is_no_fault_of_the_file(parser: SandboxedParser, tmp_path: Path):
    path = tmp_path / "wish"
    path.write_text("good words")
    with descriptors(left=0), pytest.raises(FileNotOpened, match="Too many open files") as caught:
        await parser.parse(path, path.name)
    assert caught.value.retryable
    assert (await parser.parse(path, path.name)).text == "good words"


async def test_no_descriptor_left_for_a_child_is_no_fault_of_the_file(tmp_path: Path):
    path = tmp_path / "wish"
    path.write_text("good words")
    parser = pool(tmp_path)
    before = opened()
    for left in range(1, 6):
        with descriptors(left), pytest.raises(ParserUnavailable, match="Too many open files"):
            await parser.parse(path, path.name)
    assert (await parser.parse(path, path.name)).text == "good words"
    assert len(list((tmp_path / "work").iterdir())) == 1
    await parser.close()
    assert opened() <= before


@pytest.mark.parametrize(
    ("number", "expected", "retryable"),
    [
        (errno.ENOENT, FileMissing, False),
        (errno.EACCES, FileMissing, False),
        (errno.ENFILE, FileNotOpened, True),
        (errno.ENOMEM, FileNotOpened, True),
        (errno.EIO, FileNotOpened, True),
    ],
)
def test_what_may_pass_is_told_apart(number: int, expected: type[IngestionError], retryable: bool):
    found = opening_error(OSError(number, os.strerror(number)))
    assert (type(found), found.retryable) == (expected, retryable)
