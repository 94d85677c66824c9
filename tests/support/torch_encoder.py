"""The fine-tuned encoder as a torch module again, from the weights in its float32 export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ensemble.training.bert import Classifier, load_base, minilm_path


def from_onnx(path: Path) -> Classifier:
    """The module that `path` was exported from, with torch's fused attention; a linear weight is found by its bias."""
    graph = onnx.load(str(path)).graph
    weights = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    for node in graph.node:
        names = [name for name in node.input if name.endswith(".bias") and name in weights]
        if node.op_type == "Add" and names:
            other = next(name for name in node.input if name != names[0])
            if other in makers and makers[other].op_type == "MatMul":
                weights[names[0].removesuffix("bias") + "weight"] = weights[makers[other].input[1]].T
    model = Classifier(load_base(minilm_path())).eval()
    with torch.no_grad():
        for name, parameter in model.state_dict().items():
            if "pooler" not in name:  # not read, so not exported
                parameter.copy_(torch.from_numpy(np.array(weights[name])))
    return model
