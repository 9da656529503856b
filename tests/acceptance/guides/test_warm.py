"""Models are loaded before the server says that it is ready, so that nobody's first question waits for that.

The reranker's library is a stand-in that loads its model as late as such libraries do: when it is first used.
"""

import time
from pathlib import Path

import pytest

from tests.acceptance.guides.test_answers import QUESTION, fill, provider
from tests.acceptance.server import Server, serving
from tests.contract.chat.standin import StandIn

LOADING = 4.0
# Slow enough that the machine's own moods are small beside it.
THINKING = 0.25
_LIBRARY = f"""
import pathlib, time


class TextCrossEncoder:
    def __init__(self, model_name, cache_dir):
        self.loaded = False

    def rerank(self, query, texts):
        if not self.loaded:
            time.sleep({LOADING})
            self.loaded = True
        with pathlib.Path("reranked").open("a") as file:
            file.write(query + "\\n")
        return [float(len(text)) for text in texts]
"""


def library(folder: Path) -> Path:
    package = folder / "library" / "fastembed" / "rerank"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").touch()
    (package / "cross_encoder.py").write_text(_LIBRARY, encoding="utf-8")
    return folder / "library"


def timed(server: Server, number: int) -> float:
    began = time.monotonic()
    assert server.http.post("/chat", json={"message": f"{QUESTION} And {number}?"}).is_success
    return time.monotonic() - began


@pytest.mark.timeout(120)
def test_g2_067_the_first_question_is_as_quick_as_the_fifth(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
    settings = {**provider(model), "RERANKING_METHOD": "cross_encoder", "PYTHONPATH": str(library(tmp_path))}
    began = time.monotonic()
    model.delay = THINKING
    with serving(tmp_path, settings) as server:
        started = time.monotonic() - began
        assert server.stranger.get("/health/ready").status_code == 200
        taken = [timed(server, number) for number in range(5)]
    asked = (tmp_path / "reranked").read_text(encoding="utf-8").splitlines()
    assert started > LOADING
    assert len([one for one in asked if QUESTION in one]) == len(taken)
    assert taken[0] <= 2 * taken[4]
