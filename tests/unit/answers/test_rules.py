import pytest

from ragkeeper.answers import rules
from ragkeeper.answers.models import AnswerMode, Turn
from ragkeeper.generation.models import Answer, AnswerSentence, Passage, quote
from ragkeeper.retrieval.models import Hit, Scores

HIT = Hit("d", "v", "c", (4, 5), "Title", "n.md", "Words here.", 3, 3, (), 10, 21, {}, Scores(0.5, 2.0, 0.6))


def test_hits_are_numbered_from_one_and_keep_their_place() -> None:
    first, second = rules.passages([HIT, HIT])
    assert (first.marker, second.marker) == (1, 2)
    assert (first.chunk_id, first.start, first.end, first.score) == (4, 10, 21, 0.6)


def test_only_questions_are_searched_with() -> None:
    history = [Turn("user", "one"), Turn("assistant", "reply"), Turn("user", "two")]
    assert rules.earlier_questions(history) == ("one", "two")


def test_a_history_is_looked_at_only_so_far_back_and_only_so_much_of_each_turn() -> None:
    history = [Turn("user", f"{number} {'word ' * 100_000} asked {number}") for number in range(100)]
    kept = rules.recent(history)
    assert [turn.content.split()[-1] for turn in kept] == [str(number) for number in range(88, 100)]
    assert [turn.content.split()[0] for turn in kept] == [str(number) for number in range(88, 100)]
    assert max(len(turn.content) for turn in kept) <= 10_003
    short = (Turn("user", "one"), Turn("assistant", "reply"))
    assert rules.recent(short) == short


def test_a_version_that_is_gone_is_not_cited_and_its_sentence_is_flagged() -> None:
    passage = Passage(1, "d", "gone", 1, "t", "Secret words.", None, 0, 13, 1.0, 1.0, 1.0)
    citation = quote(passage, 0, 13, 0.9)
    answer = Answer(
        "Secret words. [1]", (AnswerSentence("Secret words. [1]", (citation,), True),), (citation,), False, 1
    )
    checked = rules.without_versions(answer, {"gone"})
    assert checked.citations == ()
    assert not checked.sentences[0].supported
    assert rules.without_versions(answer, set()) is answer


@pytest.mark.parametrize(
    ("best", "writers", "first"),
    [
        (AnswerMode.FULL, 2, 0),
        (AnswerMode.WITHOUT_RERANKING, 2, 0),
        (AnswerMode.FALLBACK_MODEL, 2, 1),
        (AnswerMode.FALLBACK_MODEL, 1, 1),
        (AnswerMode.FALLBACK_MODEL, 0, 0),
        (AnswerMode.EXTRACTIVE, 2, 2),
        (AnswerMode.SEARCH_ONLY, 2, 2),
    ],
)
def test_each_step_leaves_out_its_writers(best: AnswerMode, writers: int, first: int) -> None:
    assert rules.first_writer(best, writers) == first


def test_the_mode_is_the_worst_of_what_happened_and_what_was_said() -> None:
    for best in AnswerMode:
        for place in (0, 1):
            for left_out in (False, True):
                mode = rules.mode_of(place, best, without_reranking=left_out)
                assert mode.rank >= best.rank
                assert mode.rank >= AnswerMode.FALLBACK_MODEL.rank or place == 0
                assert mode is not AnswerMode.FULL or not left_out
    assert rules.mode_of(0, AnswerMode.FULL, without_reranking=False) is AnswerMode.FULL
    assert rules.mode_of(0, AnswerMode.FULL, without_reranking=True) is AnswerMode.WITHOUT_RERANKING


def test_a_listing_names_what_was_found_and_answers_nothing() -> None:
    listed = rules.listing(rules.passages([HIT]))
    assert listed.text.endswith("[1] Title, page 3")
    assert (listed.refused, listed.citations, listed.confidence) == (False, (), 0.0)
    assert [hint.document_id for hint in listed.hints] == ["d"]
    assert rules.listing([]).refused


@pytest.mark.parametrize(
    ("supported", "refused", "result"),
    [
        ((True, True), False, "grounded"),
        ((True, False), False, "partly"),
        ((False,), False, "ungrounded"),
        ((), True, "refused"),
        ((), False, None),
    ],
)
def test_how_much_of_an_answer_is_supported(supported: tuple[bool, ...], refused: bool, result: str | None) -> None:
    sentences = tuple(AnswerSentence("Words.", (), one) for one in supported)
    assert rules.grounding(Answer("Words.", sentences, (), refused, 0.5)) == result
