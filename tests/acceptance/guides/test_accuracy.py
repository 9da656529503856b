"""How good searches are, by questions whose answers are known."""

import json
from pathlib import Path

import pytest

from tests.acceptance.guides.test_figures import value
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready

_THINGS = ("anchor", "barometer", "compass", "dory", "ensign", "fender", "gangway", "halyard", "inlet", "jetty")


@pytest.mark.timeout(200)
def test_g4_024_accuracy_is_measured_by_golden_questions_on_a_schedule(tmp_path: Path):
    questions = tmp_path / "questions"
    questions.mkdir()
    lines = [json.dumps({"_id": name, "text": f"Where is the {name} kept?"}) for name in _THINGS]
    (questions / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    judged = ["query-id\tcorpus-id\tscore", *(f"{name}\t{name}.md\t1" for name in _THINGS)]
    (questions / "qrels.tsv").write_text("\n".join(judged), encoding="utf-8")
    settings = {"RAG_GOLDEN_QUESTIONS": str(questions), "RAG_GOLDEN_SCHEDULE": "* * * * *"}
    with serving(tmp_path / "server", settings) as server:
        documents = {
            name: add_text(server, name, f"The {name} is kept in shed {place}.", name=f"{name}.md")
            for place, name in enumerate(_THINGS)
        }
        others = [add_text(server, f"Tale {n}", f"A tale of tide {n} and of what it took.") for n in range(15)]
        wait_until_ready(server, [*documents.values(), *others])
        told = json.loads(server.run("eval", "golden", "--json").stdout)
        assert (told["questions"], told["hit_rate"], told["missed"]) == (10, 1.0, [])
        assert told["ndcg"] > 0.9
        assert _accuracy(server) == (1.0, told["ndcg"])
        assert server.http.delete(f"/api/v1/documents/{documents['compass']}").is_success
        # By its own schedule, a minute later at the latest.
        wait_for(lambda: _accuracy(server)[0] < 1, 90)
        assert _accuracy(server)[0] == pytest.approx(0.9)
        assert _accuracy(server)[1] == pytest.approx(told["ndcg"] - 0.1, abs=0.02)


def _accuracy(server: Server) -> tuple[float, float]:
    return value(server, "rag_search_hit_rate"), value(server, "rag_search_ndcg")
