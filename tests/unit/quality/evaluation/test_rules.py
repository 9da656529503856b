"""Figures against values worked out by hand."""

import math

import pytest

from ragkeeper.quality.evaluation import rules
from ragkeeper.quality.evaluation.models import Question, Reply, Report, Sample

GRADES = {"a": 2, "b": 1, "c": 0, "d": 1}


def test_hits_fold_to_documents_in_the_order_of_their_best_chunk():
    assert rules.fold(["x", "y", "x", "z"], {"x": ("x",), "y": ("y", "same as y")}) == ["x", "y", "same as y", "z"]


def test_ndcg_has_linear_gain_and_a_logarithmic_discount():
    gain = 1 / math.log2(2) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert rules.ndcg(["b", "unknown", "a"], GRADES, 10) == pytest.approx(gain / ideal)


def test_ndcg_looks_no_deeper_than_asked():
    assert rules.ndcg(["x", "a"], GRADES, 1) == 0.0
    assert rules.ndcg(["a"], GRADES, 1) == 1.0


def test_recall_counts_relevant_documents_only():
    assert rules.recall(["a", "c", "x"], GRADES, 10) == pytest.approx(1 / 3)
    assert rules.recall(["x", "a"], GRADES, 1) == 0.0


def test_reciprocal_rank_is_of_the_first_relevant():
    assert rules.reciprocal_rank(["c", "x", "d", "a"], GRADES, 10) == pytest.approx(1 / 3)
    assert rules.reciprocal_rank(["c", "x", "d"], GRADES, 2) == 0.0


def test_a_query_without_hits_counts_zero():
    samples = rules.ranking_samples({"q1": ["a"]}, {"q1": {"a": 1}, "q2": {"b": 1}})
    assert rules.figures_of(samples) == {"ndcg@10": 0.5, "recall@10": 0.5, "recall@100": 0.5, "mrr@10": 0.5}


@pytest.mark.parametrize(
    ("text", "answers", "found"),
    [
        ("It gave up\n just 308 points.", ["308"], True),
        ("MOTHER-to-child transmission", ["other", "mother-to-child"], True),
        ("It ends so", ["It ends so."], True),
        ("nothing of it", ["308"], False),
        ("anything", ["", " "], False),
    ],
)
def test_an_answer_is_found_whatever_case_and_white_space(text: str, answers: list[str], found: bool):
    assert rules.contains_answer(text, answers) is found


def test_token_f1_is_that_of_squad():
    assert rules.token_f1("The Denver Broncos won.", ["Denver Broncos"]) == pytest.approx(2 * 2 / (3 + 2))
    assert rules.token_f1("something else", ["Denver Broncos", "else"]) == pytest.approx(2 / 3)
    assert rules.token_f1("", ["Denver"]) == 0.0


def test_answers_are_scored_over_questions_that_have_one():
    questions = [Question("q1", "?", ("308",)), Question("q2", "?", ("blue",)), Question("q3", "?", ())]
    replies = {
        "q1": _reply("It was 308 points [1].", "It was 308 points.", "Bawn Short led."),
        "q2": _reply("Not found.", refused=True),
        "q3": _reply("Yes [1].", "Yes."),
    }
    figures = rules.figures_of(rules.answer_samples(replies, questions))
    f1 = 2 * (1 / 4) * 1 / (1 / 4 + 1)
    expected = {"span_hit_rate": 0.5, "token_f1": f1 / 2, "citation_precision": 0.5, "answered": 0.5}
    assert figures == pytest.approx(expected)


def test_refusals_are_right_for_foreign_questions_only():
    own = {"1": _reply("a"), "2": _reply("", refused=True)}
    foreign = {"1": _reply("", refused=True), "2": _reply("", refused=True), "3": _reply("made up")}
    figures = rules.figures_of(rules.refusal_samples(own, foreign))
    assert figures == pytest.approx({"refusal_precision": 2 / 3, "refusal_recall": 2 / 3})


def test_without_refusals_their_precision_is_unknown():
    samples = rules.refusal_samples({"1": _reply("a")}, {"1": _reply("b")})
    assert math.isnan(rules.figures_of(samples)["refusal_precision"])


def test_what_is_quoted_is_counted_over_answers_given():
    replies = [_reply("a", "four", "six", "x"), _reply("", refused=True), _reply("b", "nine char")]
    assert rules.quoted(replies) == {"quotes": 2.0, "quoted_characters": (4 + 3 + 1 + 9) / 2}
    assert rules.quoted([]) == {"quotes": 0.0, "quoted_characters": 0.0}


def test_auroc_counts_ties_half():
    assert rules.auroc([3, 2], [1, 2]) == pytest.approx((2 + 1.5) / 4)
    assert math.isnan(rules.auroc([], [1]))


def test_latencies_are_percentiles():
    assert rules.latencies([10.0, 20.0, 30.0]) == pytest.approx({"p50_ms": 20.0, "p95_ms": 29.0, "p99_ms": 29.8})
    assert rules.latencies([]) == {}


def test_a_small_fall_that_every_question_shares_is_a_regression():
    before = {str(n): (0.5 + n / 1000, 1.0) for n in range(100)}
    after = {name: (value - 0.01, 1.0) for name, (value, _) in before.items()}
    (change,) = rules.compare(_report(before), _report(after))
    assert change.is_regression
    assert change.method == "paired over 100 questions"


def test_a_fall_within_the_noise_is_none():
    before: dict[str, Sample] = {str(n): (n % 2, 1.0) for n in range(100)}
    after: dict[str, Sample] = {str(n): ((n // 2) % 2 if n else 0, 1.0) for n in range(100)}
    (change,) = rules.compare(_report(before), _report({**after, "3": (0.0, 1.0)}))
    assert change.before > change.after
    assert not change.is_regression


def test_without_the_questions_of_the_baseline_noise_is_wider():
    before = {str(n): (float(n % 2), 1.0) for n in range(100)}
    after = {name: (value * 0.98, 1.0) for name, (value, _) in before.items()}
    old = Report(_report(before).figures, {})
    (change,) = rules.compare(old, _report(after))
    assert change.method == "unpaired over 100 questions"
    assert change.noise == pytest.approx(2 * math.sqrt(2) * 0.49 / 10, rel=0.1)
    assert not change.is_regression


def test_latencies_and_unknown_figures_are_not_compared():
    old = Report({"hybrid": {"p50_ms": 1.0, "mrr@10": math.nan, "gone": 1.0}}, {})
    new = Report({"hybrid": {"p50_ms": 9.0, "mrr@10": 0.5, "ndcg@10": 0.1}, "dense": {"ndcg@10": 0.1}}, {})
    assert rules.compare(old, new) == []


def _reply(text: str, *quotes: str, refused: bool = False) -> Reply:
    return Reply(text, quotes, refused, 0.5, 1.0)


def _report(samples: dict[str, Sample]) -> Report:
    return Report({"hybrid": {"ndcg@10": rules.figure(list(samples.values()))}}, {}, {"hybrid": {"ndcg@10": samples}})
