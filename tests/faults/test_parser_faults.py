"""A parser child that hangs, swells, crashes, lies or is killed costs its own file; the next file is read."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ragkeeper.ingestion.errors import (
    IngestionError,
    OutputTooLarge,
    ParserCrashed,
    ParserOutOfMemory,
    ParserTimedOut,
    ParserUnavailable,
)
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.ingestion.parsers.port import ParsedDocument

CHILD = (sys.executable, "-I", str(Path(__file__).with_name("parser_child.py")))
Say = Callable[[str], Awaitable[ParsedDocument]]


def pool(**settings: object) -> SandboxedParser:
    chosen: dict[str, object] = {"workers": 1, "memory_bytes": 256 << 20, "seconds": 1.0, "child": CHILD}
    return SandboxedParser(**(chosen | settings))  # type: ignore[arg-type]


@pytest.fixture
async def parser() -> AsyncIterator[SandboxedParser]:
    chosen = pool()
    await chosen.start()
    yield chosen
    await chosen.close()


@pytest.fixture
def say(parser: SandboxedParser, tmp_path: Path) -> Say:
    return lambda wish: parse(parser, tmp_path, wish)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is awaited here happens in another process
            await asyncio.sleep(0.01)


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
    assert (await say("files")).text == "read:PermissionError write:PermissionError own:allowed"


async def test_the_environment_holds_no_secrets(say: Say, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    assert "SECRET" not in (await say("environment")).text


async def test_long_text_is_refused_with_its_limit(tmp_path: Path):
    parser = pool(output_characters=1000)
    try:
        with pytest.raises((OutputTooLarge, ParserCrashed)):
            await parse(parser, tmp_path, "flood")
        assert (await parse(parser, tmp_path, "good words")).text == "good words"
    finally:
        await parser.close()


async def test_worn_children_are_replaced(tmp_path: Path):
    parser = pool(recycle_after=2)
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
    parser = pool(workers=2)
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
    parser = pool(workers=2, seconds=0.5)
    await parser.start()
    started = time.monotonic()
    outcomes = await asyncio.gather(*(parse(parser, tmp_path, "sleep") for _ in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ParserTimedOut] * 4
    assert time.monotonic() - started >= 1.0
    await parser.close()


async def test_children_die_with_their_parent(tmp_path: Path):  # passes by raising nothing
    script = (
        "import asyncio, os, signal\n"
        "from ragkeeper.ingestion.parsers.pool import SandboxedParser\n"
        "async def main():\n"
        "    parser = SandboxedParser(workers=1)\n"
        "    await parser.start()\n"
        "    print(parser._idle[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    pid = int(output)
    await until(lambda: not is_running(pid))


async def test_a_child_that_cannot_start_says_why(tmp_path: Path):
    parser = pool(child=(sys.executable, "-c", "raise SystemExit('no parser here')"))
    with pytest.raises(ParserUnavailable, match="no parser here"):
        await parse(parser, tmp_path, "good words")
    await parser.close()
