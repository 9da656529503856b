from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.metrics import Metrics
from ragkeeper.providers.chat.errors import ChatError, ChatTimedOut
from ragkeeper.providers.chat.fake import FakeChat, Line
from ragkeeper.providers.chat.metered import MeteredChat, Prices
from ragkeeper.providers.chat.port import ChatMessage, ChatReply

NAMES = ("provider", "model", "outcome")
HELLO = [ChatMessage("user", "Hello?")]
SLOW = ChatTimedOut(provider="fake", seconds=1, phase="first token")


def counts(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        (
            sample.name.removesuffix("_count"),
            *(sample.labels[name] for name in NAMES if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(metrics.scrape().decode())
        for sample in family.samples
        if sample.name.startswith("rag_llm") and sample.name.endswith("_count")
    }


async def test_a_whole_reply_is_timed():
    metrics = Metrics()
    await MeteredChat(FakeChat("Hi"), metrics).complete(HELLO, max_tokens=1, temperature=0)
    assert counts(metrics) == {("rag_llm_latency_seconds", "fake", "m", "ok"): 1}


async def test_a_stream_is_timed_to_its_first_piece_and_to_its_end():
    metrics = Metrics()
    model = MeteredChat(FakeChat(Line(("a", "b"), delay=0.01)), metrics)
    assert [piece async for piece in model.stream(HELLO, max_tokens=1, temperature=0)] == ["a", "b"]
    assert counts(metrics) == {
        ("rag_llm_latency_seconds", "fake", "m", "ok"): 1,
        ("rag_llm_first_token_seconds", "fake", "m"): 1,
    }


async def test_a_failure_is_told_by_its_code():
    metrics = Metrics()
    model = MeteredChat(FakeChat(Line(error=SLOW)), metrics)
    with pytest.raises(ChatError):
        await model.complete(HELLO, max_tokens=1, temperature=0)
    assert counts(metrics) == {("rag_llm_latency_seconds", "fake", "m", "chat_timed_out"): 1}


async def test_a_reader_who_goes_away_is_no_failure():
    metrics = Metrics()
    model = MeteredChat(FakeChat(Line(("a", "b"))), metrics)
    async with aclosing(model.stream(HELLO, max_tokens=1, temperature=0)) as pieces:
        assert await anext(pieces) == "a"
    assert counts(metrics)["rag_llm_latency_seconds", "fake", "m", "cancelled"] == 1


async def test_looking_whether_it_is_there_is_not_timed():
    metrics = Metrics()
    model = MeteredChat(FakeChat("Hi"), metrics)
    await model.check()
    await model.close()
    assert counts(metrics) == {}


def spent(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        (
            sample.name,
            *(sample.labels[name] for name in ("direction", "counted") if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(metrics.scrape().decode())
        for sample in family.samples
        if sample.name in {"rag_llm_tokens_total", "rag_llm_cost_total"}
    }


class CountingChat(FakeChat):
    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        reply = await super().complete(messages, max_tokens=max_tokens, temperature=temperature)
        return replace(reply, prompt_tokens=1000, completion_tokens=200)


async def test_tokens_cost_what_the_settings_say():
    metrics = Metrics()
    model = MeteredChat(CountingChat("Hi"), metrics, Prices(sent=2, received=10))
    await model.complete(HELLO, max_tokens=1, temperature=0)
    found = spent(metrics)
    assert found["rag_llm_tokens_total", "in", "provider"] == 1000
    assert found["rag_llm_tokens_total", "out", "provider"] == 200
    assert found[("rag_llm_cost_total",)] == pytest.approx(0.004)


async def test_tokens_of_a_stream_are_estimated_as_far_as_it_came():
    metrics = Metrics()
    model = MeteredChat(FakeChat(Line(("abcd" * 10, "b"))), metrics, Prices(received=1_000_000))
    async with aclosing(model.stream(HELLO, max_tokens=1, temperature=0)) as pieces:
        await anext(pieces)
    assert spent(metrics) == {
        ("rag_llm_tokens_total", "in", "estimated"): 2,
        ("rag_llm_tokens_total", "out", "estimated"): 10,
        ("rag_llm_cost_total",): 10,
    }


async def test_a_call_that_failed_costs_nothing():
    metrics = Metrics()
    model = MeteredChat(FakeChat(Line(error=SLOW)), metrics, Prices(1, 1))
    with pytest.raises(ChatError):
        await model.complete(HELLO, max_tokens=1, temperature=0)
    assert spent(metrics) == {("rag_llm_cost_total",): 0}
