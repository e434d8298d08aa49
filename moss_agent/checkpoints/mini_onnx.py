"""The mini model in parts that ONNX Runtime computes: base and adapter merged, in weights of 8 bits.

`engine.backends.onnx_step` says where the graph is cut. Weights share a scale in blocks of 32, as numbers from -127 to
127 times the scale; the embedding, which is also the output layer, is kept a second time in 16 bits.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from moss_agent.checkpoints.mini_base import read_base

EMBEDDING, TOKENIZER, MANIFEST = "embedding.npy", "tokenizer.json", "model.json"
TOGETHER = (1, 2, 4, 8, 16)  # sequences whose attention is computed in one call: calls take longer than nodes
BLOCK = 32  # weights that share a scale
ROUNDED = 4  # accuracy level of ONNX Runtime at which rows are rounded to 8 bits
MICROSOFT = "com.microsoft"
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
IR_VERSION = 9  # of the format of the file

Weights = Mapping[str, NDArray[np.float32]]


def write(gguf: Path, adapter: Path, folder: Path) -> None:
    """Write the parts, and the tokenizer, into a folder that exists."""
    base = read_base(gguf)
    base.tokenizer().save(str(folder / TOKENIZER))
    weights = merged(base.weights, adapter)
    metadata = base.metadata
    size = metadata["llama.rope.dimension_count"]
    shape = {
        "layers": metadata["llama.block_count"],
        "heads": metadata["llama.attention.head_count"],
        "key_heads": metadata["llama.attention.head_count_kv"],
        "head_size": size,
        "positions": metadata["llama.context_length"],
        "frequencies": [metadata["llama.rope.freq_base"] ** (-place / size) for place in range(0, size, 2)],
        "end_token": metadata["tokenizer.ggml.eos_token_id"],
    }
    write_parts(weights, shape, metadata["llama.attention.layer_norm_rms_epsilon"], folder)


def merged(base: Any, adapter: Path) -> Weights:
    """Return the weights of the base with what the adapter adds to them."""
    settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    added = load_file(adapter / "adapter_model.safetensors")
    scale = settings["lora_alpha"] / settings["r"]
    weights = {}
    for name, weight in base:
        key = f"base_model.model.{name}.lora_{{}}.weight"
        if key.format("A") in added:
            down, up = (added[key.format(matrix)].astype(np.float32) for matrix in "AB")
            weight = weight + up @ down * np.float32(scale)
        weights[name] = np.ascontiguousarray(weight, np.float32)
    return weights


def write_parts(weights: Weights, shape: Mapping[str, Any], epsilon: float, folder: Path) -> None:
    """Write a Llama, whose weights have the names of transformers, as the parts of its graph.

    shape: layers, heads, key_heads, head_size, positions, and the frequencies by which pairs of dimensions turn.
    """
    layers = shape["layers"]
    names = [f"part-{number:02}.onnx" for number in range(layers + 1)]
    for number in range(layers + 1):
        part = _Part(weights, epsilon)
        after = f"model.layers.{number}.input_layernorm" if number < layers else "model.norm"
        normed = part.finish_layer(number - 1, after) if number else part.norm(part.input("x"), after)
        if number < layers:
            part.begin_layer(number, normed)
        else:
            part.linear(normed, ["model.embed_tokens"], "logits")
            part.outputs.append("logits")
        onnx.save(part.model(), folder / names[number])
    attention = {count: f"attention-{count:02}.onnx" for count in TOGETHER}
    for count, name in attention.items():
        onnx.save(_attention(shape, count), folder / name)
    stream = io.BytesIO()  # np.save would not say why it cannot write a file
    np.save(stream, weights["model.embed_tokens"].astype(np.float16))
    (folder / EMBEDDING).write_bytes(stream.getvalue())
    files = [*names, *attention.values(), EMBEDDING, TOKENIZER]
    manifest = {**shape, "parts": names, "attention": attention, "embedding": EMBEDDING, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


class _Part:
    """A part of the graph while it is built. Values are named; all are rows, (rows, width)."""

    def __init__(self, weights: Weights, epsilon: float) -> None:
        self._weights = weights
        self._epsilon = epsilon
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[str] = []
        self.outputs: list[str] = []

    def begin_layer(self, number: int, normed: str) -> None:
        """Compute what the attention of a layer needs of the rows."""
        prefix = f"model.layers.{number}.self_attn"
        self.linear(normed, [f"{prefix}.{each}_proj" for each in "qkv"], "qkv")
        self.outputs += ["qkv", "y"] if number else ["qkv"]

    def finish_layer(self, number: int, after: str) -> str:
        """Compute the rest of a layer from its input and its attention; return its output `y` normed by `after`."""
        prefix = f"model.layers.{number}"
        projected = self.linear(self.input("attended"), [f"{prefix}.self_attn.o_proj"], "projected")
        normed = self.add_and_norm(self.input("x"), projected, "between", f"{prefix}.post_attention_layernorm")
        gates = self.linear(normed, [f"{prefix}.mlp.gate_proj"], "gates")
        values = self.linear(normed, [f"{prefix}.mlp.up_proj"], "ups")
        opened = self._add("Mul", [gates, self._add("Sigmoid", [gates], "sigmoid")], "opened")
        added = self.linear(self._add("Mul", [opened, values], "gated"), [f"{prefix}.mlp.down_proj"], "added")
        return self.add_and_norm("between", added, "y", after)

    def input(self, name: str) -> str:
        self._inputs.append(name)
        return name

    def norm(self, x: str, module: str) -> str:
        weight = self._constant(f"{module}.weight", self._weights[module])
        return self._add("SimplifiedLayerNormalization", [x, weight], module, axis=-1, epsilon=self._epsilon)

    def add_and_norm(self, x: str, added: str, total: str, module: str) -> str:
        """Add to x, as `total`, and norm that: one node, since each of them takes longer than it computes."""
        weight = self._constant(f"{module}.weight", self._weights[module])
        outputs = [module, "", "", total]
        node = helper.make_node(
            "SkipSimplifiedLayerNormalization", [x, added, weight], outputs, domain=MICROSOFT, epsilon=self._epsilon
        )
        self._nodes.append(node)
        return module

    def linear(self, x: str, modules: Sequence[str], name: str) -> str:
        """Multiply with the weights of modules, side by side."""
        weight = np.concatenate([self._weights[module] for module in modules])
        levels, scales = rounded(weight)
        inputs = [x, self._constant(f"{name}.levels", levels), self._constant(f"{name}.scales", scales.reshape(-1))]
        out, into = weight.shape
        options = {"K": into, "N": out, "bits": 8, "block_size": BLOCK, "accuracy_level": ROUNDED}
        return self._add("MatMulNBits", inputs, name, domain=MICROSOFT, **options)

    def model(self) -> onnx.ModelProto:
        inputs, outputs = ([_value(name, ["rows", None]) for name in names] for names in (self._inputs, self.outputs))
        graph = helper.make_graph(self._nodes, "part", inputs, outputs, self._constants)
        return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, kind: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **options))
        return output


def rounded(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a weight, (out, in), as `(levels - 128) * scale`: (out, in / 32, 32) and (out, in / 32)."""
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scales = np.abs(blocks).max(-1) / np.float32(127)
    scales[scales == 0] = 1
    levels = np.rint(blocks / scales[..., None]) + 128
    return levels.astype(np.uint8), scales


def _attention(shape: Mapping[str, Any], count: int) -> onnx.ModelProto:
    """Attention of sequences, each over a cache of which the first tokens are filled; new ones are written behind."""
    heads, key_heads, size = shape["heads"], shape["key_heads"], shape["head_size"]
    options = {"num_heads": heads, "kv_num_heads": key_heads, "do_rotary": 1}
    turns = [_value(name, ["positions", size // 2]) for name in ("cos", "sin")]
    nodes, inputs, outputs = [], list(turns), []
    for number in range(count):
        caches = [
            _value(f"{name}-{number}", [1, key_heads, f"capacity-{number}", size])
            for name in ("keys", "values", "new-keys", "new-values")
        ]
        counts = [_value(f"{name}-{number}", [1], TensorProto.INT32) for name in ("last", "length")]
        given = _value(f"qkv-{number}", [1, f"rows-{number}", (heads + 2 * key_heads) * size])
        result = _value(f"attended-{number}", [1, f"rows-{number}", heads * size])
        inputs += [given, *caches[:2], *counts]
        outputs += [result, *caches[2:]]
        read = [given.name, "", "", *(each.name for each in (*caches[:2], *counts)), "cos", "sin"]
        written = [result.name, *(each.name for each in caches[2:])]
        nodes.append(helper.make_node("GroupQueryAttention", read, written, domain=MICROSOFT, **options))
    graph = helper.make_graph(nodes, "attention", inputs, outputs)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)


def _value(name: str, shape: Sequence[int | str | None], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
