"""A Gemma 3 of a few thousand random weights with a tokenizer of its own, made in about a second."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from ensemble.members.weights import write_manifest

SENTENCES = [
    " Text : the boat came in Outcome : safe",
    " Text : he fell and broke his arm Outcome : injured",
    " she sang well , was she hurt or whole ? Answer : Yes Answer : No",
]


def build(folder: Path, seed: int = 0) -> Path:
    """Writes model, tokenizer and manifest into `folder`; the window of its sliding layers is 16 tokens."""
    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16, sliding_window=16, max_position_embeddings=2048,
        layer_types=["sliding_attention", "full_attention"] * 2, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, initializer_range=0.3,
    )  # fmt: skip
    folder.mkdir(parents=True)
    Gemma3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>", "<bos>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, min_frequency=1, show_progress=False, special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    core.train_from_iterator(SENTENCES * 3, trainer)
    names = {"pad_token": special[0], "eos_token": special[1], "bos_token": special[2]}
    return PreTrainedTokenizerFast(tokenizer_object=core, **names)
