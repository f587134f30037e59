"""Embeddings equal those of sentence-transformers, and the row cache survives kills, company and damage."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import embed as module
from curatekit.cache import Cache
from curatekit.embed import batches, embed
from curatekit.errors import CurateError, InputError, NoSpace
from curatekit.reporting import reporting
from tests.fake_encoder import FakeEncoder, FakeModel
from tests.test_cache import Listener

ROOT = Path(__file__).resolve().parents[1]

SENTENCES = [
    "The service was slow, but the soup made up for it.",
    "I would not call this film bad; I would call it unfinished.",
    "no",
    "My card was charged twice and nobody answers the phone!!! What now?",
    "It rained on Tuesday.",
    "Why would anyone pay 49.99 for a cable that breaks within a week?",
    "Das Hotel lag direkt am See und das Frühstück war großartig.",
    "THE BEST 😀 purchase I made this year, hands down",
    "She said that he said that they had never been there at all.",
    "a b c d e f g",
]
# 60 texts from two words to beyond the model's limit, of the kind that people write.
TEXTS = [
    " ".join(SENTENCES[(start + step * 3) % 10] for step in range(length))
    for start in range(10)
    for length in (1, 2, 3, 5, 9, 30)
]


def test_embeddings_are_those_of_sentence_transformers_and_layers_those_of_transformers() -> None:
    encoder = real("float32")
    got = embed((TEXTS,), encoder)
    embeddings, layers, truncated = slow_twin(encoder)
    np.testing.assert_allclose(got.embeddings, embeddings, atol=1e-5)
    np.testing.assert_allclose(got.layers.astype(np.float64), layers, atol=5e-3, rtol=1e-3)
    np.testing.assert_array_equal(got.truncated, truncated)
    assert got.truncated.any()
    assert got.computed == len(set(TEXTS))


def test_bfloat16_is_within_the_promised_cosine() -> None:
    embeddings, layers, _ = slow_twin(real("float32"))
    got = embed((TEXTS,), real("bfloat16"))
    assert cosine(got.embeddings, embeddings).min() >= 0.9999
    assert cosine(got.layers, layers).min() >= 0.9999
    np.testing.assert_allclose(np.linalg.norm(got.embeddings, axis=1), 1, atol=1e-6)


def test_openvino_is_within_the_promised_cosine() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    embeddings, layers, _ = slow_twin(real("float32"))
    for precision, least in (("float32", 0.999999), ("bfloat16", 0.9999)):
        got = embed((TEXTS,), real(precision, "openvino"))
        assert cosine(got.embeddings, embeddings).min() >= least
        assert cosine(got.layers, layers).min() >= least


def test_the_order_of_the_rows_changes_nothing_but_rounding() -> None:
    encoder = real("float32")
    order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
    got = embed(([TEXTS[row] for row in order],), encoder)
    np.testing.assert_allclose(got.embeddings, slow_twin(encoder)[0][order], atol=1e-5)


def test_ten_million_characters_cost_no_more_than_the_beginning() -> None:
    encoder = real("float32")
    beginning = "word " * (encoder.max_characters // 5)
    whole = beginning + "x" * 10_000_000
    got = embed(([whole, beginning],), encoder)
    np.testing.assert_allclose(got.embeddings[0], got.embeddings[1], atol=1e-6)
    assert got.truncated.tolist() == [True, True]


def test_no_rows_give_arrays_of_the_right_width() -> None:
    got = embed(([],), FakeEncoder())
    assert got.embeddings.shape == (0, 8)
    assert got.layers.shape == (0, 24)
    pairs = embed(([], []), FakeEncoder())
    assert pairs.embeddings.shape == (0, 16)
    assert pairs.layers.shape == (0, 96)


def test_pairs_are_both_embeddings_and_the_four_infersent_parts() -> None:
    left, right = ["one", "two", "three"], ["four", "two", "a" * 40]
    u, v = embed((left,), FakeEncoder()), embed((right,), FakeEncoder())
    got = embed((left, right), FakeEncoder())
    np.testing.assert_allclose(got.embeddings, np.hstack([u.embeddings, v.embeddings]) / np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got.embeddings, axis=1), 1, rtol=1e-6)
    a, b = u.layers.astype(np.float32), v.layers.astype(np.float32)
    np.testing.assert_array_equal(got.layers, np.hstack([a, b, abs(a - b), a * b]).astype(np.float16))
    assert got.truncated.tolist() == [False, False, True]


def test_products_of_pairs_stay_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = FakeModel.forward
    monkeypatch.setattr(FakeModel, "forward", lambda self, ids: forward(self, ids)._replace(layers=np.full((len(ids), 24), 6e4, np.float16)))  # fmt: skip
    assert np.isfinite(embed((["a"], ["b"]), FakeEncoder()).layers).all()


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [random.Random(1).randint(1, 300) for _ in range(500)]
    found = list(batches(lengths, 256))
    assert sorted(np.concatenate(found)) == list(range(500))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 256
    assert not list(batches([], 256))


def test_each_text_is_embedded_once_and_repeated_rows_are_equal() -> None:
    encoder = FakeEncoder()
    texts = ["a", "b", "a", "c", "a", "b"]
    got = embed((texts,), encoder)
    assert sum(encoder.forwarded) == got.computed == 3
    for row, text in enumerate(texts):
        np.testing.assert_array_equal(got.embeddings[row], got.embeddings[texts.index(text)])
        np.testing.assert_array_equal(got.layers[row], got.layers[texts.index(text)])


def test_appended_rows_alone_are_embedded(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(300)]
    before = embed((texts,), FakeEncoder(), Cache(tmp_path))
    again = FakeEncoder()
    got = embed((["new", *texts[::-1], "newer", "new"],), again, Cache(tmp_path))
    assert sum(again.forwarded) == got.computed == 2
    np.testing.assert_array_equal(got.embeddings[1:301], before.embeddings[::-1])
    np.testing.assert_array_equal(got.layers[1:301], before.layers[::-1])
    np.testing.assert_array_equal(got.embeddings[301:], embed((["newer", "new"],), FakeEncoder()).embeddings)
    none = FakeEncoder()
    assert embed((texts,), none, Cache(tmp_path)).computed == 0
    assert not none.forwarded


def test_another_encoder_does_not_read_these_rows(tmp_path: Path) -> None:
    embed((["a"],), FakeEncoder(key="one"), Cache(tmp_path))
    assert embed((["a"],), FakeEncoder(key="two"), Cache(tmp_path)).computed == 1


def test_rows_that_differ_only_after_the_cut_share_a_vector_but_are_flagged(tmp_path: Path) -> None:
    texts = ["x" * 20, "y" * 50, "y" * 50 + "a", "y" * 50 + "b"]
    for _ in range(2):
        got = embed((texts,), FakeEncoder(), Cache(tmp_path))
        assert got.truncated.tolist() == [False, True, True, True]
        np.testing.assert_array_equal(got.embeddings[2], got.embeddings[3])


def test_a_flipped_byte_is_noticed_set_aside_and_computed_again(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(50)]
    before = embed((texts,), FakeEncoder(), Cache(tmp_path))
    (shard,) = tmp_path.glob("embeddings/fake/*.safetensors")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)
    listener = Listener()
    with reporting(listener):
        got = embed((texts,), FakeEncoder(), Cache(tmp_path))
    assert got.computed == 50
    np.testing.assert_array_equal(got.layers, before.layers)
    assert "damaged" in listener.notes[0]
    assert len(list((tmp_path / "corrupt").iterdir())) == 1
    assert embed((texts,), FakeEncoder(), Cache(tmp_path)).computed == 0


SCRIPT = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    import numpy as np
    from curatekit import embed as module
    from curatekit.cache import Cache
    from tests.fake_encoder import FakeEncoder
    module._COMMIT_SECONDS, module._WINDOW, module._BUDGETS = 0.05, 64, {"cpu": 64}
    root, log, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    texts = [f"{number:03} " + "z" * (number % 17) for number in range(400)]
    got = module.embed((texts,), FakeEncoder(seconds=seconds, log=log), Cache(root))
    np.save(log.with_suffix(".npy"), np.hstack([got.embeddings, got.layers]))
    """
)


def start(root: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(root), str(log), str(seconds)], cwd=ROOT)


def test_a_run_killed_again_and_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    killed = 0
    for attempt in range(3):
        process = start(root, tmp_path / f"killed{attempt}", 0.01)
        enough = 3 * (attempt + 1)
        while process.poll() is None and len(list(root.glob("embeddings/*/*.safetensors"))) < enough:
            time.sleep(0.005)
        process.kill()
        killed += process.wait() != 0
    assert killed
    kept = len(list(root.glob("embeddings/*/*.safetensors")))
    assert kept
    assert start(root, tmp_path / "last", 0).wait() == 0
    assert start(tmp_path / "other", tmp_path / "whole", 0).wait() == 0
    np.testing.assert_array_equal(np.load(tmp_path / "last.npy"), np.load(tmp_path / "whole.npy"))
    embedded = [len((tmp_path / name).read_text().splitlines()) for name in ("last", "whole")]
    assert embedded[0] < embedded[1] == 400


def test_two_runs_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    running = [start(tmp_path / "cache", tmp_path / name, 0.002) for name in ("one", "two")]
    assert [process.wait() for process in running] == [0, 0]
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy"))
    assert not (tmp_path / "cache" / "corrupt").exists()
    assert start(tmp_path / "cache", tmp_path / "three", 0).wait() == 0
    assert not (tmp_path / "three").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "three.npy"))


def test_ctrl_c_keeps_what_was_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUDGETS", {"cpu": 10})
    forward = FakeModel.forward

    def interrupted(self: FakeModel, ids: list[list[int]]) -> Any:
        if len(self.encoder.forwarded) == 3:
            raise KeyboardInterrupt
        return forward(self, ids)

    monkeypatch.setattr(FakeModel, "forward", interrupted)
    texts = [f"text{number:06}" for number in range(8)]
    with pytest.raises(KeyboardInterrupt):
        embed((texts,), FakeEncoder(), Cache(tmp_path))
    monkeypatch.undo()
    assert embed((texts,), FakeEncoder(), Cache(tmp_path)).computed == 5


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    texts = [f"text {number}" for number in range(20)]
    expected = embed((texts,), FakeEncoder())
    forward = FakeModel.forward

    def small(self: FakeModel, ids: list[list[int]]) -> Any:
        if len(ids) > limit:
            raise error
        return forward(self, ids)

    monkeypatch.setattr(FakeModel, "forward", small)
    limit = 3
    np.testing.assert_array_equal(embed((texts,), FakeEncoder()).layers, expected.layers)
    limit = 0
    with pytest.raises(NoSpace, match="does not fit"):
        embed((texts,), FakeEncoder())


def test_other_runtime_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: FakeModel, ids: list[list[int]]) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(FakeModel, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        embed((["a", "b"],), FakeEncoder())


def test_a_vector_that_is_not_finite_stops_the_run_with_its_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forward = FakeModel.forward

    def poisoned(self: FakeModel, ids: list[list[int]]) -> Any:
        vectors = forward(self, ids)
        vectors.layers[[len(row) == 4 for row in ids]] = np.nan
        return vectors

    monkeypatch.setattr(FakeModel, "forward", poisoned)
    with pytest.raises(CurateError, match=r"not finite for row 2 "):
        embed((["a", "bb", "dddd"],), FakeEncoder(), Cache(tmp_path))


def test_what_is_not_text_is_refused_with_its_row() -> None:
    with pytest.raises(InputError, match=r"Row 1 .* is NoneType"):
        embed((["a", None],), FakeEncoder())  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"row 2 .* lone surrogate"):
        embed((["a", "b", "x\ud800"],), FakeEncoder())


def test_large_arrays_are_mapped_and_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {number}" for number in range(50)]
    expected = embed((texts, texts[::-1]), FakeEncoder(), Cache(tmp_path))
    monkeypatch.setattr(module, "_MAPPED_BYTES", 1)
    got = embed((texts, texts[::-1]), FakeEncoder(), Cache(tmp_path))
    assert isinstance(got.layers.base, np.memmap)
    np.testing.assert_array_equal(got.layers, expected.layers)
    np.testing.assert_array_equal(got.embeddings, expected.embeddings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["embeddings"]


def test_a_disk_too_small_for_the_map_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_MAPPED_BYTES", 1)
    monkeypatch.setattr(module.os, "posix_fallocate", full)
    encoder = FakeEncoder()
    with pytest.raises(NoSpace, match="no room"):
        embed((["a"],), encoder, Cache(tmp_path))
    assert not encoder.forwarded


def real(precision: str, backend: str = "torch") -> Any:
    from curatekit.encoders import load_encoder

    try:
        return load_encoder(precision=precision, backend=backend)
    except InputError as error:
        pytest.skip(str(error))


TWIN: dict[str, tuple[Any, Any, Any]] = {}


def slow_twin(encoder: Any) -> tuple[Any, Any, Any]:
    """The embeddings by SentenceTransformer.encode, the layers one text at a time, and which texts are cut."""
    if encoder.key not in TWIN:
        import torch
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(encoder.folder), device="cpu", local_files_only=True)
        embeddings = model.encode(TEXTS, convert_to_numpy=True, show_progress_bar=False)
        layers, truncated = [], []
        for text in TEXTS:
            ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
            truncated.append(ids.shape[1] > 256)
            ids = torch.cat([ids[:, :255], ids[:, -1:]], 1) if truncated[-1] else ids
            with torch.inference_mode():
                states = model[0].model(input_ids=ids, output_hidden_states=True).hidden_states
            layers.append(torch.cat([state[0].mean(0) for state in states]).numpy())
        TWIN[encoder.key] = embeddings, np.array(layers), np.array(truncated)
    return TWIN[encoder.key]


def cosine(a: Any, b: Any) -> Any:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
