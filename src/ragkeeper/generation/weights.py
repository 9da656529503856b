"""What the features of `ragkeeper.generation.features` are worth. Made by `python -m scripts.fit_extractive sentences`.

Fitted on the train halves of XQuAD (English) and COVID-QA; what they reach on other data, within
a set and from set to set, is in docs/decisions/0005-extractive-answers.md.
"""

from typing import Final

WORD_WEIGHTS: Final[dict[str, float]] = {
    "coverage": 2.726,
    "coverage_near": 2.398,
    "coverage_passage": 0.048,
    "bound": 1.420,
    "pairs": 2.148,
    "new_words": -0.100,
    "length": 0.245,
    "too_short": -3.637,
    "noise": 3.671,
    "link": -0.800,
    "first": -0.071,
    "passage_gap": -6.792,
    "passage_rank": 1.013,
    "passage_cosine": 3.919,
    "person_name": 0.411,
    "person_no_name": 0.165,
    "time_new": 0.198,
    "time_none": -1.596,
    "number_new": 0.058,
    "number_none": -3.015,
    "place_name": 0.382,
    "reason_cue": 0.935,
    "manner_cue": 0.686,
    "meaning_cue": 0.360,
    "any_number": 0.005,
    "any_name": -0.090,
    "question_mark": -3.915,
}

SENTENCE_WEIGHTS: Final[dict[str, float]] = {
    "coverage": 1.154,
    "coverage_near": 2.055,
    "coverage_passage": 1.109,
    "bound": 1.747,
    "pairs": 1.881,
    "new_words": 0.434,
    "length": -0.053,
    "too_short": -3.454,
    "noise": 3.532,
    "link": -0.432,
    "first": -0.065,
    "passage_gap": -5.797,
    "passage_rank": 0.957,
    "passage_cosine": 0.653,
    "person_name": 0.330,
    "person_no_name": -0.157,
    "time_new": 0.143,
    "time_none": -1.688,
    "number_new": -0.021,
    "number_none": -2.805,
    "place_name": 0.337,
    "reason_cue": 0.910,
    "manner_cue": 0.534,
    "meaning_cue": 0.374,
    "any_number": -0.005,
    "any_name": -0.056,
    "question_mark": -3.587,
    "cosine": 1.819,
    "cosine_gap": -1.805,
    "cosine_near": 0.914,
    "cosine_rank": 0.685,
}

# How well a span supports a sentence: the shares of its words, numbers and names found there, and their cosine. Made by
# `python -m scripts.fit_extractive support`.
SUPPORT_WEIGHTS: Final[dict[str, float]] = {"words": 3.539, "numbers": 5.116, "names": 0.940, "cosine": 4.671}
SUPPORT_BIAS: Final = -10.226
SUPPORT_WEIGHTS_WORDS: Final[dict[str, float]] = {"words": 6.032, "numbers": 4.832, "names": 1.002}
SUPPORT_BIAS_WORDS: Final = -8.547
SUPPORT_THRESHOLD: Final = 0.5
"""82 to 94 % of true claims reach it, and 2 to 6 % of claims checked against another passage."""

# That the passages hold an answer: questions asked of their own set's documents against the same asked of other sets'.
# Made by `python -m scripts.fit_extractive confidence`.
CONFIDENCE_WEIGHTS: Final[dict[str, float]] = {
    "cosine": 7.147,
    "cosine_of_three": 6.102,
    "cosine_lead": 3.443,
    "lexical_lead": 1.955,
    "agree": 0.783,
    "sentence_words": 3.258,
    "passage_words": 3.539,
    "absent_words": -1.241,
    "first_names": 0.188,
    "names": 1.624,
    "question_length": 1.375,
}
CONFIDENCE_BIAS: Final = -14.214
CONFIDENCE_WEIGHTS_WORDS: Final[dict[str, float]] = {
    "lexical_lead": 1.866,
    "sentence_words": 6.184,
    "passage_words": 7.234,
    "absent_words": -1.000,
    "first_names": 0.262,
    "names": 2.045,
    "question_length": 3.954,
}
CONFIDENCE_BIAS_WORDS: Final = -16.678 + 0.557
"""Raised from the fitted value, whose threshold would be .22, so that one threshold serves both."""
CONFIDENCE_THRESHOLD: Final = 0.33
"""5 % of the answerable questions fall below it, judged by weights that have seen nothing of their set."""
