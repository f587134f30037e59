"""Tuning an encoder: it learns each kind of rows, is reproducible, resumes to the same bytes, and every command takes it by name."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from curatekit import hf, hf_encoder, registry
from curatekit.cache import Cache
from curatekit.embed import embed
from curatekit.encoders import load_encoder
from curatekit.errors import CurateError, InputError
from curatekit.train.encoder import SHAPES, EncoderTraining, fit_encoder
from curatekit.train.encoder_rows import EncoderRows, encoder_rows, read_rows
from curatekit.train.model import load_model
from curatekit_cli.main import main
from tests.tiny import CLASSES, FILLER, WORDS, easy_task, tiny_base

X, Y = easy_task(64)
EVAL_X, EVAL_Y = easy_task(40, seed=1)
LABELLED, MEASURED = EncoderRows(X, Y), EncoderRows(EVAL_X, EVAL_Y)
QUICK = EncoderTraining(epochs=2, batch_size=16, learning_rate=1e-3, bf16=False, logging_steps=2)


def pairs(n: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """n triplets: two texts with the same word that tells something, and one with another such word."""
    rng = random.Random(seed)
    telling = [word for words in WORDS.values() for word in words]
    rows = []
    for _ in range(n):
        same, other = rng.sample(telling, 2)
        rows.append(tuple(" ".join([*rng.choices(FILLER, k=3), word]) for word in (same, same, other)))
    return rows


TRIPLETS = EncoderRows(tuple(zip(*pairs(48), strict=True)))
PAIRS = EncoderRows(TRIPLETS.inputs[:2])
SCORED = EncoderRows((TRIPLETS.inputs[0] * 2, TRIPLETS.inputs[1] + TRIPLETS.inputs[2]), np.repeat([1.0, 0.0], 48))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


def tensors(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def assert_same(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name]), name


@pytest.mark.parametrize(
    ("rows", "metric"),
    [(LABELLED, "v_measure"), (PAIRS, "recall_at_5"), (SCORED, "spearman"), (TRIPLETS, "triplet_accuracy")],
    ids=lambda value: value.shape if isinstance(value, EncoderRows) else "",
)
def test_it_learns_what_is_alike(base: Path, tmp_path: Path, rows: EncoderRows, metric: str) -> None:
    evaluation = {"labelled texts": MEASURED, "triplets": TRIPLETS}.get(rows.shape, rows)
    # batch-hard starts too hard for weights at random; a base that was trained it does not disturb
    loss = "batch-semi-hard" if rows is LABELLED else None
    training = replace(QUICK, loss=loss, epochs=12 if loss else 8, learning_rate=3e-3)
    tuned = fit_encoder(rows, tmp_path / "e", base=base, training=training, evaluation=evaluation)
    assert tuned.after[metric] > min(tuned.before[metric] + 0.2, 0.97), (tuned.before, tuned.after)
    log = [json.loads(line) for line in (tmp_path / "e" / "log.jsonl").read_text().splitlines()]
    measured = [line[f"eval_{metric}"] for line in log if f"eval_{metric}" in line]
    assert len(measured) == training.epochs
    assert measured[-1] == tuned.after[metric]
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert {"curatekit.json", "model.safetensors", "modules.json", "log.jsonl", "training.json"} <= names
    assert not [
        name for name in names if name.endswith((".bin", ".pt", ".pth", ".md")) or name.startswith("checkpoint")
    ]
    assert len({path.stat().st_mode for path in (tmp_path / "e").rglob("*") if path.is_file()}) == 1
    # what was saved is what was tuned, and our own encoders read it
    encoder = load_encoder(str(tmp_path / "e"), "float32")
    vectors = embed(evaluation.inputs[:1], encoder, Cache(tmp_path / "cache")).embeddings
    with hf.quiet():
        theirs = hf_encoder.embedding(hf_encoder.load(tmp_path / "e"), 8)(evaluation.inputs[0])
    np.testing.assert_allclose(vectors, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "training", "killed_after"),
    [
        (LABELLED, QUICK, 6),
        (PAIRS, replace(QUICK, save_steps=2, epochs=3), 5),
        (SCORED, replace(QUICK, save_steps=2, bf16=True), 9),
        (TRIPLETS, replace(QUICK, loss="triplet", keep_best=True, eval_strategy="steps", eval_steps=2), 5),
    ],
    ids=lambda value: value.shape if isinstance(value, EncoderRows) else "",
)
def test_a_killed_run_goes_on_to_the_weights_of_the_unbroken_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: EncoderRows, training: Any, killed_after: int
) -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())

    def fit(name: str) -> None:
        fit_encoder(rows, tmp_path / name, base=base, training=training, evaluation=rows)

    fit("unbroken")
    training_step = hf.Exact.training_step

    def dying(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == killed_after:
            raise KeyboardInterrupt
        return training_step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(hf.Exact, "training_step", dying)
        with pytest.raises(KeyboardInterrupt):
            fit("broken")
    resumed_from = hf.newest_checkpoint(tmp_path / "broken")
    assert resumed_from is not None
    fit("broken")
    assert_same(tmp_path / "unbroken", tmp_path / "broken")
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("unbroken", "broken")]
    without_times = [[json.loads(line) for line in log if "runtime" not in line] for log in logs]
    assert without_times[0] == without_times[1]
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_the_best_checkpoint_is_the_one_kept(base: Path, tmp_path: Path) -> None:
    wrong = EncoderRows((TRIPLETS.inputs[0], TRIPLETS.inputs[2], TRIPLETS.inputs[1]))  # the better, the worse
    training = replace(QUICK, keep_best=True, eval_strategy="steps", eval_steps=2, epochs=4, learning_rate=3e-3)
    tuned = fit_encoder(TRIPLETS, tmp_path / "e", base=base, training=training, evaluation=wrong)
    log = [json.loads(line) for line in (tmp_path / "e" / "log.jsonl").read_text().splitlines()]
    measured = [line["eval_triplet_accuracy"] for line in log if "eval_triplet_accuracy" in line]
    assert measured[-1] < max(measured)
    assert tuned.after["triplet_accuracy"] == max(measured)


def test_the_best_of_epochs_is_kept_whatever_the_steps_between_evaluations(base: Path, tmp_path: Path) -> None:
    training = replace(QUICK, keep_best=True, eval_steps=1, epochs=2)
    tuned = fit_encoder(TRIPLETS, tmp_path / "e", base=base, training=training, evaluation=TRIPLETS)
    log = [json.loads(line) for line in (tmp_path / "e" / "log.jsonl").read_text().splitlines()]
    measured = [line["eval_triplet_accuracy"] for line in log if "eval_triplet_accuracy" in line]
    assert len(measured) == 2
    assert tuned.after["triplet_accuracy"] == max(measured)


def test_weights_that_are_missing_are_an_error(base: Path, tmp_path: Path) -> None:
    with hf.quiet(), hf.seeded(0):
        model = hf_encoder.load(base)
        hf_encoder.save(model, tmp_path)
    hf_encoder.restore(model, tmp_path)
    kept = tensors(tmp_path)
    lost = next(name for name in kept if "layer.1" in name)
    save_file({n: t for n, t in kept.items() if n != lost}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with hf.quiet(), pytest.raises(CurateError, match="1 differ"):
        hf_encoder.restore(model, tmp_path)


def batches(sampler: Any, epoch: int) -> list[list[int]]:
    sampler.set_epoch(epoch)
    found: list[list[int]] = list(sampler)
    assert len(found) == len(sampler)
    return found


@pytest.mark.parametrize(
    "labels", [[0] * 50 + [1] * 7 + [2], list(range(10)) * 3, [0, 1]], ids=["uneven", "many", "two"]
)
def test_batches_of_pairs_hold_every_row_and_mix_labels(labels: list[int]) -> None:
    from datasets import Dataset

    data = Dataset.from_dict({"anchor": ["x"] * len(labels), "label": labels})
    sampler = hf_encoder.StratifiedPairs(data, batch_size=16, drop_last=False, seed=3)
    first = batches(sampler, 0)
    assert first == batches(sampler, 0) != batches(sampler, 1) or len(labels) == 2
    rows = sorted(row for batch in first for row in batch)
    odd = sum(labels.count(label) % 2 for label in set(labels))
    assert set(rows) == set(range(len(labels)))
    assert len(rows) == len(labels) + odd
    assert max(map(len, first)) <= 16
    for batch in first:
        counts = np.bincount([labels[row] for row in batch])
        assert (counts[counts > 0] >= 2).all()  # each has a positive
        assert (counts > 0).sum() >= 2  # and a negative
    plain = hf_encoder.Shuffled(data, batch_size=16, drop_last=False, seed=3)
    assert sorted(row for batch in batches(plain, 0) for row in batch) == list(range(len(labels)))
    assert batches(plain, 0) == batches(plain, 0)


def test_every_loss_of_the_table_trains(base: Path, tmp_path: Path) -> None:
    by_shape = {rows.shape: rows for rows in (LABELLED, PAIRS, SCORED, TRIPLETS)}
    tried = set()
    for shape, of_shape in SHAPES.items():
        for loss in of_shape.losses:
            fit_encoder(
                by_shape[shape], tmp_path / f"{shape}{loss}", base=base, training=replace(QUICK, loss=loss, max_steps=1)
            )
            tried.add(loss)
    assert tried == set(registry.names("encoder-losses"))


@pytest.mark.parametrize(
    ("rows", "training", "evaluation", "message"),
    [
        (PAIRS, replace(QUICK, loss="cosent"), None, "--loss cosent is not for pairs. Choose one of: multiple-negatives"),
        (PAIRS, replace(QUICK, loss="triplets"), None, "Did you mean 'triplet'?"),
        (PAIRS, QUICK, TRIPLETS, "evaluation rows are triplets and the training rows pairs"),
        (EncoderRows(X, Y * 0), QUICK, None, "All training rows have one label"),
        (PAIRS, replace(QUICK, keep_best=True), None, "give --eval FILE"),
        (PAIRS, replace(QUICK, early_stopping_patience=1), PAIRS, "needs --keep-best"),
        (PAIRS, replace(QUICK, max_length=65), None, "more than the 64 tokens"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    base: Path, tmp_path: Path, rows: EncoderRows, training: Any, evaluation: EncoderRows | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_encoder(rows, tmp_path / "e", base=base, training=training, evaluation=evaluation)
    assert not (tmp_path / "e").exists()


def table(tmp_path: Path, columns: dict[str, list[Any]]) -> Any:
    from curatekit.readers.tables import read_source

    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    return read_source(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("columns", "told", "shape"),
    [
        ({"text": ["a", "b"], "label": ["x", "y"]}, {}, "labelled texts"),
        ({"anchor": ["a", "b"], "positive": ["c", "d"], "negative": ["e", "f"]}, {}, "triplets"),
        ({"question": ["a", "b"], "answer": ["c", "d"]}, {}, "pairs"),
        ({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [1.0, 0.5]}, {}, "scored pairs"),
        ({"l": ["a", "b"], "r": ["c", "d"], "s": ["1", "0"]}, {"text": ("l", "r"), "label": "s"}, "scored pairs"),
        ({"l": ["a", "b"], "r": ["c", "d"], "label": ["x", "y"]}, {"text": ("l", "r")}, "pairs"),
    ],
)  # fmt: skip
def test_the_columns_tell_the_shape(tmp_path: Path, columns: dict[str, Any], told: dict[str, Any], shape: str) -> None:
    rows = encoder_rows(read_rows(table(tmp_path, columns), **told))
    assert rows.shape == shape
    assert rows.inputs[0] == ("a", "b")
    if shape == "scored pairs":
        assert rows.scores[0] == 1


@pytest.mark.parametrize(
    ("columns", "told", "message"),
    [
        ({"l": ["a"], "r": ["b"], "s": ["good"]}, {"text": ("l", "r"), "label": "s"}, "'good'?, which is no number|no number"),
        ({"a": ["a"], "b": ["b"], "c": ["c"], "s": [1]}, {"text": ("a", "b", "c"), "label": "s"}, "triplets have no label"),
        ({"a": ["a"], "b": ["b"], "c": ["c"], "d": ["d"]}, {"text": ("a", "b", "c", "d")}, "given 4 times"),
        ({"text": ["a"], "number": [1]}, {}, "holds the labels is not certain"),
    ],
)  # fmt: skip
def test_columns_of_no_shape(tmp_path: Path, columns: dict[str, Any], told: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_rows(table(tmp_path, columns), **told)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, n, seed in (("train", 64, 0), ("eval", 40, 1)):
        (texts,), labels = easy_task(n, seed)
        pl.DataFrame({"text": texts, "label": [CLASSES[code] for code in labels]}).write_csv(tmp_path / f"{name}.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_and_the_encoder_in_other_commands(files: Path, base: Path) -> None:
    arguments = ["finetune", "encoder", "train.csv", "--eval", "eval.csv", "--base", base, "--max-steps", 6, "--batch-size", 16,
                 "--learning-rate", "3e-3", "--no-bf16", "-o", "tuned"]  # fmt: skip
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    said = json.loads(ran.stdout)
    assert (said["kind"], said["loss"], said["rows"]) == ("labelled texts", "batch-hard-soft-margin", 64)
    assert said["after"]["v_measure"] != said["before"]["v_measure"]
    manifest = json.loads((files / "tuned.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["train.csv", "eval.csv"]
    again = run(*arguments)
    assert "already holds this very encoder" in again.stderr
    assert "v_measure" in again.stdout
    for command in (
        ["embed", "eval.csv", "--encoder", "tuned", "-o", "vectors.npy"],
        ["find-errors", "eval.csv", "--encoder", "tuned", "--folds", 2, "-o", "issues.csv"],
        ["finetune", "train.csv", "--base", "tuned", "--max-steps", 1, "-o", "classifier"],
    ):
        ran = run(*command)
        assert ran.exit_code == 0, (command, ran.output, ran.exception)
    assert np.load("vectors.npy").shape == (40, 32)
    refused = run("evaluate", "tuned", "eval.csv")
    assert refused.exit_code == 2
    assert "tuned holds an encoder, which gives no labels" in refused.stderr
    with pytest.raises(InputError, match="holds an encoder"):
        load_model("tuned")
