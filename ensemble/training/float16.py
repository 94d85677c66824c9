"""An ONNX model in half precision, for GPUs."""

from __future__ import annotations

from pathlib import Path


def halve(source: Path, target: Path) -> None:
    """Writes a copy of a float32 model that computes in float16; inputs and outputs keep their types."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(str(source))
    del model.graph.value_info[:]  # the exporter's types, which no longer hold
    onnx.save(convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=False), str(target))
