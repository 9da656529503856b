"""Every command of the pages in docs/operate, typed as it stands there, against one running server.

A command that `HOW` does not know fails: say there how it is run here.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.acceptance.background import in_background
from tests.acceptance.server import Server, add_text, run_program, serving, wait_for, wait_until_ready
from tests.contract.chat.standin import StandIn
from tests.integration.monitoring.stack import receiving
from tests.machine import ROOT

Made = Mapping[str, str]
PAGES = sorted((ROOT / "docs" / "operate").glob("*.md"))
TEXT = "Every ferry leaves at three minutes past the hour. Order {} of the harbour says so."
BROKEN = b"PK\x03\x04" + bytes(range(256))
PROVIDER = "groq"  # the name that the pages use
# Of other programs: those whose names begin a command in a text.
OTHERS = ("curl", "date", "du", "ss", "timedatectl")
# Names in a text, without the arguments that they need.
NAMED = ("ask", "breaker", "db upgrade", "documents delete", "serve")

pytestmark = pytest.mark.timeout(400)


# ---- what commands act on


def nothing(_: Server) -> Made:
    return {}


def document(server: Server) -> Made:
    return {"ID": _documents(server)[0]["id"]}


def done(server: Server) -> Made:
    return {"ID": _jobs(server, "done")[0]["id"]}


def failed(server: Server) -> Made:
    """A job of its own each time: the command may end it for good."""
    name = f"broken-{len(_jobs(server, 'failed'))}.docx"
    answer = server.http.post("/api/v1/documents", files={"file": (name, BROKEN + name.encode())})
    job = answer.json()["job_id"]
    told = f"/api/v1/jobs/{job}"
    wait_for(lambda: server.http.get(told).json()["state"] == "failed")
    return {"ID": job, "CODE": server.http.get(told).json()["error"]["code"]}


def queued(server: Server) -> Made:
    server.run("jobs", "pause")
    added = server.http.post("/api/v1/documents", json={"title": "Waits", "text": "It waits for its turn."}).json()
    return {"ID": added["job_id"]}


def source(server: Server) -> Made:
    place = server.folder / "source"
    place.mkdir(exist_ok=True)
    (place / "rule.md").write_text("# Rule\n\nNo ferry leaves early.", encoding="utf-8")
    if "rules" not in server.run("sources", "list").stdout:
        server.run("sources", "add", "rules", "folder", str(place))
    return {"NAME": "rules"}


def targets(server: Server) -> Made:
    return {"DIR": str(server.folder / "monitoring"), "HOST:PORT": f"127.0.0.1:{server.environment['RAG_PORT']}"}


def kept_index(server: Server) -> Made:
    server.run("reindex")
    return {}


def index_under_way(server: Server) -> Made:
    server.run("reindex", "--no-wait")
    return {}


def _documents(server: Server) -> list[dict[str, str]]:
    return list(server.http.get("/api/v1/documents", params={"status": "ready"}).json()["items"])


def _jobs(server: Server, state: str) -> list[dict[str, str]]:
    return list(server.http.get("/api/v1/jobs", params={"state": state}).json()["items"])


# ---- how they are run


@dataclass(frozen=True)
class How:
    """codes: exit statuses that are no fault of the page; more: what keeps it short, or from asking.

    before: makes what it acts on, and says what stands for the page's placeholders; after: undoes it.
    """

    codes: tuple[int, ...] = (0,)
    more: tuple[str, ...] = ()
    before: Callable[[Server], Made] = nothing
    after: tuple[str, ...] = ()


# A command that looks for faults ends with 1 when it finds one, and what it finds on this machine is not the matter.
_LOOKS = How((0, 1))
_RESUME = ("jobs", "resume")
_AUTO = ("degrade", "--auto")
# By the words that a command begins with; the longest that fit count.
HOW: dict[str, How] = {
    "audit list": How(),
    "breaker auto": How(),
    "breaker close": How(),
    "breaker list": How(),
    "breaker open": How(after=("breaker", "auto", PROVIDER)),
    "cache clear": How(),
    "cache stats": How(),
    "capacity report": _LOOKS,
    "degrade --auto": How(),
    "degrade --to": How(after=_AUTO),
    "degrade status": How(),
    "diagnose memory": How((0, 1), more=("--minutes", "0.1", "--interval", "0.1")),
    "diagnose performance": _LOOKS,
    "doctor": _LOOKS,
    "documents delete": How(before=document, more=("--dry-run",)),
    "documents list": How(),
    "documents receipts": How(),
    "documents show": How(before=document),
    "health": _LOOKS,
    "history show": How(),
    "jobs cancel": How(before=queued, more=("--yes",), after=_RESUME),
    "jobs discard": How(before=failed, more=("--yes",)),
    "jobs list": How(),
    "jobs pause": How(after=_RESUME),
    "jobs resume": How(),
    "jobs retry": How(before=failed),
    "jobs watch": How(before=done),
    "jobs why": How(before=done),
    "monitoring alerts": How(),
    "monitoring export": How(before=targets),
    "monitoring test": How(),
    "reindex": How(),
    "reindex --cancel": How(before=index_under_way),
    "reindex --finish": How(before=kept_index, more=("--yes",)),
    "reindex --rollback": How(before=kept_index),
    "sources list": How(before=source),
    "sources sync": How(before=source),
    "status": How(),
    "support-bundle": How(),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a model, a channel of alerts and documents, asked so often that every stage and verdict has its figures."""
    with in_background(StandIn()) as model, receiving() as told:
        settings = {
            "RAG_ALERT_WEBHOOK_URL": told.url,
            "RAG_LLM_PROVIDERS": PROVIDER,
            f"RAG_LLM_{PROVIDER.upper()}_BASE_URL": model.base_url,
            f"RAG_LLM_{PROVIDER.upper()}_MODEL": "tiny",
        }
        with serving(tmp_path_factory.mktemp("pages"), settings) as running:
            wait_until_ready(running, [add_text(running, f"Order {one}", TEXT.format(one)) for one in range(8)])
            for pieces in (("Every ferry leaves at three minutes past the hour [1].",), ("Bananas are blue [1].",)):
                model.pieces = pieces
                answer = running.http.post("/chat", json={"message": "When does the ferry leave?"})
                assert answer.json()["mode"] == "full", answer.text
            yield running


def commands(text: str) -> list[str]:
    """Each line of a page's blocks, and each command in its text; none twice."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    begun = tuple(f"{program} " for program in ("ragkeeper", *OTHERS))
    return list(dict.fromkeys([*lines, *(" ".join(one.split()) for one in spans if one.startswith(begun))]))


LINES = {line: page.name for page in reversed(PAGES) for line in reversed(commands(page.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("line", sorted(LINES))
def test_a_command_of_a_page_does_what_it_says(
    server: Server, line: str, require_binary: Callable[[str], Path]
) -> None:
    program, _, rest = line.partition(" ")
    if program == "ragkeeper":
        typed(server, rest)
        return
    assert program in OTHERS, f"{LINES[line]}: this test does not know how to run `{line}`"
    require_binary(program)
    other(server, line)


def test_every_page_has_a_command():
    assert [page.name for page in PAGES if not commands(page.read_text(encoding="utf-8"))] == []


def typed(server: Server, rest: str) -> None:
    """Run `ragkeeper …` as a page has it."""
    if rest in NAMED:
        server.run(*rest.split(), "--help")
        return
    how = how_to(rest)
    try:
        words = filled(shlex.split(rest), how.before(server))
        judge(server.run(*words, *how.more, check=False), how.codes)
        if rest.startswith("history show "):
            wait_for(lambda: remembered(server, words), 150)  # each minute is written when it has ended
    finally:
        if how.after:
            server.run(*how.after)


def other(server: Server, line: str) -> None:
    """Run a line of other programs as a shell does; what sets or needs more than a test may have is only asked for."""
    if line.startswith("timedatectl set-") or (
        line.startswith("timedatectl") and not Path("/run/systemd/system").exists()
    ):
        line += " --help"
    here = line.replace("127.0.0.1:8000", f"127.0.0.1:{server.environment['RAG_PORT']}")
    told = run_program(["bash", "-o", "pipefail", "-c", here], server.folder, {})
    judge(told, (0,))
    assert [name for name in re.findall(r"rag_\w+", line) if name not in told.stdout] == []


def how_to(rest: str) -> How:
    known = [one for one in HOW if f"{rest} ".startswith(f"{one} ")]
    assert known, f"this test does not know how to run `ragkeeper {rest}`"
    return HOW[max(known, key=len)]


def filled(words: list[str], made: Made) -> list[str]:
    """The words of a command with what stands for each placeholder: ID, NAME, HOST:PORT and the like."""
    placeholders = {word for word in words if re.fullmatch(r"[A-Z][A-Z_]*(:[A-Z]+)?", word)}
    assert placeholders - made.keys() == set(), "this test does not know what these stand for"
    return [made.get(word, word) for word in words]


def judge(ended: CompletedProcess[str], codes: tuple[int, ...]) -> None:
    said = ended.stdout + ended.stderr
    assert ended.returncode in codes, f"{ended.returncode}: {said}"
    assert "Traceback" not in said
    assert "usage:" not in ended.stderr.lower()


def remembered(server: Server, words: list[str]) -> bool:
    """Whether the figure has a value; of a part of one (`stages:embed`) one that was seen, not taken for none."""
    values = [point["value"] for point in json.loads(server.run(*words, "--json").stdout)["points"]]
    return any(values) if ":" in words[2] else any(value is not None for value in values)
