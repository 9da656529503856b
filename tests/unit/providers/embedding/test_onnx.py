import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ragkeeper.providers.embedding.errors import EmbedderUnavailable, TextTooLong
from ragkeeper.providers.embedding.onnx import BULK_NICENESS, MODEL_FILE, OnnxEmbedder, products_overflow
from ragkeeper.providers.embedding.tokenizer import SHIPPED_MODEL, TOKENIZER_FILE


@pytest.fixture
async def embedder() -> AsyncIterator[OnnxEmbedder]:
    made = OnnxEmbedder(threads=2)
    yield made
    await made.close()


def test_describes_the_shipped_model(embedder: OnnxEmbedder) -> None:
    assert (embedder.name, embedder.dimension, embedder.max_tokens) == ("minilm-l6-v2-int8", 384, 254)


async def test_agrees_with_the_original_model(embedder: OnnxEmbedder) -> None:
    """These are the first numbers that the published fp32 model gives for this sentence."""
    published = [0.06765688, 0.06349591, 0.04871316, 0.07930494, 0.03744801, 0.00265286, 0.03937493, -0.00709845]
    vector = await embedder.embed_query("This is an example sentence")
    np.testing.assert_allclose(vector[:8], published, atol=0.02)


async def test_an_error_stops_the_rest_of_the_call(embedder: OnnxEmbedder) -> None:
    texts = ["too long " * 200, *["word " * 250] * 400]
    started = asyncio.get_running_loop().time()
    with pytest.raises(TextTooLong):
        await embedder.embed_documents(texts)
    await embedder.embed_documents(["after"])
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_cancelled_call_frees_the_workers(embedder: OnnxEmbedder) -> None:
    call = asyncio.create_task(embedder.embed_documents(["word " * 250] * 2000))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(2):
        await embedder.embed_documents(["after"])


async def test_who_waits_does_not_queue_behind_documents(embedder: OnnxEmbedder) -> None:
    bulk = asyncio.create_task(embedder.embed_documents(["word " * 250] * 2000))
    await asyncio.sleep(0.05)
    await embedder.embed_now(["a sentence", "another"])
    assert not bulk.done()
    bulk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bulk


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of single threads")
async def test_documents_give_way_to_questions(embedder: OnnxEmbedder) -> None:
    async def niceness(executor: ThreadPoolExecutor) -> int:
        def own() -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        return await asyncio.get_running_loop().run_in_executor(executor, own)

    documents, questions = await niceness(embedder._document_workers), await niceness(embedder._query_worker)
    assert documents == min(questions + BULK_NICENESS, 19)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    shutil.copy(SHIPPED_MODEL / TOKENIZER_FILE, tmp_path)
    with pytest.raises(EmbedderUnavailable, match=MODEL_FILE):
        OnnxEmbedder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", (SHIPPED_MODEL / MODEL_FILE).read_bytes()[:100_000]])
def test_a_broken_model_is_named(tmp_path: Path, content: bytes) -> None:
    shutil.copy(SHIPPED_MODEL / TOKENIZER_FILE, tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(content)
    with pytest.raises(EmbedderUnavailable, match=MODEL_FILE):
        OnnxEmbedder(tmp_path)


@pytest.mark.parametrize(
    ("machine", "cpu", "overflows"),
    [
        ("x86_64", "flags : sse2 avx2", True),
        ("x86_64", "flags : avx2 avx512_vnni", False),
        ("x86_64", "flags : avx2 avx_vnni", False),
        ("x86_64", "", False),
        ("aarch64", "Features : asimd", False),
    ],
)
def test_which_processors_overflow(machine: str, cpu: str, overflows: bool) -> None:
    assert products_overflow(machine, cpu) is overflows


def test_torch_is_not_loaded() -> None:
    code = "import sys, ragkeeper.providers.embedding.onnx; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
