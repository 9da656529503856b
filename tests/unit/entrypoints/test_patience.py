"""How long models may take: their address tells it where the settings do not."""

import pytest

from ragkeeper.core.settings import load_settings
from ragkeeper.entrypoints.patience import Patience, is_own, with_model, with_streams

HOSTED = {"BASE_URL": "https://api.groq.com/openai/v1", "MODEL": "a"}
OWN = {"BASE_URL": "http://127.0.0.1:11434/v1", "MODEL": "b"}


def settings(more: dict[str, str] | None = None, **providers: dict[str, str]):
    given = {
        f"RAG_LLM_{name.upper()}_{key}": value
        for name, provider in providers.items()
        for key, value in provider.items()
    }
    return load_settings({**given, "RAG_LLM_PROVIDERS": ",".join(providers), **(more or {})})


def test_a_model_of_ones_own_may_read_its_passages_first() -> None:
    both = settings(groq=HOSTED, ollama=OWN)
    hosted, own = both.chat_providers
    assert with_model(both, hosted) == Patience(first_token=30, total=120, stream=60)
    assert with_model(both, own) == Patience(first_token=120, total=300, stream=300)
    assert with_streams(both) == 300
    assert with_streams(settings(groq=HOSTED)) == with_streams(settings()) == 60


def test_what_is_set_holds_for_all() -> None:
    times = {"RAG_FIRST_TOKEN_TIMEOUT": "3", "RAG_MODEL_TIMEOUT": "8", "RAG_STREAM_TIMEOUT": "5"}
    both = settings(times, groq=HOSTED, ollama=OWN)
    assert {with_model(both, provider) for provider in both.chat_providers} == {Patience(3, 8, 5)}
    assert with_streams(both) == with_streams(settings(times)) == 5


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("http://localhost:11434/v1", True),
        ("http://[::1]:11434/v1", True),
        ("http://192.168.1.20:8000/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://host.docker.internal:11434/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("http://[2606:4700::1111]/v1", False),
    ],
)
def test_whose_address_it_is(address: str, own: bool) -> None:
    assert is_own(address) is own
