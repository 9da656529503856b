"""What the features of `ragkeeper.generation.features` are worth. Made by `python -m scripts.fit_extractive sentences`.

Fitted on the train halves of XQuAD (English) and COVID-QA; what they reach on other data, within
a set and from set to set, is in docs/decisions/0005-extractive-answers.md.
"""

from typing import Final

WORD_WEIGHTS: Final[dict[str, float]] = {
    "coverage": 3.013,
    "coverage_near": 1.829,
    "coverage_passage": 0.475,
    "bound": 1.089,
    "pairs": 2.185,
    "new_words": -0.076,
    "length": 0.376,
    "too_short": -4.874,
    "noise": 3.855,
    "link": -1.060,
    "first": 0.059,
    "passage_gap": -9.836,
    "passage_rank": 0.474,
    "passage_cosine": 0.978,
    "person_name": 0.507,
    "person_no_name": 0.687,
    "time_new": 0.211,
    "time_none": -1.719,
    "number_new": 0.055,
    "number_none": -3.143,
    "place_name": 0.387,
    "reason_cue": 0.079,
    "manner_cue": 0.420,
    "meaning_cue": 0.132,
    "any_number": -0.011,
    "any_name": -0.087,
    "question_mark": -3.121,
}

SENTENCE_WEIGHTS: Final[dict[str, float]] = {
    "coverage": 1.388,
    "coverage_near": 1.467,
    "coverage_passage": 1.386,
    "bound": 1.509,
    "pairs": 1.857,
    "new_words": 0.393,
    "length": 0.096,
    "too_short": -3.622,
    "noise": 3.615,
    "link": -0.451,
    "first": 0.087,
    "passage_gap": -9.000,
    "passage_rank": 0.484,
    "passage_cosine": -2.603,
    "person_name": 0.432,
    "person_no_name": 0.423,
    "time_new": 0.140,
    "time_none": -1.883,
    "number_new": -0.034,
    "number_none": -2.881,
    "place_name": 0.310,
    "reason_cue": 0.158,
    "manner_cue": 0.424,
    "meaning_cue": 0.139,
    "any_number": -0.030,
    "any_name": -0.049,
    "question_mark": -3.077,
    "cosine": 2.150,
    "cosine_gap": -2.167,
    "cosine_near": 1.068,
    "cosine_rank": 0.492,
}

# How well a span supports a sentence: the shares of its words, numbers and names found there, and their cosine. Made by
# `python -m scripts.fit_extractive support`.
SUPPORT_WEIGHTS: Final[dict[str, float]] = {"words": 3.539, "numbers": 5.116, "names": 0.940, "cosine": 4.671}
SUPPORT_BIAS: Final = -10.226
SUPPORT_WEIGHTS_WORDS: Final[dict[str, float]] = {"words": 6.032, "numbers": 4.832, "names": 1.002}
SUPPORT_BIAS_WORDS: Final = -8.547
SUPPORT_THRESHOLD: Final = 0.5
"""83 to 94 % of true claims reach it, and at most 5 % of claims checked against another passage."""

# That the passages hold an answer: fitted on five sets, of questions asked of their own set and of others.
CONFIDENCE_WEIGHTS: Final[dict[str, float]] = {
    "cosine": 5.960,
    "cosine_of_three": 7.650,
    "cosine_lead": 3.002,
    "lexical_lead": 2.361,
    "agree": 0.673,
    "sentence_words": 2.186,
    "passage_words": 4.807,
    "absent_words": -0.486,
    "first_names": 0.433,
    "names": 1.343,
    "question_length": 1.551,
}
CONFIDENCE_BIAS: Final = -15.339
CONFIDENCE_WEIGHTS_WORDS: Final[dict[str, float]] = {
    "lexical_lead": 1.843,
    "sentence_words": 4.256,
    "passage_words": 8.731,
    "absent_words": -0.489,
    "first_names": 0.660,
    "names": 1.505,
    "question_length": 3.807,
}
CONFIDENCE_BIAS_WORDS: Final = -16.227
CONFIDENCE_THRESHOLD: Final = 0.38
"""At most 5 % of the answerable questions are refused, measured on sets that the weights were not fitted on."""
