"""One server with a model (a stand-in on loopback) and a few documents, for all tests that break nothing."""

from collections.abc import Iterator

import pytest

from tests.acceptance.background import in_background
from tests.acceptance.server import Server, add_text, serving, wait_until_ready
from tests.contract.chat.standin import Behaviour, StandIn

DOCUMENTS = {
    "Leave": "Employees get twelve weeks of parental leave. Requests go to the people team.",
    "Pumps": "The pump P-7 must be serviced every 400 hours. Its seal costs 35 euros.",
    "Office": "The head office moved to Hamburg in 2019. It has 120 desks.",
}


@pytest.fixture(scope="session")
def model() -> Iterator[StandIn]:
    with in_background(StandIn()) as standin:
        yield standin


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, model: StandIn) -> Iterator[Server]:
    settings = {
        "RAG_LLM_PROVIDERS": "standin",
        "RAG_LLM_STANDIN_BASE_URL": model.base_url,
        "RAG_LLM_STANDIN_MODEL": "tiny",
        "RAG_MAX_UPLOAD_MB": "2",
        "RAG_STREAM_TIMEOUT": "20",
    }
    with serving(tmp_path_factory.mktemp("http"), settings) as running:
        documents = [add_text(running, title, text) for title, text in DOCUMENTS.items()]
        wait_until_ready(running, documents)
        yield running


@pytest.fixture(autouse=True)
def well_behaved(model: StandIn) -> Iterator[None]:
    """Each test begins with a model that replies."""
    yield
    model.behave(Behaviour.REPLY)
