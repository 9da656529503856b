import numpy as np

from ragkeeper.generation.features import (
    FEATURES,
    WORD_FEATURES,
    passage_strengths,
    rarity,
    read_question,
    split_passages,
    with_cosines,
    word_features,
)
from ragkeeper.generation.weights import SENTENCE_WEIGHTS, WORD_WEIGHTS
from tests.unit.generation.fakes import passage

PASSAGES = [passage(1, "The mill was built in 1884. It burned down."), passage(2, "Mills grind corn.", dense=None)]
ASKED = read_question("When was the mill built?")


def test_each_feature_has_a_column_and_a_weight() -> None:
    candidates = split_passages(PASSAGES)
    by_words = word_features(ASKED, PASSAGES, candidates)
    assert by_words.shape == (3, len(WORD_FEATURES))
    assert with_cosines(by_words, candidates, np.array([0.9, 0.1, 0.2], np.float32)).shape == (3, len(FEATURES))
    assert set(WORD_WEIGHTS) == set(WORD_FEATURES)
    assert set(SENTENCE_WEIGHTS) == set(FEATURES)


def test_a_sentence_with_more_of_the_questions_words_covers_more() -> None:
    first, second, _ = word_features(ASKED, PASSAGES, split_passages(PASSAGES))[:, WORD_FEATURES.index("coverage")]
    assert first > second


def test_words_in_every_sentence_tell_nothing_apart() -> None:
    weights = rarity(ASKED, split_passages([passage(1, "The mill stands. The mill was built. A mill grinds.")]))
    assert weights["mill"] < weights["built"]


def test_a_passage_without_a_vector_neither_wins_nor_loses_by_it() -> None:
    with_vector, without = passage_strengths([passage(1, "a", dense=0.5), passage(2, "b", dense=None)])
    assert with_vector == without


def test_no_passages_no_candidates() -> None:
    assert split_passages([]) == []
    assert word_features(ASKED, [], []).shape == (0, len(WORD_FEATURES))


def test_a_very_long_question_costs_no_more_than_its_beginning() -> None:
    assert len(read_question("mill1 mill2 mill3 " * 10_000).text) == 2000
    assert len(read_question(" ".join(f"mill{n}" for n in range(20_000))).keys) < 400
