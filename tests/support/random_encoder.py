"""An encoder that nobody fitted, exported as preparation does it."""

from pathlib import Path

import torch

from ensemble.calibration import Platt
from ensemble.members.encoder import EncoderFile
from ensemble.training.bert import Classifier, export, load_base, minilm_path


def random_encoder(path: Path, intercept: float) -> Path:
    """Writes the packaged MiniLM with a random head, always the same, calibrated with this intercept."""
    torch.manual_seed(0)
    export(Classifier(load_base(minilm_path())), minilm_path() / "tokenizer.json", path)
    file = EncoderFile.build(path, Platt(slope=1.0, intercept=intercept))
    (path / "encoder.json").write_text(file.model_dump_json())
    return path
