import pytest

from ragkeeper.storage.vectors.words import LANGUAGES, NEUTRAL, WordEncoder


def shared(encoder: WordEncoder, document: str, query: str) -> set[int]:
    vector = encoder.query(query)
    return set(encoder.document(document).indices) & set(vector.indices if vector else ())


@pytest.mark.parametrize(
    ("document", "query"),
    [
        ("The dogs were running in the park", "Which dog runs there?"),
        ("Die Häuser waren in der Stadt nicht sehr teuer", "Wie teuer ist ein Haus in der Stadt?"),
        ("Las ciudades de la región no son muy grandes", "¿Cuál es la ciudad más grande de la región?"),
        ("Les maisons de la ville ne sont pas chères", "Quelle est la maison dans la ville ?"),
    ],
)
def test_each_text_is_stemmed_in_its_own_language(document, query):
    detected, neutral = WordEncoder(), WordEncoder(NEUTRAL)
    content_words = set(detected.query(query).indices)
    assert shared(detected, document, query) >= content_words & set(detected.document(document).indices)
    assert len(shared(detected, document, query)) >= 1
    assert shared(detected, document, query) - shared(neutral, document, query)


def test_a_query_of_unclear_language_is_stemmed_in_every_likely_one():
    encoder = WordEncoder()
    assert shared(encoder, "Die Häuser waren in der Stadt nicht teuer", "Haus")
    assert shared(encoder, "The houses in the city were not cheap", "house")


def test_stop_words_alone_ask_for_nothing():
    assert WordEncoder().query("what is the") is None
    assert WordEncoder(NEUTRAL).query("what is the") is not None


@pytest.mark.parametrize(
    ("one", "other"), [("café", "cafe"), ("café", "cafe\u0301"), ("STRASSE", "straße"), ("\uff21\uff11", "a1")]
)
def test_spellings_of_a_word_are_one_word(one, other):
    assert WordEncoder(NEUTRAL).query(one).indices == WordEncoder(NEUTRAL).query(other).indices


@pytest.mark.parametrize(("document", "query"), [("检索增强生成系统", "生成"), ("日本語の全文検索", "検索")])
def test_scripts_without_spaces_are_cut_into_words(document, query):
    assert shared(WordEncoder(), document, query)
    assert shared(WordEncoder(), f"The English text mentions {document} once", query)


def test_english_around_another_script_is_still_english():
    assert shared(WordEncoder(), "The engines 检索 were running", "is it running, the engine?")


def test_repeated_words_weigh_more_and_less_and_less():
    once, twice, often = (WordEncoder().document(" ".join(["fox"] * n)).values[0] for n in (1, 2, 50))
    assert once < twice < often < 2.2


def test_a_word_weighs_less_in_a_longer_text():
    encoder = WordEncoder(NEUTRAL)
    term = encoder.query("fox").indices[0]
    short, long = encoder.document("fox"), encoder.document("fox " + " ".join(f"w{n}" for n in range(500)))
    weights = [dict(zip(one.indices, one.values, strict=True))[term] for one in (short, long)]
    assert weights[0] > weights[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_be_used(language):
    assert WordEncoder(language).document("fox").indices


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match=r"klingon.*english"):
        WordEncoder("klingon")
