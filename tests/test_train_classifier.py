"""Fine-tuning: it learns, it is reproducible, it goes on where it was killed, and what it saves is what it trained."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import hf
from curatekit.errors import CurateError, InputError
from curatekit.evaluate.classification import macro_f1
from curatekit.train.classifier import Classifier, Training, fit_classifier, load_classifier
from curatekit.train.trained_on import text_hashes, trained_on
from tests.tiny import CLASSES, easy_task, tiny_base

X, Y = easy_task(80)
ENOUGH_X, ENOUGH_Y = easy_task(120)  # to learn the task; X is to see that training runs
EVAL_X, EVAL_Y = easy_task(60, seed=1)
QUICK = Training(epochs=2, batch_size=8, learning_rate=3e-3, logging_steps=5, bf16=False)
LORA = replace(QUICK, lora_rank=4, learning_rate=1e-2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def base_without_dropout(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(base, tmp_path_factory.mktemp("still") / "base")
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def weights(classifier: Classifier) -> dict[str, Any]:
    """Every weight that takes part: peft keeps the untrained copy of what is trained whole as `original_module`."""
    state = classifier.model.state_dict().items()
    return {name: tensor.detach().numpy() for name, tensor in state if "original_module" not in name}


def assert_same_weights(one: Classifier, other: Classifier) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name]), name


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Let the training die at the beginning of its (step + 1)th batch."""
    training_step = hf.Trainer.training_step

    def dying(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == step:
            raise error
        return training_step(self, *args, **kwargs)

    monkeypatch.setattr(hf.Trainer, "training_step", dying)


def test_it_learns_an_easy_task(base: Path, tmp_path: Path) -> None:
    classifier = fit_classifier(
        ENOUGH_X,
        ENOUGH_Y,
        CLASSES,
        base=base,
        training=replace(QUICK, epochs=8),
        eval_inputs=EVAL_X,
        eval_labels=EVAL_Y,
        output_dir=tmp_path / "model",
    )
    probs = classifier.pred_probs(EVAL_X)
    assert probs.shape == (60, 2)
    np.testing.assert_allclose(probs.sum(1), 1)
    assert (probs.argmax(1) == EVAL_Y).mean() > 0.95
    # Trainer evaluates rows grouped by length: the same figures as ours by row
    last = [line for line in classifier.history if "eval_accuracy" in line][-1]
    assert last["eval_accuracy"] == pytest.approx((probs.argmax(1) == EVAL_Y).mean())
    assert last["eval_macro_f1"] == pytest.approx(macro_f1(EVAL_Y, probs.argmax(1), 2))
    # what was saved is what was trained, and transformers can read it
    assert_same_weights(classifier, load_classifier(tmp_path / "model"))
    assert np.array_equal(load_classifier(tmp_path / "model").pred_probs(EVAL_X), probs)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert len({path.stat().st_mode for path in (tmp_path / "model").iterdir()}) == 1
    assert {"curatekit.json", "model.safetensors", "log.jsonl", "training.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth")) or name.startswith("checkpoint")]
    lines = (tmp_path / "model" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == classifier.history
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["id2label"] == {"0": "neg", "1": "pos"}


def test_row_i_of_the_probabilities_belongs_to_row_i(base: Path) -> None:
    classifier = fit_classifier(X, Y, CLASSES, base=base, training=replace(QUICK, max_steps=2))
    together = classifier.pred_probs(EVAL_X)
    alone = np.vstack([classifier.pred_probs(((text,),)) for text in EVAL_X[0]])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_allclose(classifier.pred_probs((tuple(EVAL_X[0][i] for i in order),)), together[order], atol=1e-6)
    assert classifier.pred_probs(((),)).shape == (0, 2)


@pytest.mark.parametrize("training", [QUICK, LORA], ids=["full", "lora"])
def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state_alone(base: Path, training: Training) -> None:
    import torch

    training = replace(training, max_steps=4)
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    first = fit_classifier(X, Y, CLASSES, base=base, training=training, seed=3)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert_same_weights(first, fit_classifier(X, Y, CLASSES, base=base, training=training, seed=3))
    other = fit_classifier(X, Y, CLASSES, base=base, training=training, seed=4)
    assert not np.array_equal(first.pred_probs(EVAL_X), other.pred_probs(EVAL_X))


@pytest.mark.parametrize(
    ("training", "killed_after"),
    [
        (QUICK, 12),  # resumed from the end of the first epoch (step 10)
        (replace(QUICK, save_steps=4), 14),  # resumed from step 12, inside the second epoch
        (replace(QUICK, save_steps=3, gradient_accumulation=2, batch_size=4), 14),
        (replace(QUICK, save_steps=4, eval_strategy="steps", eval_steps=3, bf16=True), 14),
        (replace(LORA, save_steps=4), 14),
        (replace(LORA, metric_for_best_model="loss"), 14),
        (replace(QUICK, save_steps=4, loss="gce:0.5", class_weights="balanced"), 14),
    ],
    ids=["epochs", "steps", "accumulation", "evaluated-bf16", "lora", "lora-best", "gce-balanced"],
)
def test_a_killed_run_goes_on_to_the_weights_of_the_unbroken_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: Training, killed_after: int
) -> None:
    def fit(folder: Path) -> Classifier:
        return fit_classifier(
            X, Y, CLASSES, base=base, training=training, eval_inputs=EVAL_X, eval_labels=EVAL_Y, output_dir=folder
        )

    unbroken = fit(tmp_path / "unbroken")
    with monkeypatch.context() as patch:
        kill_at(patch, killed_after)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "broken")
    assert not (tmp_path / "broken" / "curatekit.json").exists()
    resumed_from = hf.newest_checkpoint(tmp_path / "broken")
    assert resumed_from is not None
    assert 0 < int(resumed_from.name.partition("-")[2]) <= killed_after
    starts: list[int] = []
    begin = hf._Log.on_train_begin

    def spy(self: Any, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
        starts.append(state.global_step)
        begin(self, args, state, *rest, **kwargs)

    monkeypatch.setattr(hf._Log, "on_train_begin", spy)
    resumed = fit(tmp_path / "broken")
    assert starts == [int(resumed_from.name.partition("-")[2])]  # it really went on, it did not start again
    assert_same_weights(unbroken, resumed)
    measured = [line["eval_loss"] for line in unbroken.history if "eval_loss" in line]
    assert measured == [line["eval_loss"] for line in resumed.history if "eval_loss" in line]


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 81)], ids=["alike", "weighted"])
def test_accumulated_batches_make_the_step_of_the_whole_batch(base_without_dropout: Path, weights: Any) -> None:
    whole = replace(QUICK, max_steps=6, weight_decay=0.0)
    parts = replace(whole, batch_size=2, gradient_accumulation=4)
    one, other = (
        fit_classifier(X, Y, CLASSES, base=base_without_dropout, training=how, weights=weights)
        for how in (whole, parts)
    )
    for name, weight in weights_of_both(one, other):
        np.testing.assert_allclose(*weight, atol=2e-5, err_msg=name)
    losses = [[line["grad_norm"] for line in model.history if "grad_norm" in line] for model in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def weights_of_both(one: Classifier, other: Classifier) -> list[tuple[str, tuple[Any, Any]]]:
    first, second = weights(one), weights(other)
    # softmax does not see the keys' bias: its gradient is rounding alone, which Adam makes large
    return [(name, (first[name], second[name])) for name in first if not name.endswith("key.bias")]


def test_a_row_of_weight_2_counts_as_two_rows_and_one_of_0_as_none(base_without_dropout: Path) -> None:
    """One step from the same start, on one batch: 4 rows weighted 2, 0, 1, 1, against 4 rows with the first twice."""
    once = replace(QUICK, max_steps=1, batch_size=4, warmup=0, weight_decay=0.0)
    rows = (("good plot", "bad end", "bad scene", "good film"),)
    labels = np.array([1, 1, 0, 1])
    weighted = fit_classifier(
        rows, labels, CLASSES, base=base_without_dropout, training=once, weights=np.array([2.0, 0, 1, 1])
    )
    rows_twice = (("good plot", "good plot", "bad scene", "good film"),)
    twice = fit_classifier(rows_twice, np.array([1, 1, 0, 1]), CLASSES, base=base_without_dropout, training=once)
    for name, both in weights_of_both(weighted, twice):
        np.testing.assert_allclose(*both, atol=1e-5, err_msg=name)


def test_wrong_labels_that_weigh_nothing_do_not_mislead(base: Path) -> None:
    wrong = np.arange(120) % 3 != 0  # two of three: without weights it would learn the opposite
    noisy = np.where(wrong, 1 - ENOUGH_Y, ENOUGH_Y)
    made = fit_classifier(
        ENOUGH_X, noisy, CLASSES, base=base, training=replace(QUICK, epochs=12), weights=np.where(wrong, 0.0, 1.0)
    )
    assert (
        made.pred_probs(EVAL_X).argmax(1) == EVAL_Y
    ).mean() > 0.8  # 40 rows teach it; of all 120 it learns the opposite


def test_another_loss_or_other_weights_are_another_run(base: Path, tmp_path: Path) -> None:
    once = replace(QUICK, max_steps=1)
    folder = tmp_path / "model"
    fit_classifier(X, Y, CLASSES, base=base, training=once, weights=np.arange(80), output_dir=folder)
    fit_classifier(X, Y, CLASSES, base=base, training=once, weights=np.arange(80), output_dir=folder)
    with pytest.raises(InputError, match="with other loss, weights"):
        fit_classifier(X, Y, CLASSES, base=base, training=replace(once, loss="gce"), output_dir=folder)
    with pytest.raises(InputError, match="no 'hinge' in the table 'losses'"):
        fit_classifier(X, Y, CLASSES, base=base, training=replace(once, loss="hinge"))


def test_the_newest_checkpoint_is_the_newest_complete_one(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = replace(QUICK, epochs=2, save_steps=3, save_total_limit=9)
    folder = tmp_path / "model"
    unbroken = fit_classifier(X, Y, CLASSES, base=base, training=training, output_dir=tmp_path / "unbroken")
    with monkeypatch.context() as patch:
        kill_at(patch, 17)
        with pytest.raises(KeyboardInterrupt):
            fit_classifier(X, Y, CLASSES, base=base, training=training, output_dir=folder)

    def newest() -> str:
        found = hf.newest_checkpoint(folder)
        return found.name if found else "none"

    assert newest() == "checkpoint-15"
    state = folder / "checkpoint-15" / "trainer_state.json"
    state.write_text(state.read_text()[:100])  # killed while it was written
    assert newest() == "checkpoint-12"
    (folder / "checkpoint-12" / "model.safetensors").unlink()  # killed while it was removed
    assert newest() == "checkpoint-9"
    shutil.copytree(folder / "checkpoint-3", folder / "checkpoint-99")  # the state says another step
    assert newest() == "checkpoint-9"
    shutil.rmtree(folder / "checkpoint-99")
    resumed = fit_classifier(X, Y, CLASSES, base=base, training=training, output_dir=folder)
    assert_same_weights(unbroken, resumed)
    kept = sorted(path.name for path in folder.glob("checkpoint-*"))
    assert kept == sorted(f"checkpoint-{step}" for step in (3, 6, 9, 12, 15, 18, 20))
    assert load_classifier(folder / "checkpoint-18").classes == CLASSES  # a checkpoint can be evaluated


@pytest.mark.parametrize("training", [QUICK, LORA], ids=["full", "lora"])
def test_weights_that_do_not_fit_are_refused(base: Path, tmp_path: Path, training: Training) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    fit_classifier(X, Y, CLASSES, base=base, training=replace(training, max_steps=1), output_dir=folder)
    file = next(folder.glob("*.safetensors"))
    tensors = load_file(file)
    lost = next(name for name in tensors if "classifier" in name)
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, file, metadata={"format": "pt"})
    with pytest.raises(CurateError, match=r"1 differ, the first is .*classifier"):
        load_classifier(folder)


def test_the_best_checkpoint_is_the_one_returned(base: Path, tmp_path: Path) -> None:
    training = replace(QUICK, metric_for_best_model="loss", eval_strategy="steps", eval_steps=5, learning_rate=1e-2)
    wrong = 1 - EVAL_Y  # the better the model, the worse its evaluation: an early checkpoint is the best
    classifier = fit_classifier(
        X, Y, CLASSES, base=base, training=training, eval_inputs=EVAL_X, eval_labels=wrong, output_dir=tmp_path / "m"
    )
    losses = [line["eval_loss"] for line in classifier.history if "eval_loss" in line]
    assert losses[-1] > min(losses)  # so that the best is not merely the last
    given = classifier.pred_probs(EVAL_X)[np.arange(60), wrong]
    assert -np.log(given).mean() == pytest.approx(min(losses), abs=1e-5)


def test_early_stopping_stops(base: Path) -> None:
    training = replace(
        QUICK,
        epochs=20,
        metric_for_best_model="accuracy",
        early_stopping_patience=1,
        eval_strategy="steps",
        eval_steps=10,
    )
    classifier = fit_classifier(X, Y, CLASSES, base=base, training=training, eval_inputs=EVAL_X, eval_labels=EVAL_Y)
    assert max(line["step"] for line in classifier.history) < 20 * 10


def test_lora_trains_few_weights_and_the_head(base: Path) -> None:
    classifier = fit_classifier(X, Y, CLASSES, base=base, training=replace(LORA, max_steps=2))
    trained = {name for name, weight in classifier.model.named_parameters() if weight.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name for name in trained)
    for part in ("query", "key", "value", "attention.output.dense", "intermediate.dense"):
        assert any(part in name for name in trained)
    # the base has no pooler: it is new, so it is trained whole, like the head
    assert any("pooler.dense.modules_to_save" in name for name in trained)
    assert any("classifier.modules_to_save" in name for name in trained)


def test_lora_learns_on_a_base_that_knows_something(base: Path, tmp_path: Path) -> None:
    fit_classifier(
        ENOUGH_X, ENOUGH_Y, CLASSES, base=base, training=replace(QUICK, epochs=8), output_dir=tmp_path / "first"
    )
    swapped = ("good", "no opinion", "bad")
    classifier = fit_classifier(
        ENOUGH_X,
        2 * (1 - ENOUGH_Y),
        swapped,
        base=tmp_path / "first",
        training=replace(LORA, epochs=3),
        output_dir=tmp_path / "model",
    )
    assert (classifier.pred_probs(EVAL_X).argmax(1) == 2 * (1 - EVAL_Y)).mean() > 0.95
    loaded = load_classifier(tmp_path / "model")
    assert np.array_equal(loaded.pred_probs(EVAL_X), classifier.pred_probs(EVAL_X))
    assert not (tmp_path / "model" / "model.safetensors").exists()
    assert any("classifier.modules_to_save" in name for name in weights(loaded))


def test_an_adapter_on_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(base, tmp_path / "base")
    fit_classifier(X, Y, CLASSES, base=moved, training=replace(LORA, max_steps=1), output_dir=tmp_path / "model")
    other = tiny_base(tmp_path / "other", hidden=16)
    shutil.copy(other / "model.safetensors", moved / "model.safetensors")
    with pytest.raises(InputError, match="not those it was trained on"):
        load_classifier(tmp_path / "model")


def test_pairs(base: Path) -> None:
    rng = random.Random(0)
    first = [rng.choice(["good", "bad"]) for _ in range(80)]
    second = [rng.choice(["good", "bad"]) for _ in range(80)]
    labels = np.array([int(a == b) for a, b in zip(first, second, strict=True)])
    training = replace(QUICK, epochs=16, learning_rate=5e-3)
    classifier = fit_classifier((first, second), labels, ("differ", "agree"), base=base, training=training)
    assert (classifier.pred_probs((first, second)).argmax(1) == labels).mean() == 1


def test_columns_of_text_are_remembered(base: Path, tmp_path: Path) -> None:
    once = replace(QUICK, max_steps=1)
    fit_classifier((X[0], X[0]), Y, CLASSES, base=base, training=once).save(tmp_path)
    with pytest.raises(InputError, match="reads pairs of texts and was given 1 column"):
        load_classifier(tmp_path).pred_probs(EVAL_X)
    with pytest.raises(InputError, match="reads one text a row and was given 2 columns"):
        fit_classifier(X, Y, CLASSES, base=base, training=once, eval_inputs=EVAL_X * 2, eval_labels=EVAL_Y)


def test_what_a_base_was_trained_on_is_inherited(base: Path, tmp_path: Path) -> None:
    once = replace(QUICK, max_steps=1)
    fit_classifier(X, Y, CLASSES, base=base, training=once, output_dir=tmp_path / "first")
    later = tmp_path / "later"
    fit_classifier(EVAL_X, EVAL_Y, CLASSES, base=tmp_path / "first", training=once, output_dir=later)
    assert trained_on(later) == set(text_hashes(X)) | set(text_hashes(EVAL_X))
    assert trained_on(base) is None


def test_hashes_of_texts() -> None:
    same, other, pair = ("Good, plot", "Other plot"), ("good plot!", "good plo"), (("a b", "a"), ("c", "b c"))
    assert [a == b for a, b in zip(text_hashes((same,)), text_hashes((other,)), strict=True)] == [True, False]
    assert len(set(text_hashes(pair))) == 2  # the border between the two texts of a pair counts


def test_a_tokenizer_in_python_is_read_too(notes: list[str]) -> None:
    from transformers import ByT5Tokenizer

    rows = hf.encode(ByT5Tokenizer(), (("good", "a longer text"),), 8)
    assert [len(row["input_ids"]) for row in rows] == [5, 8]
    assert "1 of 2 texts are longer than 8 tokens; the model sees their beginning only." in notes


def test_a_model_of_transformers_without_our_mark_is_read(base: Path, tmp_path: Path) -> None:
    classifier = fit_classifier(X, Y, CLASSES, base=base, training=replace(QUICK, max_steps=1))
    with hf.quiet():
        hf.save(classifier.model, classifier.tokenizer, tmp_path)
    plain = load_classifier(tmp_path)
    assert plain.classes == CLASSES
    assert plain.precision == "auto"
    assert np.array_equal(replace(plain, precision="float32").pred_probs(EVAL_X), classifier.pred_probs(EVAL_X))


def test_long_texts_are_cut_and_counted(base: Path, notes: list[str]) -> None:
    classifier = fit_classifier(X, Y, CLASSES, base=base, training=replace(QUICK, max_steps=1, max_length=6))
    cut = sum(len(text.split()) > 4 for text in X[0])
    assert f"{cut} of 80 texts are longer than 6 tokens; the model sees their beginning only." in notes
    long = " ".join(["the"] * 10_000)
    assert np.isfinite(classifier.pred_probs(((long,),))).all()


@pytest.fixture
def notes() -> Any:
    from contextlib import nullcontext

    from curatekit.reporting import reporting

    class Reporter:
        def __init__(self) -> None:
            self.notes: list[str] = []

        def step(self, name: str, total: int, unit: str) -> Any:
            return nullcontext(lambda done: None)

        def note(self, text: str) -> None:
            self.notes.append(text)

    reporter = Reporter()
    with reporting(reporter):
        yield reporter.notes


def test_a_loss_that_is_not_finite_stops_the_run(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_loss = hf.Trainer.compute_loss

    def breaking(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = compute_loss(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 12 else loss

    monkeypatch.setattr(hf.Trainer, "compute_loss", breaking)
    with pytest.raises(CurateError, match="loss became nan after step 12"):
        fit_classifier(X, Y, CLASSES, base=base, training=QUICK, output_dir=tmp_path / "model")
    assert hf.newest_checkpoint(tmp_path / "model") == tmp_path / "model" / "checkpoint-10"


def test_a_finished_run_is_not_run_again_and_another_run_is_refused(
    base: Path, tmp_path: Path, notes: list[str]
) -> None:
    folder = tmp_path / "model"
    once = replace(QUICK, max_steps=1)

    def fit(training: Training = once, **how: Any) -> Classifier:
        return fit_classifier(X, Y, CLASSES, base=base, training=training, output_dir=folder, **how)

    first = fit()
    assert_same_weights(first, fit())
    assert any("not trained again" in text for text in notes)
    with pytest.raises(InputError, match="holds another run, with other seed, learning_rate"):
        fit(replace(once, learning_rate=1e-4), seed=1)
    adapted = fit(replace(once, lora_rank=2), overwrite=True)
    assert_same_weights(adapted, load_classifier(folder))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        fit_classifier(X, Y, CLASSES, base=base, training=once, output_dir=foreign)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: fit_classifier(X, np.zeros(80, int), CLASSES), "All 80 training rows are labelled 'neg'"),
        (lambda: fit_classifier(((),), np.zeros(0, int), CLASSES), "no training row"),
        (lambda: fit_classifier(X, Y - 1, CLASSES), "no label"),
        (lambda: fit_classifier(X, Y, CLASSES, training=replace(QUICK, metric_for_best_model="loss")), "give --eval"),
        (lambda: fit_classifier(X, Y, CLASSES, training=replace(QUICK, eval_strategy="steps")), "--eval-steps"),
        (lambda: fit_classifier(X, Y, CLASSES, base="./nowhere"), "nowhere"),
    ],
    ids=["one class", "no rows", "unlabelled", "no evaluation", "no eval steps", "no base"],
)
def test_bad_input_is_refused_in_one_sentence(fault: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fault()


def test_bases_that_would_run_code_or_hold_pickles_are_refused(base: Path, tmp_path: Path) -> None:
    coded = shutil.copytree(base, tmp_path / "coded")
    config = json.loads((coded / "config.json").read_text())
    (coded / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(InputError, match="brings its own code"):
        fit_classifier(X, Y, CLASSES, base=coded)
    pickled = shutil.copytree(base, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(InputError, match="no safetensors"):
        fit_classifier(X, Y, CLASSES, base=pickled)
    with pytest.raises(InputError, match="more than the 64 tokens"):
        fit_classifier(X, Y, CLASSES, base=base, training=replace(QUICK, max_length=65))


def moved(classifier: Classifier, base: Classifier) -> float:
    """Return how far the weights of a patched classifier went, as a share of the length of the base's."""
    now, before = weights(classifier), weights(base)
    gone = sum(float(((now[name] - before[name]).astype(float) ** 2).sum()) for name in now)
    return float(np.sqrt(gone / sum(float((was.astype(float) ** 2).sum()) for was in before.values())))


def test_a_patched_classifier_stays_near_its_base(base: Path, tmp_path: Path) -> None:
    before = fit_classifier(X, Y, CLASSES, base=base, training=QUICK, output_dir=tmp_path / "m0")
    contrary = replace(QUICK, epochs=3)
    far = fit_classifier(X, 1 - Y, CLASSES, base=tmp_path / "m0", training=contrary)
    near = fit_classifier(X, 1 - Y, CLASSES, base=tmp_path / "m0", training=replace(contrary, near=0.02))
    assert moved(near, before) <= 0.02 * (1 + 1e-6)
    assert moved(near, before) > 0.015
    assert moved(far, before) > 0.04
    was, patched = before.pred_probs(X), near.pred_probs(X)
    loss_before, loss_after = (-np.log(probs[np.arange(len(Y)), 1 - Y]).mean() for probs in (was, patched))
    assert loss_after < loss_before


def test_a_patch_that_was_interrupted_keeps_its_bound(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fit_classifier(X, Y, CLASSES, base=base, training=QUICK, output_dir=tmp_path / "m0")
    patch = replace(QUICK, near=0.02, save_steps=4)
    whole = fit_classifier(X, 1 - Y, CLASSES, base=tmp_path / "m0", training=patch, output_dir=tmp_path / "whole")
    with monkeypatch.context() as killing:
        kill_at(killing, 9)
        with pytest.raises(KeyboardInterrupt):
            fit_classifier(X, 1 - Y, CLASSES, base=tmp_path / "m0", training=patch, output_dir=tmp_path / "cut")
    resumed = fit_classifier(X, 1 - Y, CLASSES, base=tmp_path / "m0", training=patch, output_dir=tmp_path / "cut")
    assert_same_weights(whole, resumed)
    assert moved(resumed, before) <= 0.02 * (1 + 1e-6)


def test_what_cannot_be_patched(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no fully fine-tuned classifier"):
        fit_classifier(X, Y, CLASSES, base=base, training=replace(QUICK, near=0.1))
    fit_classifier(X, Y, CLASSES, base=base, training=QUICK, output_dir=tmp_path / "m0")
    with pytest.raises(InputError, match="of the classes neg, other"):
        fit_classifier(X, Y, ("neg", "other"), base=tmp_path / "m0", training=replace(QUICK, near=0.1))
    with pytest.raises(InputError, match="one of the two"):
        fit_classifier(X, Y, CLASSES, base=tmp_path / "m0", training=replace(LORA, near=0.1))
    with pytest.raises(InputError, match="weight distance is -1"):
        fit_classifier(X, Y, CLASSES, base=tmp_path / "m0", training=replace(QUICK, near=-1.0))
