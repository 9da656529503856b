"""How fast the shipped embedder is, beside the usual way to run the same model.

    python -m bench.embedding [--texts 2000] [--rounds 3] [--threads 2] [--self-check]

Subjects take turns on slices of the same texts, so that other load on the machine hits all of them alike; CPU seconds
are shown because they suffer less from it than the clock. `padded` subjects run the shipped graph in batches of 32 on
the runtime's own threads: the graph has no mask, so their vectors would be wrong, but their cost is the right one.
Texts: SciFact in pieces of about 470 characters, and whole abstracts cut into windows that fit the model.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from bench.conditions import print_conditions
from ragkeeper.providers.embedding.onnx import MODEL_FILE, OnnxEmbedder
from ragkeeper.providers.embedding.rules import text_windows
from ragkeeper.providers.embedding.tokenizer import SHIPPED_MODEL, load_tokenizer

CORPUS = Path(__file__).resolve().parents[2] / "shared/data/scifact/corpus.jsonl"
SIZE, BATCH, SLICE, QUESTIONS = 470, 32, 128, 200
WINDOW_TOKENS = 240  # a window is tokenized again and may then have a few more tokens; the model reads 254

Embed = Callable[[Sequence[str]], Awaitable[object]]


@dataclass(slots=True)
class Subject:
    name: str
    embed: Embed
    wall: float = 0.0
    cpu: float = 0.0
    rates: list[float] = field(default_factory=list)

    async def take(self, texts: Sequence[str]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        await self.embed(texts)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu
        self.rates.append(len(texts) / wall)


class PaddedBatches:
    """The usual way: batches of equal count, padded to the longest, on the runtime's thread pool."""

    def __init__(self, threads: int, *, by_length: bool, spinning: bool) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        self._session = onnxruntime.InferenceSession(SHIPPED_MODEL / MODEL_FILE, options, ["CPUExecutionProvider"])
        self._tokenizer = load_tokenizer()
        self._tokenizer.enable_padding()
        self._by_length = by_length

    async def embed(self, texts: Sequence[str]) -> None:
        await asyncio.to_thread(self._embed, sorted(texts, key=len) if self._by_length else texts)

    def _embed(self, texts: Sequence[str]) -> None:
        for start in range(0, len(texts), BATCH):
            batch = self._tokenizer.encode_batch(list(texts[start : start + BATCH]))
            self._session.run(None, {"input_ids": np.array([encoding.ids for encoding in batch])})


def subjects(threads: int, embedder: OnnxEmbedder) -> list[Subject]:
    padded = [("padded, unsorted, spinning", False, True), ("padded, sorted, no spinning", True, False)]
    return [
        Subject(f"ragkeeper, {threads} threads", embedder.embed_documents),
        *(
            Subject(name, PaddedBatches(threads, by_length=by_length, spinning=spinning).embed)
            for name, by_length, spinning in padded
        ),
    ]


def abstracts() -> Iterator[str]:
    with CORPUS.open(encoding="utf-8") as lines:
        for document in map(json.loads, lines):
            yield f"{document['title']}. {document['text']}"


def pieces(texts: Iterator[str]) -> Iterator[str]:
    """Cuts at the last blank before SIZE characters; a short rest is left out."""
    for text in texts:
        rest = text
        while len(rest) > SIZE:
            end = rest.rfind(" ", 0, SIZE)
            yield rest[:end]
            rest = rest[end + 1 :]


def windows(texts: Iterator[str], embedder: OnnxEmbedder) -> Iterator[str]:
    return (window for text in texts for window in text_windows(text, embedder.token_offsets(text), WINDOW_TOKENS))


async def compare(title: str, texts: Sequence[str], rounds: int, compared: Sequence[Subject]) -> None:
    tokens = np.mean([len(encoding.ids) for encoding in load_tokenizer().encode_batch(list(texts))])
    print(
        f"\n{title}: {len(texts)} texts, {tokens:.0f} tokens on average, {rounds} rounds, load {os.getloadavg()[0]:.1f}"
    )
    for _ in range(rounds):
        for start in range(0, len(texts), SLICE):
            for subject in compared:
                await subject.take(texts[start : start + SLICE])
    for subject in compared:
        total = rounds * len(texts)
        print(
            f"  {subject.name:30} {total / subject.wall:6.0f} texts/s, fastest slice {max(subject.rates):6.0f}, "
            f"CPU seconds per 1,000 texts {1000 * subject.cpu / total:6.2f}"
        )


async def question_times(embedder: OnnxEmbedder, questions: Sequence[str]) -> str:
    taken = []
    for question in questions:
        started = time.perf_counter()
        await embedder.embed_query(question)
        taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(0.005)
    return "p50 {:.1f} ms, p95 {:.1f} ms".format(*np.percentile(taken, [50, 95]))


async def questions_under_load(embedder: OnnxEmbedder, texts: Sequence[str], questions: Sequence[str]) -> None:
    print(f"\na question of {np.mean([len(question) for question in questions]):.0f} characters")
    print("  nothing else to do:         ", await question_times(embedder, questions))

    async def without_end() -> None:
        for start in itertools.cycle(range(0, len(texts), SLICE)):
            await embedder.embed_documents(texts[start : start + SLICE])

    bulk = asyncio.create_task(without_end())
    print("  while documents are embedded:", await question_times(embedder, questions))
    bulk.cancel()
    await asyncio.gather(bulk, return_exceptions=True)


@contextmanager
def one_core_taken() -> Iterator[None]:
    """Keeps the first of this process's cores busy with another process."""
    core = min(os.sched_getaffinity(0))
    code = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as busy:
        try:
            yield
        finally:
            busy.kill()


async def measure(texts: int, rounds: int, threads: int) -> None:
    embedder = OnnxEmbedder(threads=threads)
    short = list(itertools.islice(pieces(abstracts()), texts))
    whole = list(itertools.islice(windows(abstracts(), embedder), texts))
    await compare(f"pieces of about {SIZE} characters", short, rounds, subjects(threads, embedder))
    await compare("whole abstracts in windows", whole, 1, subjects(threads, embedder))
    with one_core_taken():
        await compare("pieces, one core taken by another process", short[: texts // 2], 1, subjects(threads, embedder))
    await questions_under_load(embedder, short, [text[:80] for text in short[:QUESTIONS]])
    await embedder.close()


async def self_check() -> int:
    """Measures a few short texts, and says whether every subject was timed."""
    embedder = OnnxEmbedder(threads=2)
    compared = subjects(2, embedder)
    texts = [f"text number {number} of a few" for number in range(40)]
    await compare("self-check", texts, 1, compared)
    await questions_under_load(embedder, texts, texts[:5])
    await embedder.close()
    return 0 if all(subject.wall > 0 and subject.cpu > 0 and subject.rates for subject in compared) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--self-check", action="store_true")
    options = parser.parse_args()
    print_conditions("onnxruntime", "tokenizers", "numpy")
    if options.self_check:
        return asyncio.run(self_check())
    if not CORPUS.exists():
        print("not measured: ../shared/data/scifact is missing")
        return 0
    asyncio.run(measure(options.texts, options.rounds, options.threads))
    return 0


if __name__ == "__main__":
    sys.exit(main())
