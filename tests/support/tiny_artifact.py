"""A prepared artifact whose encoder and embedder are bags of words in ONNX, made in about a second.

The members run by the real scorers: both look for words that hurt, the keyword member knows one more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from ensemble.artifacts import JOINT, Artifact, Manifest, seal
from ensemble.calibration import Platt
from ensemble.home import artifacts_dir
from ensemble.members.encoder import EncoderFile, EncoderScorer
from ensemble.members.keyword import KeywordFile, KeywordScorer
from ensemble.members.prompts import Prompt
from ensemble.members.remote_judge import FILE as JUDGE
from ensemble.members.remote_judge import RemoteJudgeFile
from ensemble.members.specs import REMOTE_GROUP, JudgeSpec
from ensemble.panel import fit_joint
from ensemble.scorer import Scorer
from ensemble.tasks.task import Lexicon, LexiconGroup
from ensemble.text import Text
from ensemble.training.bert import minilm_path

ENCODER_WORDS = {"broke": 4.0, "shot": 3.0, "kill": 2.5}
"""What the encoder adds up; it is fooled by "shot her a glance"."""

EMBEDDED_WORDS = {"broke": 2.0, "glance": -2.0}
LEXICON = Lexicon(groups={"harm": LexiconGroup(patterns=("bled", "broke", "shot"))})

_FIT_ON = [
    (Text("He broke his arm."), 1.0),
    (Text("She shot him in the leg."), 1.0),
    (Text("His hand bled."), 1.0),
    (Text("They drank tea."), 0.0),
    (Text("She shot him a glance."), 0.0),
    (Text("Rain fell on the roof."), 0.0),
]


def make(
    task: str = "injury",
    *,
    judge: JudgeSpec | None = None,
    members: Sequence[str] = ("encoder", "keyword"),
    fingerprint: str = "tiny",
) -> Artifact:
    """Writes and seals the artifact into the state directory, and makes it current.

    Args:
        task: whose artifact it is.
        judge: a remote judge that is a member too, as if it had been calibrated; its endpoint is not asked.
        members: which of the two it holds; the encoder always.
        fingerprint: what it was made from; that of a real preparation makes `hungjury up` take it.
    """
    folder = artifacts_dir(task) / ".tiny"
    _encoder(folder / "encoder")
    if "keyword" in members:
        _keyword(folder / "keyword")
    load: dict[str, Callable[[Path], Scorer]] = {"encoder": EncoderScorer, "keyword": KeywordScorer}
    scorers = {name: load[name](folder / name) for name in members}
    texts, labels = [text for text, _ in _FIT_ON], np.array([label for _, label in _FIT_ON])
    columns = np.hstack([scorer.score(texts) for scorer in scorers.values()])
    groups = {name: tuple((m.name, m.kind, m.version) for m in scorer.members) for name, scorer in scorers.items()}
    if judge is not None:
        columns = np.hstack([columns, 0.1 + 0.8 * labels[:, None]])
        groups[REMOTE_GROUP] = _judge(folder / REMOTE_GROUP, judge)
    names = [name for members in groups.values() for name, _, _ in members]
    joint = fit_joint(columns, labels, members=names, deployed="encoder")
    (folder / JOINT).write_text(joint.model_dump_json())
    return seal(folder, Manifest(task=task, fingerprint=fingerprint, seed=0, files={}, groups=groups))


def _judge(folder: Path, spec: JudgeSpec) -> tuple[tuple[str, str, str], ...]:
    """A remote judge's folder, and its member."""
    prompt = Prompt(name="plain", item="Passage: {text}\nQuestion: is somebody hurt?\nAnswer:")
    file = RemoteJudgeFile(spec=spec, prompt=prompt, calibration=Platt(slope=1.0, intercept=0.0)).versioned()
    (folder / JUDGE).parent.mkdir(parents=True)
    (folder / JUDGE).write_text(file.model_dump_json())
    return ((spec.name, "judge", file.version),)


def _encoder(folder: Path) -> None:
    _bag_of_words(folder, [ENCODER_WORDS])
    file = EncoderFile.build(folder, Platt(slope=1.0, intercept=-2.0))
    (folder / "encoder.json").write_text(file.model_dump_json())


def _keyword(folder: Path) -> None:
    _bag_of_words(folder / "embedder", [EMBEDDED_WORDS, {}])
    (folder / "lexicon.json").write_text(LEXICON.model_dump_json())
    save_file({"weight": np.array([3.0, 0.0, 1.0, 0.0]), "bias": np.array([0.0])}, folder / "head.safetensors")
    file = KeywordFile.build(folder, Platt(slope=1.5, intercept=-2.0))
    (folder / "keyword.json").write_text(file.model_dump_json())


def _bag_of_words(folder: Path, columns: list[dict[str, float]]) -> None:
    """A model that adds the weights of a text's words, one output a column."""
    folder.mkdir(parents=True)
    shutil.copyfile(minilm_path() / "tokenizer.json", folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    weights = np.zeros((tokenizer.get_vocab_size(), len(columns)), dtype=np.float32)
    for column, words in enumerate(columns):
        for word, weight in words.items():
            weights[tokenizer.token_to_id(word), column] = weight
    onnx.save(_model(weights), str(folder / "model.onnx"))


def _model(weights: np.ndarray) -> onnx.ModelProto:
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", weights.shape[1]])
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["each", "wide"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "tokens"], ["output"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "tokens"),
    ]
    graph = helper.make_graph(nodes, "bag_of_words", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
