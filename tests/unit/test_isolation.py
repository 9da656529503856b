"""The fence around the unit tests holds."""

import asyncio
import socket

import pytest
import pytest_socket


def test_unit_tests_open_no_socket():
    # The fence warns before it raises, and here a warning is an error.
    with pytest.raises((pytest_socket.SocketBlockedError, UserWarning), match="tried to use socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def test_the_event_loop_runs_behind_the_fence():
    assert await asyncio.to_thread(lambda: 7) == 7
