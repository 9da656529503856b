import pytest

from ragkeeper.generation.confidence import confidence, confidence_features
from ragkeeper.generation.features import read_question, split_passages, word_features
from ragkeeper.generation.models import Passage
from ragkeeper.generation.ranking import rank_by_words
from ragkeeper.generation.weights import CONFIDENCE_WEIGHTS
from tests.unit.generation.fakes import passage

QUESTION = "When was the Linden mill built?"
NEAR = passage(1, "The Linden mill was built in 1884.", dense=0.7, lexical=12.0)
FAR = passage(2, "Penguins swim in cold water.", dense=0.02, lexical=0.0)


def _confidence(question: str, *passages: Passage) -> float:
    asked, candidates = read_question(question), split_passages(passages)
    return confidence(asked, passages, rank_by_words(word_features(asked, passages, candidates), candidates))


def test_close_passages_give_more_than_far_ones() -> None:
    assert _confidence(QUESTION, NEAR, FAR) > 0.8
    assert _confidence(QUESTION, FAR) < 0.1


def test_words_alone_decide_where_there_are_no_vectors() -> None:
    near = passage(1, NEAR.text, dense=None, lexical=12.0)
    assert _confidence(QUESTION, near) > _confidence(QUESTION, passage(1, FAR.text, dense=None, lexical=0.0))


@pytest.mark.parametrize("question", ["", "?!", "   "])
def test_no_words_no_confidence(question: str) -> None:
    assert _confidence(question, NEAR) == 0


def test_every_feature_has_its_weight() -> None:
    asked, candidates = read_question(QUESTION), split_passages([NEAR])
    ranked = rank_by_words(word_features(asked, [NEAR], candidates), candidates)
    assert set(confidence_features(asked, [NEAR], ranked)) == set(CONFIDENCE_WEIGHTS)
