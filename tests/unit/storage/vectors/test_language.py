"""The detector against the engine's own stop words: asking the engine language by language must give the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, Language, StopwordsSet

from ragkeeper.storage.vectors.language import LanguageDetector
from ragkeeper.storage.vectors.stopwords import STOP_WORDS


def encoder(stopwords: Language | StopwordsSet) -> Bm25:
    return Bm25(Bm25Config(avg_len=100.0, ascii_folding=True, stopwords=stopwords, stemmer=DisabledStemmer()))


PLAIN = encoder(StopwordsSet(languages=set(), custom=set()))
STOPPING = {name: encoder(getattr(Language, name.capitalize())) for name in STOP_WORDS}
DETECTOR = LanguageDetector(STOP_WORDS, PLAIN)
WORDS = sorted({word for words in STOP_WORDS.values() for word in words.split()})


def asked_one_by_one(text: str) -> list[str]:
    start = text[:300]
    total = len(PLAIN.embed_query(start).indices)
    stopped = {name: total - len(one.embed_query(start).indices) for name, one in STOPPING.items()}
    most = max(stopped.values())
    return [name for name, count in stopped.items() if count == most]


@pytest.mark.parametrize("language", STOP_WORDS)
def test_the_engine_drops_every_listed_word_and_no_word_is_listed_twice(language: str) -> None:
    words = STOP_WORDS[language].split()
    assert [word for word in words if STOPPING[language].embed_query(word).indices] == []
    assert len(PLAIN.embed_query(" ".join(words)).indices) == len(words)


@pytest.mark.parametrize("language", STOP_WORDS)
def test_no_stop_word_of_another_language_is_missing(language: str) -> None:
    dropped = {word for word in WORDS if not STOPPING[language].embed_query(word).indices}
    assert dropped == set(STOP_WORDS[language].split()) & set(WORDS)


@given(st.lists(st.sampled_from([*WORDS, "house", "Größe", "l'été", "don't", "x1", "检索", "naïve"]), max_size=80))
def test_it_finds_what_the_engine_would(words: list[str]) -> None:
    text = " ".join(words)
    assert DETECTOR.detect(text) == asked_one_by_one(text)


@given(st.text(max_size=400))
def test_it_takes_any_text(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert DETECTOR.detect(clean) == asked_one_by_one(clean)


def test_counts_of_long_texts_do_not_run_into_each_other() -> None:
    text = "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 12
    assert DETECTOR.detect(text) == asked_one_by_one(text)
    assert DETECTOR.detect("the of and to in is was for it with he be on i that by at you are his" * 20) == ["english"]
