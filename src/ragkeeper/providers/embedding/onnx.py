"""The shipped embedder: an int8 ONNX model on the CPU, with no download and no torch.

One text per run and one thread per run: `threads` workers take texts from a common queue. Padding and length sorting
fall away, a worker that loses its core slows nobody else down, and a text's vector does not depend on its neighbours
(activations are quantised per run). Measured in docs/decisions/0002-shipped-embedder.md.
"""

import asyncio
import os
import platform
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
)
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as NotImplementedOperator,
)

from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.providers.embedding.rules import mean_direction, refuse_longer, writable
from ragkeeper.providers.embedding.tokenizer import SHIPPED_MODEL, load_tokenizer, token_spans

MODEL_FILE = "model.int8.onnx"
MOST_THREADS = 4
# Questions and the event loop go first: bulk work of the same process gives way to them.
BULK_NICENESS = 10
LOAD_ERRORS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, NotImplementedOperator)
TokenIds = NDArray[np.int64]
Turn = Callable[[], AbstractContextManager[None]]
Result = TypeVar("Result")


class OnnxEmbedder:
    """Runs a model made by scripts/build_embedder.py.

    `embed_documents` uses `threads` threads (default: the process's cores, at most 4), `embed_now` as many others of a
    higher priority, and `embed_query` one of its own, so that nobody who waits queues behind documents. Calls of each
    are served in order. Each text of a document is embedded within a `turn`, which may let others go first.
    """

    def __init__(
        self,
        model_dir: Path = SHIPPED_MODEL,
        threads: int | None = None,
        turn: Turn = nullcontext,
    ) -> None:
        self._tokenizer = load_tokenizer(model_dir)
        self._session = _open_session(model_dir / MODEL_FILE)
        facts = self._session.get_modelmeta().custom_metadata_map
        self.name: str = facts["name"]
        self.max_tokens = int(facts["max_tokens"])
        self.dimension: int = self._session.get_outputs()[0].shape[1]
        self._frame = self._tokenizer.encode("").ids  # [CLS] and [SEP]
        self._threads = threads or min(_cores(), MOST_THREADS)
        self._document_workers = ThreadPoolExecutor(self._threads, "embed-documents", initializer=_give_way)
        self._urgent_workers = ThreadPoolExecutor(self._threads, "embed-now")
        self._query_worker = ThreadPoolExecutor(1, "embed-query")
        self._turn = turn
        self._closed = False

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self._tokenizer, text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await self._embed(self._document_workers, texts, self._turn)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self._embed(self._urgent_workers, texts, nullcontext)

    async def _embed(self, executor: ThreadPoolExecutor, texts: Sequence[str], turn: Turn) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        waiting = deque(enumerate(texts))
        workers = range(min(self._threads, len(texts)))
        try:
            await asyncio.gather(*(self._run(executor, partial(self._drain, waiting, vectors, turn)) for _ in workers))
        finally:
            waiting.clear()  # after an error or a cancellation the workers stop at their next text
        return vectors

    async def embed_query(self, text: str) -> Vectors:
        return await self._run(self._query_worker, partial(self._embed_windows, text))

    async def close(self) -> None:
        self._closed = True
        for executor in (self._document_workers, self._urgent_workers, self._query_worker):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        if self._closed:
            raise EmbedderUnavailable(name=self.name, reason="it was closed")
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def _drain(self, waiting: deque[tuple[int, str]], vectors: Vectors, turn: Turn) -> None:
        while True:
            try:
                position, text = waiting.popleft()
            except IndexError:
                return
            ids = self._token_ids(text)
            refuse_longer(self.name, len(ids), self.max_tokens)
            with turn():
                vectors[position] = self._infer(ids)

    def _embed_windows(self, text: str) -> Vectors:
        ids = self._token_ids(text)
        windows = np.split(ids, range(self.max_tokens, len(ids), self.max_tokens))
        return mean_direction(np.stack([self._infer(window) for window in windows]))

    def _token_ids(self, text: str) -> TokenIds:
        # Not the batch call: it starts threads of its own, which fight over the cores with these.
        return np.array(self._tokenizer.encode(writable(text), add_special_tokens=False).ids, np.int64)

    def _infer(self, ids: TokenIds) -> Vectors:
        start, end = self._frame
        framed = np.concatenate(([start], ids, [end]))
        output: Vectors = self._session.run(None, {"input_ids": framed[np.newaxis]})[0][0]
        return output


def _cores() -> int:
    """Cores this process may use, which a container or taskset can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _give_way() -> None:
    """Lowers the calling thread's priority; only Linux has priorities of single threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Relative, since a process that was started with a low priority may not raise it.
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + BULK_NICENESS)


def _open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # as quick without, and memory goes back after long texts
    if products_overflow(platform.machine(), _cpu_description()):
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except LOAD_ERRORS as error:
        raise EmbedderUnavailable(name=path.parent.name, reason=f"{path} cannot be loaded ({error})") from error


def _cpu_description() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def products_overflow(machine: str, cpu_description: str) -> bool:
    """Whether this processor may overflow when it adds int8 products, and so needs the runtime's slower exact way.

    True for x86-64 without VNNI instructions. With VNNI the exact way is not needed and several times slower.
    Source: ONNX Runtime, "Quantize ONNX models", section on U8S8 and saturation.
    """
    return machine in {"x86_64", "AMD64"} and bool(cpu_description) and "vnni" not in cpu_description
