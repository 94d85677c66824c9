"""Linear layers of an ONNX model in 8-bit integers, with a scale of its own for every token.

ONNX Runtime's own dynamic quantisation takes one scale for the whole batch: a text's score then depends on the texts
beside it, on the encoder of task injury by up to 0.06 of probability. With a scale for each token a text scores alone
as in company, and the rounding is finer as well; the speed is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHT_LIMIT = 127
"""Largest integer weight."""

PORTABLE_LIMIT = 63
"""The same where processors without byte instructions must compute the same numbers: they add two products in 16 bits,
which larger weights would overflow. Rounding is twice as coarse."""

_TOP = 255

_ZERO = 128
"""What stands for 0 among the integers of a token's values."""

_GELU_ZERO = 16
"""The same behind a GELU, which hardly goes below 0."""

_SMALLEST_WIDTH = 64
"""Layers with fewer outputs, such as a classification head, stay as they are: there is nothing to gain."""

_TINY = np.float32(1e-12)
_DOMAIN = "com.microsoft"


def quantise(source: Path, target: Path, *, limit: int = WEIGHT_LIMIT) -> int:
    """Writes a copy of a float32 model whose products with constant matrices are computed in integers.

    Args:
        source: a model whose inputs of these products end in the dimension that is summed over.
        target: where the copy goes.
        limit: largest integer weight.

    Returns:
        How many products were replaced; 0 where the model has none.
    """
    import onnx

    model = onnx.load(str(source))
    del model.graph.value_info[:]  # the exporter's shapes, which do not fit the nodes that come in
    replaced = _Rewriter(model, limit).rewrite()
    onnx.save(model, str(target))
    return replaced


def quantised_columns(weight: NDArray[np.float32], limit: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers of shape (k, n) within `limit`, and the scale of each column, shape (n,): scale * integer = weight."""
    scale = np.maximum(np.abs(weight).max(axis=0), _TINY) / np.float32(limit)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


class _Rewriter:
    """Replaces the products of one model."""

    def __init__(self, model: Any, limit: int) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._arrays = helper, numpy_helper
        self._graph, self._limit = model.graph, limit
        self._weights = {one.name: one for one in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._done: set[str] = set()
        if all(one.domain != _DOMAIN for one in model.opset_import):
            model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))

    def rewrite(self) -> int:
        """Replaces all that can be; see `quantise`."""
        large = [node for node in self._graph.node if node.op_type == "MatMul" and self._is_large(node.input[1])]
        outputs = {node.output[0] for node in large}
        nodes = [
            new for node in self._graph.node for new in (self._product(node) if node.output[0] in outputs else [node])
        ]
        self._replace(self._graph.node, nodes)
        used = {name for node in nodes for name in node.input}
        self._replace(self._graph.initializer, [one for one in self._graph.initializer if one.name in used])
        return len(large)

    def _is_large(self, name: str) -> bool:
        weight = self._weights.get(name)
        return weight is not None and len(weight.dims) == 2 and weight.dims[1] >= _SMALLEST_WIDTH

    def _product(self, node: Any) -> Iterator[Any]:
        """Nodes instead of one MatMul: the tokens' integers, their product, and the tokens' scales taken back."""
        values, weight = node.input[0], node.input[1]
        zero = _GELU_ZERO if self._follows_gelu(values) else _ZERO
        if values not in self._done:  # query, key and value read the same tokens
            self._done.add(values)
            yield from self._tokens(values, zero)
        integers, scale = quantised_columns(self._arrays.to_array(self._weights[weight]), self._limit)
        inputs = [
            f"{values}.tokens",
            self._constant(f"{weight}.int8", integers),
            self._constant("int8.one", np.float32(1)),
            self._constant(f"{weight}.scale", scale),
            self._constant(f"int8.zero{zero}", np.uint8(zero)),
        ]
        raw = f"{node.output[0]}.raw"
        yield self._helper.make_node("MatMulIntegerToFloat", inputs, [raw], domain=_DOMAIN)
        yield self._helper.make_node("Mul", [raw, f"{values}.scale"], [node.output[0]])

    def _tokens(self, values: str, zero: int) -> Iterator[Any]:
        """Nodes that make values of shape (..., k) into unsigned integers of that shape and scales (..., 1)."""
        last = self._constant("int8.last", np.array([-1], dtype=np.int64))
        up = self._constant(f"int8.up{zero}", np.float32(1 / (_TOP - zero)))
        down = self._constant(f"int8.down{zero}", np.float32(-1 / zero))
        zero_point = self._constant(f"int8.zero{zero}", np.uint8(zero))
        steps: list[tuple[str, list[str], str, dict[str, int]]] = [
            ("ReduceMax", ["", last], ".highest", {"keepdims": 1}),
            ("ReduceMin", ["", last], ".lowest", {"keepdims": 1}),
            ("Mul", [".highest", up], ".above", {}),
            ("Mul", [".lowest", down], ".below", {}),
            ("Max", [".above", ".below", self._constant("int8.tiny", _TINY)], ".scale", {}),
            ("Reshape", [".scale", last], ".scales", {}),
            ("Shape", [".scales"], ".count", {}),
            ("Expand", [zero_point, ".count"], ".zeros", {}),
            ("Flatten", [""], ".flat", {"axis": -1}),
            ("QuantizeLinear", [".flat", ".scales", ".zeros"], ".flat_tokens", {"axis": 0}),
            ("Shape", [""], ".shape", {}),
            ("Reshape", [".flat_tokens", ".shape"], ".tokens", {}),
        ]
        for operator, inputs, output, attributes in steps:
            names = [name if name and not name.startswith(".") else f"{values}{name}" for name in inputs]
            yield self._helper.make_node(operator, names, [f"{values}{output}"], **attributes)

    def _follows_gelu(self, values: str, depth: int = 4) -> bool:
        node = self._makers.get(values)
        if node is None or depth == 0:
            return False
        if node.op_type in {"Erf", "Gelu", "BiasGelu"}:
            return True
        return node.op_type in {"Add", "Mul"} and any(self._follows_gelu(name, depth - 1) for name in node.input)

    def _constant(self, name: str, value: Any) -> str:
        """Adds a constant unless it is there; its name."""
        if name not in self._weights:
            self._weights[name] = self._arrays.from_array(np.asarray(value), name)
            self._graph.initializer.append(self._weights[name])
        return name

    @staticmethod
    def _replace(field: Any, entries: list[Any]) -> None:
        kept = [type(entry).FromString(entry.SerializeToString()) for entry in entries]
        del field[:]
        field.extend(kept)
