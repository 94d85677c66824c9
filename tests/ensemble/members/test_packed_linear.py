"""Packed linear layers: the same numbers, put back where they are not."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from ensemble.members.packed_linear import PackedGate, PackedLinear, pack

TOKENS = [2, 40, 41, 7, 99, 5]


def states(model):
    with torch.inference_mode():
        return model.base_model(input_ids=torch.tensor([TOKENS]), use_cache=False).last_hidden_state


def kinds(model):
    return {type(module) for module in model.modules()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_model_gives_what_it_gave_before(tiny_folder, dtype):
    """All linear layers but the output layer are replaced, and the states stay within rounding."""
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=dtype).eval()
    before, output = states(model), model.get_output_embeddings()
    assert pack(model, TOKENS)
    assert {PackedLinear, PackedGate} <= kinds(model)
    assert torch.nn.Linear not in kinds(model.base_model)
    assert model.get_output_embeddings() is output
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(states(model), before, rtol=0, atol=tolerance * float(before.abs().max()))


@pytest.mark.parametrize("activation", ["silu", "gelu", "relu", "gelu_pytorch_tanh", "tanh"])
def test_other_models_and_activations(activation):
    """Gates of other families are computed in one go where the activation is known, else left alone."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        hidden_act=activation, initializer_range=0.3, attention_bias=True, mlp_bias=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    before = states(model)
    assert pack(model, TOKENS)
    assert (PackedGate in kinds(model)) == (activation != "tanh")
    torch.testing.assert_close(states(model), before, rtol=0, atol=1e-5 * float(before.abs().max()))


def test_a_layer_that_would_change_is_put_back(tiny_folder, monkeypatch):
    """Where the replacement gives something else, the model stays as the library made it."""
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    before = states(model)
    monkeypatch.setattr(PackedLinear, "times", lambda self, states, factor: self(states) + factor)
    assert not pack(model, TOKENS)
    assert PackedLinear not in kinds(model)
    assert torch.equal(states(model), before)


def test_other_number_formats_are_left_alone(tiny_folder):
    """What oneDNN does not take stays with torch."""
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float64).eval()
    assert not pack(model, TOKENS)
