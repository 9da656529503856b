import pytest

from ragkeeper.providers.chat.openai_compatible import _Dialect, _is_offered, _retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "Wed, 21 Oct"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert _retry_after(headers) == seconds


@pytest.mark.parametrize(("model", "is_there"), [("llama3", True), ("llama3:latest", True), ("llama", False)])
def test_tagged_models_are_recognised(model: str, is_there: bool) -> None:
    assert _is_offered(model, ["llama3:latest"]) is is_there


def test_dialect_drops_only_the_parameter_it_was_told_of() -> None:
    dialect = _Dialect()
    assert dialect.without("max_tokens").options(5, 0.1) == {"max_completion_tokens": 5, "temperature": 0.1}
    assert dialect.without("temperature").options(5, 0.1) == {"max_tokens": 5}
    assert dialect.without("messages") == dialect
