"""Fine-tuning a model of images and text: it learns to read digits, says what it answered, and survives being killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

pytest.importorskip("PIL")

from curatekit.errors import CurateError, InputError
from curatekit.generation import Generation
from curatekit.readers.vlm_rows import VlmRows, read_vlm_rows
from curatekit.reporting import reporting
from curatekit.train.vlm import Vlm, VlmTraining, fit_vlm, load_vlm
from tests.notes import Notes
from tests.tiny_lm import WORDS
from tests.tiny_vlms import QUESTION, digit, llava

SHORT = Generation(max_new_tokens=6)
FEW = VlmTraining(
    max_steps=6, learning_rate=0.003, batch_size=4, bf16=False, save_steps=2, logging_steps=2, metrics=("exact_match",),
    eval_strategy="steps", eval_steps=3, tune_projector=True, tune_vision=True,
)  # fmt: skip


class Material(NamedTuple):
    folder: Path
    base: Path
    train: VlmRows
    evaluation: VlmRows


def table(places: range) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"id": f"{n}-{place}", "image": digit(n, place), "question": QUESTION, "answer": f"the digit is {WORDS[n]}"}
            for place in places
            for n in range(10)
        ]
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("vlm")
    table(range(30)).write_parquet(folder / "train.parquet")
    table(range(30, 33)).write_parquet(folder / "eval.parquet")
    rows = [read_vlm_rows(folder / f"{name}.parquet") for name in ("train", "eval")]
    return Material(folder, llava(folder / "base"), rows[0], rows[1])


class Learned(NamedTuple):
    vlm: Vlm
    folder: Path
    how: Mapping[str, Any]


@pytest.fixture(scope="module")
def learned(material: Material) -> Learned:
    training = replace(
        FEW,
        max_steps=160,
        batch_size=20,
        eval_steps=80,
        save_steps=None,
        metric_for_best_model="exact_match",
        metrics=("exact_match", "token_f1"),
    )
    how = {"base": material.base, "training": training, "generation": SHORT, "evaluation": material.evaluation}
    folder = material.folder / "learned"
    return Learned(fit_vlm(material.train, **how, output_dir=folder), folder, how)


def test_it_learns_to_read_what_it_never_saw(learned: Learned, material: Material) -> None:
    assert learned.vlm.final["exact_match"] > 0.5, "chance is 0.1"
    found = learned.vlm.answers(material.evaluation)
    right = [a == b for a, b in zip(found, material.evaluation.answers or (), strict=True)]
    assert sum(right) / len(right) == learned.vlm.final["exact_match"], (
        "the kept model is the best one by what it answered"
    )
    assert load_vlm(learned.folder).answers(material.evaluation) == found


def test_each_evaluation_leaves_a_table(learned: Learned, material: Material) -> None:
    for step in (80, 160):
        said = pl.read_csv(learned.folder / f"predictions-{step}.csv", schema_overrides={"id": pl.String})
        assert said.columns == ["id", "prompt", "truth", "answer", "exact_match", "token_f1"]
        assert said["id"].to_list() == material.evaluation.dataset.ids.tolist()
        logged = next(line for line in learned.vlm.history if line["step"] == step and "eval_loss" in line)
        assert said["exact_match"].mean() == pytest.approx(logged["eval_exact_match"])
        assert ((said["truth"] == said["answer"]) == (said["exact_match"] == 1.0)).all()
    lines = [json.loads(line) for line in (learned.folder / "log.jsonl").read_text().splitlines()]
    assert lines == learned.vlm.history


def test_the_folder_keeps_one_run(learned: Learned, material: Material) -> None:
    with reporting(notes := Notes()):
        again = fit_vlm(material.train, **learned.how, output_dir=learned.folder)
    assert any("already holds this very model" in text for text in notes.lines)
    assert again.final == learned.vlm.final
    with pytest.raises(InputError, match="another run, with other rows, seed"):
        fit_vlm(material.train.take(range(20)), **learned.how, output_dir=learned.folder, seed=1)


class _Interrupt(transformers.TrainerCallback):  # type: ignore[misc]
    def __init__(self, at: int) -> None:
        self.at = at

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("rank", [None, 4])
def test_a_run_that_was_interrupted_ends_in_the_same_weights(
    rank: int | None, material: Material, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"base": material.base, "training": replace(FEW, lora_rank=rank), "generation": SHORT}
    how["evaluation"] = material.evaluation.take(range(6))
    whole = fit_vlm(material.train, **how, output_dir=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit_vlm(material.train, **how, output_dir=tmp_path / "broken", callbacks=[_Interrupt(5)])
    with reporting(notes := Notes()):
        resumed = fit_vlm(material.train, **how, output_dir=tmp_path / "broken")
    assert any("Going on from" in text and "checkpoint-4" in text for text in notes.lines)
    name = "model.safetensors" if rank is None else "adapter_model.safetensors"
    one, two = load_file(tmp_path / "whole" / name), load_file(tmp_path / "broken" / name)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert whole.final == pytest.approx(resumed.final)
    base = load_file(material.base / "model.safetensors")
    if rank is None:
        assert not any(torch.equal(one[key], base[key]) for key in one if "language_model" in key and "q_proj" in key)
    assert load_vlm(tmp_path / "broken").answers(material.evaluation) == whole.answers(material.evaluation)


_KILLED = """
import os, signal, sys, transformers
from pathlib import Path
from curatekit.readers.vlm_rows import read_vlm_rows
from curatekit.train.vlm import fit_vlm
from tests.test_train_vlm import FEW, SHORT

class Kill(transformers.TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
fit_vlm(read_vlm_rows(folder / "train.parquet"), base=folder / "base", training=FEW, generation=SHORT, output_dir=sys.argv[2], callbacks=[Kill()])
"""


def test_a_run_that_was_killed_ends_in_the_same_weights(material: Material, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(material.folder), str(tmp_path / "killed")], cwd=root, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="no finished model"):
        load_vlm(tmp_path / "killed")
    how: dict[str, Any] = {"base": material.base, "training": FEW, "generation": SHORT}
    fit_vlm(material.train, **how, output_dir=tmp_path / "killed")
    fit_vlm(material.train, **how, output_dir=tmp_path / "whole")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_an_adapter_is_refused_on_another_base(material: Material, tmp_path: Path) -> None:
    base = shutil.copytree(material.base, tmp_path / "base")
    fit_vlm(
        material.train,
        base=base,
        training=replace(FEW, lora_rank=2, max_steps=1),
        generation=SHORT,
        output_dir=tmp_path / "out",
    )
    weights = load_file(base / "model.safetensors")
    save_file({key: value + 1 for key, value in weights.items()}, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="are not those it was trained on"):
        load_vlm(tmp_path / "out")


def test_rows_that_are_too_long_are_set_aside_aloud_and_never_cut(material: Material, tmp_path: Path) -> None:
    long = replace(
        material.train.dataset, inputs=(("which " * 9, *material.train.prompts[1:]), material.train.dataset.inputs[1])
    )
    rows = replace(material.train, dataset=long)
    with reporting(notes := Notes()):
        fitted = fit_vlm(rows, base=material.base, training=replace(FEW, max_steps=1, max_length=32), generation=SHORT)
    assert fitted.too_long == ("0-0",)
    assert any(
        text.startswith("1 of 300 training rows have more than the 32 tokens that are read, up to 33")
        for text in notes.lines
    )
    with pytest.raises(InputError, match="300 of 300 training rows have more than the 20 tokens"):
        fit_vlm(rows, base=material.base, training=replace(FEW, max_length=20), generation=SHORT)
    with pytest.raises(InputError, match="--max-length 999 is more than the 256 tokens"):
        fit_vlm(rows, base=material.base, training=replace(FEW, max_length=999), generation=SHORT)


def test_a_prompt_with_two_image_tokens_and_one_image_names_its_row(material: Material) -> None:
    prompts = list(material.train.prompts)
    prompts[3] = "<image> which <image> ?"
    rows = replace(
        material.train,
        dataset=replace(material.train.dataset, inputs=(tuple(prompts), material.train.dataset.inputs[1])),
    )
    with pytest.raises(
        InputError, match="1 of 300 prompts are wrong: row '3-0': the prompt has 2 image tokens and the row 1 image"
    ):
        fit_vlm(rows, base=material.base, training=FEW, generation=SHORT)


def test_a_loss_that_is_no_number_names_the_rows(material: Material, tmp_path: Path) -> None:
    base = shutil.copytree(material.base, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    key = next(key for key in weights if key.endswith("lm_head.weight"))
    weights[key][0, 0] = float("nan")
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(CurateError, match=r"became nan after step 0.*In that batch were the rows '\d-\d+', '\d-\d+'"):
        fit_vlm(material.train, base=base, training=FEW, generation=SHORT)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"metrics": ("exactmatch",)}, "exact_match"),
        ({"metric_for_best_model": "bleu"}, "bleu is not measured"),
        ({"eval_steps": None}, "needs --eval-steps"),
        ({"early_stopping_patience": 2}, "needs --metric-for-best-model"),
    ],
)
def test_settings_that_will_not_do_are_refused_before_anything_is_loaded(
    changed: dict[str, Any], reason: str, material: Material
) -> None:
    with pytest.raises(InputError, match=reason):
        fit_vlm(material.train, base="/nowhere", training=replace(FEW, **changed), evaluation=material.evaluation)
