"""What may differ between two ways to ask the same, and what may not."""

import pytest

from ragkeeper.answers.same_question import asks_the_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the notice period?", "what is the notice period"),
        ("What is the notice period?", "What's the notice period ?"),
        ("What is the notice period?", "Please tell me what the notice period is."),
        ("What is the notice period?", "Hello, could you tell me what the notice period is? Thanks!"),
        ("What is the notice period?", "What is notice period, please?"),
        ("What is the notice period?", "I would like to know what the notice period is"),
        ("Who isn\N{RIGHT SINGLE QUOTATION MARK}t insured?", "Who is not insured?"),
        ("WHAT IS THE NOTICE PERIOD?", "What is the notice period?"),
        ("Do you know who signs the lease?", "Who signs lease?"),
    ],
)
def test_other_words_for_the_same(one: str, other: str):
    assert asks_the_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What was the revenue in 2021?", "What was the revenue in 2022?"),
        ("What is 1.5 % of it?", "What is 15 % of it?"),
        ("What is the fee of 5 €?", "What is the fee of 5 $?"),
        ("Is smoking allowed?", "Is smoking not allowed?"),
        ("Which rooms are insured?", "Which rooms aren't insured?"),
        ("Did Denver beat Carolina?", "Did Carolina beat Denver?"),
        ("Who wrote to Anna?", "Who wrote to Otto?"),
        ("Who is the head?", "Who was the head?"),
        ("When does it open?", "Where does it open?"),
        ("What is the name of one algorithm?", "What is the name of another algorithm?"),
        ("What does the US pay?", "What does the us pay?"),
        ("What is the role of WHO?", "What is the role of who?"),
        ("What is the largest lake?", "What is the smallest lake?"),
        ("Flights from Rome to Oslo?", "Flights to Rome from Oslo?"),
        ("Can I smoke?", "Must I smoke?"),
        ("What is x < 5?", "What is x > 5?"),
        ("Who uses C++?", "Who uses C#?"),
        ("Is it 5 degrees?", "Is it -5 degrees?"),
        ("", "What is the fee?"),
    ],
)
def test_not_the_same(one: str, other: str):
    assert not asks_the_same(one, other)
    assert not asks_the_same(other, one)
