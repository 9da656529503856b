"""What commands need of the process they run in."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from ragkeeper.cli.client import Client

Connect = Callable[[], AbstractContextManager[Client]]
"""Reaches the server of the data folder; starts one for the length of the block when none runs."""
