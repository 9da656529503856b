from datetime import UTC, datetime

import pytest

from ragkeeper.quality.golden.rules import scored

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def test_a_question_is_a_hit_when_a_right_document_is_among_the_first_ten():
    far = [f"other {number}" for number in range(9)]
    rankings = {"q1": ["a"], "q2": [*far, "b"], "q3": [*far, "other 9", "c"], "q4": []}
    judgements = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}, "q4": {"d": 1}}
    run = scored(rankings, judgements, NOW)
    assert (run.questions, run.hit_rate, run.missed, run.asked_at) == (4, 0.5, ("q3", "q4"), NOW)
    # At the top 1, at the tenth place 1 / log2(11), else nothing.
    assert run.ndcg == pytest.approx((1 + 0.28906) / 4, abs=1e-4)


def test_what_was_judged_not_relevant_is_no_hit():
    assert scored({"q": ["a", "b"]}, {"q": {"a": 0, "c": 1}}, NOW).hit_rate == 0
