"""A Redis that goes away, hangs, forgets and comes back under breakers and limits."""

import asyncio
import os
import signal
import time

import pytest
from structlog.testing import capture_logs

from ragkeeper.providers.resilience.models import Act, Outcome, Permit, State
from tests.contract.cache.server import RedisServer
from tests.contract.resilience.conftest import Engines, process
from tests.contract.resilience.test_engines_contract import KEY, POLICY, breaker, fail, until


async def back(*those: Engines) -> None:
    end = time.monotonic() + 10
    while any(one.link is not None and one.link.is_away for one in those):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_an_outage_is_logged_once_and_ends_by_itself(server: RedisServer) -> None:
    async with process(server) as first, process(server) as second:
        one, other = breaker(first), breaker(second)
        with capture_logs() as logs:
            server.stop()
            await fail(one)
            assert one.record.state is State.OPEN
            assert other.state is State.CLOSED
            await asyncio.sleep(0.1)
            server.start()
            await back(first, second)
            await until(other, State.HALF_OPEN)
        told = [record["event"] for record in logs if "FALLBACK" in record["event"]]
        assert sorted(told) == ["FALLBACK ACTIVATED"] * 2 + ["FALLBACK DEACTIVATED"] * 2
        assert "503" in other.record.reason


async def test_trials_stay_exact_when_redis_is_stopped_and_started_between_them(server: RedisServer) -> None:
    async with process(server) as first, process(server) as second:
        one, other = breaker(first), breaker(second)
        await fail(one)
        await until(one, State.HALF_OPEN)
        await until(other, State.HALF_OPEN)
        permits = [await one.admit(), await one.admit()]
        server.stop()
        permits.append(await one.admit())
        assert all(isinstance(permit, Permit) for permit in permits)
        assert not isinstance(await one.admit(), Permit)
        server.start()
        await back(first, second)
        for permit in permits:
            assert isinstance(permit, Permit)
            await one.settle(permit, Outcome.SUCCESS)
        await until(one, State.CLOSED)
        await until(other, State.CLOSED)


async def test_what_redis_forgot_the_processes_still_know(server: RedisServer) -> None:
    async with process(server) as first, process(server) as second:
        one, other = breaker(first), breaker(second)
        await one.act(Act.OPEN)
        await until(other, State.OPEN)
        server.ask("FLUSHALL")
        await asyncio.sleep(0.1)
        assert one.record.held
        assert other.record.held
        assert server.names("rag_breaker:*") == [f"rag_breaker::{KEY.provider}:{KEY.model}:{KEY.operation}"]


async def test_a_new_process_knows_before_its_first_call(server: RedisServer) -> None:
    async with process(server) as first:
        await breaker(first).act(Act.OPEN)
        async with process(server) as second:
            one = breaker(second)
            assert second.link is not None
            await second.link.start()
            assert one.state is State.OPEN


async def test_a_redis_that_hangs_costs_one_call_little_and_the_others_nothing(server: RedisServer) -> None:
    async with process(server) as first:
        one = breaker(first)
        await fail(one)
        await until(one, State.HALF_OPEN)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            found = await asyncio.gather(*(one.admit() for _ in range(500)))
            took = time.monotonic() - began
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert sum(isinstance(permit, Permit) for permit in found) == POLICY.trials
        assert took < 5  # one after the other they would wait for 50 s
        await back(first)


async def test_calls_made_and_given_back_during_an_outage_are_told_afterwards(server: RedisServer) -> None:
    async with process(server) as first, process(server) as second:
        before = await first.calls.reserve("groq", 3, 0)
        server.options = ("--appendonly", "no")
        server.stop()
        made = [await first.calls.reserve("groq", 3, 0) for _ in range(3)]
        assert [slot.id is None for slot in made] == [False, False, True]
        assert before.id is not None
        await first.calls.give_back("groq", before.id)
        server.start()
        await back(first, second)
        left = [await second.calls.reserve("groq", 3, 0) for _ in range(2)]
        assert [slot.id is None for slot in left] == [False, True]


async def test_a_window_over_two_logs_slides(server: RedisServer) -> None:
    async with process(server, window=0.4) as first, process(server, window=0.4) as second:
        assert [(await first.calls.reserve("groq", 2, 0)).id is None for _ in range(3)] == [False, False, True]
        queued = await second.calls.reserve("groq", 2, 1)
        assert queued.id is not None
        assert 0.2 < queued.wait <= 0.4
        await asyncio.sleep(0.9)
        assert (await first.calls.reserve("groq", 2, 0)).id is not None


async def test_who_made_no_call_shows_those_of_the_others(server: RedisServer) -> None:
    async with process(server) as first, process(server) as second:
        assert second.calls.remaining("groq", 28) == 28
        await first.calls.reserve("groq", 28, 0)
        end = time.monotonic() + 10
        while second.calls.remaining("groq", 28) != 27:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("key", ["rag_breaker::groq:llama:chat", "rag_calls::groq"])
async def test_nothing_stays_in_redis_for_ever(server: RedisServer, key: str) -> None:
    async with process(server) as first:
        await breaker(first).act(Act.OPEN)
        await first.calls.reserve("groq", 2, 0)
        seconds = int(server.ask("TTL", key).strip()[1:])
        assert 60 < seconds <= 86_400
