"""The protocol: what is run, what is measured, what is kept, and that the tests of the specifications guide nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import guided as module
from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError, Locked
from curatekit.guided import Guided, Learner, Predicted, Run, foretold, guided, runs_key, transformer_learner
from curatekit.reporting import reporting
from curatekit.select import choose
from curatekit.select.expected import expected_failures
from curatekit.select.prepare import feedback, prepare, refit
from curatekit.specs import Specification, test_cases
from curatekit.train.classifier import Training
from tests.fake_encoder import FakeEncoder
from tests.guided_sample import HELDOUT, POOL, SPECIFICATIONS, TRAIN
from tests.notes import Notes
from tests.test_layering import LIBRARY, imported
from tests.tiny import tiny_base

SPECS = tuple(
    Specification(one["id"], one["statement"], one["label"], tuple(one["examples"]), tuple(one["tests"]))  # type: ignore[arg-type]
    for one in SPECIFICATIONS
)


def dataset(rows: list[tuple[str, str]]) -> Dataset:
    return from_lists([text for text, _ in rows], [label for _, label in rows])


def protocol(**changes: Any) -> Guided:
    given: dict[str, Any] = {
        "budgets": (4, 8),
        "seeds": range(3),
        "specifications": SPECS,
        "pool": dataset(POOL),
        **changes,
    }
    return guided(
        dataset(TRAIN), dataset(HELDOUT), given.pop("pool"), given.pop("specifications"), FakeEncoder(), **given
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def measured() -> Guided:
    return protocol(methods=("influence", "nearest"))


def test_every_model_is_run_once_for_all_that_changes_it(measured: Guided) -> None:
    rows = {(row.model, row.method, row.k): row.runs for row in measured.table}
    assert rows == {
        ("M0", "none", 0): 1,
        **{(model, method, k): n for k in (4, 8) for model, method, n in (
            ("M1", "random", 3), ("M1'", "random-matched", 3), ("M2", "influence", 1), ("M2", "nearest", 1),
        )},
    }  # fmt: skip


def test_figures_are_those_of_training_and_counting_by_hand(measured: Guided) -> None:
    train, pool = dataset(TRAIN), dataset(POOL)
    prepared = prepare(train, pool, SPECS, FakeEncoder())  # type: ignore[arg-type]
    run = next(run for run in measured.runs if run.method == "random" and run.k == 8 and run.seed == 2)
    rows = choose("random", prepared.material, 8, 2).rows
    signal = feedback(prepared.material, [rows], prepared.probe)
    assert (run.expected, run.expected_by_label) == pytest.approx((signal.failure_rate, signal.failure_rate_by_label))

    from curatekit.embed import embed

    texts = [test for one in SPECS for test in one.tests or ()]
    labels = [one.label for one in SPECS for _ in one.tests or ()]
    features = prepared.features.transform(embed((texts,), FakeEncoder()).layers, texts)  # type: ignore[arg-type]
    answers = [train.classes[code] for code in refit(prepared.material, rows).logits(features).argmax(axis=1)]
    failed = np.array([answer != label for answer, label in zip(answers, labels, strict=True)])
    assert run.failure_rate == pytest.approx(failed.mean())
    half = len(SPECS[0].tests or ())
    assert run.per_specification == pytest.approx(
        {SPECS[0].id: failed[:half].mean(), SPECS[1].id: failed[half:].mean()}
    )
    row = next(row for row in measured.table if (row.method, row.k) == ("random", 8))
    values = [run.failure_rate for run in measured.runs if (run.method, run.k) == ("random", 8)]
    assert row.measures["failure_rate"] == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert math.isnan(next(row for row in measured.table if row.model == "M0").measures["failure_rate"].sd)


def test_ratios_are_of_the_same_k(measured: Guided) -> None:
    means = {(row.method, row.k): row.measures["failure_rate_by_label"].mean for row in measured.table}
    row = next(row for row in measured.table if (row.method, row.k) == ("influence", 4))
    assert row.ratios["failure_rate_by_label / M1'"] == pytest.approx(
        means["influence", 4] / means["random-matched", 4]
    )


def test_guided_rows_are_expected_to_beat_random_ones(measured: Guided) -> None:
    expected = {(row.method, row.k): row.measures["expected"].mean for row in measured.table}
    assert expected["influence", 8] < expected["random", 8]


def test_tests_change_what_is_measured_and_never_what_is_chosen(measured: Guided) -> None:
    others = tuple(replace(one, tests=tuple(f"{word} day" for word in ("A fine", "A poor", "One"))) for one in SPECS)
    again = protocol(methods=("influence", "nearest"), specifications=others)
    assert [run.rows for run in again.runs] == [run.rows for run in measured.runs]
    assert [run.expected for run in again.runs] == [run.expected for run in measured.runs]
    assert [run.failure_rate for run in again.runs] != [run.failure_rate for run in measured.runs]


def test_pool_rows_that_are_tests_cannot_be_chosen_by_any_method() -> None:
    assert SPECS[0].tests
    notes = Notes()
    refused = pytest.raises(InputError, match=f"k is {len(POOL) + 1}, and the pool has {len(POOL)} rows")
    taken = [(SPECS[0].tests[0].upper(), "good"), (TRAIN[0][0] + "!", "good"), (HELDOUT[0][0] + "!", "good")]
    with reporting(notes), refused:
        protocol(pool=dataset([*POOL, *taken]), budgets=(len(POOL) + 1,))
    assert "1 of 39 rows of The dataset stand among the tests too: no method may choose them." in notes.lines
    assert "1 of 38 rows of The dataset stand in The dataset too: no method may choose them." in notes.lines
    assert "1 of 37 rows of The dataset stand in The dataset too: no method may choose them." in notes.lines


def test_figures_that_are_in_sample_are_said() -> None:
    notes = Notes()
    seen = replace(SPECS[0], tests=(TRAIN[0][0].upper(), "Another."))
    refused = pytest.raises(InputError, match="k is 0")
    with reporting(notes), refused:
        guided(
            dataset(TRAIN), dataset([*HELDOUT, (TRAIN[1][0].upper(), "good")]), dataset(POOL), (seen, SPECS[1]),
            FakeEncoder(), budgets=(0,), seeds=(0,),
        )  # type: ignore[arg-type]  # fmt: skip
    tests = 2 + len(SPECS[1].tests or ())
    assert any(f"1 of {tests} tests stand in The dataset too" in line for line in notes.lines)
    assert any(f"1 of {len(HELDOUT) + 1} rows of The dataset stand in The dataset too" in line for line in notes.lines)
    with pytest.raises(InputError, match="All 30 rows of The dataset stand in The dataset too"):
        guided(dataset(TRAIN), dataset(TRAIN), dataset(POOL), SPECS, FakeEncoder(), budgets=(1,), seeds=(0,))  # type: ignore[arg-type]


def test_what_is_expected_of_a_guided_method_is_cross_fitted(measured: Guided) -> None:
    prepared = prepare(dataset(TRAIN), dataset(POOL), SPECS, FakeEncoder())  # type: ignore[arg-type]
    (found,) = expected_failures(prepared.material, "influence", [8], 0, prepared.probe)
    (run,) = [run for run in measured.runs if (run.method, run.k) == ("influence", 8)]
    assert (run.expected, run.expected_by_label) == (found.failure_rate.value, found.by_label.value)


def test_a_budget_given_twice_is_run_once() -> None:
    once, twice = protocol(budgets=(4,), seeds=(0,)), protocol(budgets=(4, 4), seeds=(0, 0))
    assert once.runs == twice.runs
    assert [row.runs for row in twice.table] == [1, 1, 1, 1]


def test_specifications_without_tests_guide_and_are_not_measured() -> None:
    found = protocol(specifications=(SPECS[0], replace(SPECS[1], tests=())), budgets=(4,), seeds=(0,))
    assert list(found.runs[0].per_specification) == [SPECS[0].id]


def test_near_duplicates_of_examples_among_the_tests_are_said() -> None:
    near = SPECS[0].examples[0][:20] + " and nothing that the fake encoder reads"
    notes = Notes()
    with reporting(notes):
        protocol(specifications=(replace(SPECS[0], tests=(near,)), SPECS[1]), budgets=(1,), seeds=(0,))
    assert any("tests are nearly an example" in line for line in notes.lines)


class Counted:
    """A learner that answers by the number of rows, and may be interrupted."""

    def __init__(self, stop_after: int = 10**6) -> None:
        self.calls: list[tuple[int, int]] = []
        self.key = "counted"
        self.stop_after = stop_after

    def __call__(self, prepared: Any, heldout: Dataset, tests: Any, *rest: Any) -> Learner:
        def learn(rows: np.ndarray[Any, Any], seed: int) -> Predicted:
            if len(self.calls) == self.stop_after:
                raise KeyboardInterrupt
            self.calls.append((len(rows), seed))
            return Predicted(np.full(len(tests.texts), (len(rows) + seed) % 2), np.full(len(heldout), 0))

        return Learner(self.key, True, learn)


def test_an_interrupted_protocol_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, whole, third = Counted(stop_after=5), Counted(), Counted(), Counted()
    store = tmp_path / "runs.jsonl"
    monkeypatch.setattr(module, "probe_learner", first)
    with pytest.raises(KeyboardInterrupt):
        protocol(store=store)
    assert len(store.read_text().splitlines()) == 5
    monkeypatch.setattr(module, "probe_learner", second)
    resumed = protocol(store=store)
    monkeypatch.setattr(module, "probe_learner", whole)
    assert protocol() == resumed
    assert first.calls + second.calls == whole.calls
    assert len(whole.calls) == 3 + 2 * 3 * 3  # a learner with a seed of its own: M0 and M2 are run over the seeds too
    monkeypatch.setattr(module, "probe_learner", third)
    assert protocol(store=store) == resumed
    assert third.calls == []
    protocol(store=store, specifications=(SPECS[0], replace(SPECS[1], tests=("Other.",))))
    assert len(third.calls) == len(whole.calls)  # other tests: nothing stored may be taken


def test_runs_of_other_code_or_of_another_model_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, how = tmp_path / "runs.jsonl", {"budgets": (4,), "seeds": (0,)}
    first, second, third = Counted(), Counted(), Counted()
    monkeypatch.setattr(module, "probe_learner", first)
    protocol(store=store, **how)
    monkeypatch.setattr(module, "code_of", lambda name: f"{name}{name == 'select'}")
    monkeypatch.setattr(module, "probe_learner", learner := Counted())
    protocol(store=store, **how)
    assert len(learner.calls) == len(first.calls)
    for learner in (second, third):
        learner.key = "retrained"
        monkeypatch.setattr(module, "probe_learner", learner)
        protocol(store=store, **how)
    assert len(second.calls) == len(first.calls)
    assert third.calls == []


# types, places and words; what is read enters the key by its content
NO_FIGURE = {"arrays", "cache", "errors", "files", "hub", "readers", "registry", "reporting"}


def test_the_key_has_the_code_of_all_that_the_protocol_and_the_methods_import() -> None:
    known, asked = set(), [LIBRARY / "guided.py", *(LIBRARY / "select").glob("*.py")]
    while asked:
        path = asked.pop()
        known.add(path)
        for name in imported(path):
            place = LIBRARY.parent / Path(*name.split("."))
            found = [one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()]
            asked += [one for one in found if one not in known and one.parent != LIBRARY.parent]
    tops = {path.relative_to(LIBRARY).parts[0].removesuffix(".py") for path in known} - {"__init__"}
    assert tops - NO_FIGURE == set(module._CODE)


def test_the_key_changes_with_all_that_a_run_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    train, heldout, pool = dataset(TRAIN), dataset(HELDOUT), dataset(POOL)
    given = (train, heldout, pool, SPECS, "an encoder", "a learner", "all")
    others = (
        dataset(TRAIN[1:]), dataset(HELDOUT[1:]), dataset(POOL[1:]), SPECS[1:], "another", "another", "drop",
    )  # fmt: skip
    keys = [runs_key(*given), *(runs_key(*given[:at], other, *given[at + 1 :]) for at, other in enumerate(others))]
    keys.append(runs_key(train, heldout, dataset([(POOL[0][0], "bad"), *POOL[1:]]), *given[3:]))
    for changed in module._CODE:
        monkeypatch.setattr(module, "code_of", lambda name, changed=changed: f"{name}{name == changed}")
        keys.append(runs_key(*given))
    assert len(set(keys)) == len(keys)
    monkeypatch.undo()
    assert runs_key(*given) == keys[0]


def test_runs_with_another_trust_are_not_taken_though_the_same_rows_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "trusted", lambda prepared, pool, trust: (prepared, pool, None, 0))
    calls = []
    for trust in ("all", "drop", "drop"):
        monkeypatch.setattr(module, "probe_learner", learner := Counted())
        protocol(store=tmp_path / "runs.jsonl", budgets=(4,), seeds=(0,), trust=trust)
        calls.append(len(learner.calls))
    assert calls == [4, 4, 0]


def test_the_features_are_fitted_on_rows_that_trust_leaves_out_and_so_they_are_in_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def watched(train: Any, heldout: Any, pool: Dataset, *rest: Any) -> str:
        seen.append(len(pool))
        return "key"

    def without_the_first(prepared: Any, pool: Dataset, trust: str) -> Any:
        rows = np.arange(1, len(pool))
        return replace(prepared, material=prepared.material.only(rows)), pool.take(rows), None, 1

    monkeypatch.setattr(module, "runs_key", watched)
    monkeypatch.setattr(module, "trusted", without_the_first)
    monkeypatch.setattr(module, "probe_learner", Counted())
    protocol(budgets=(4,), seeds=(0,), trust="drop")
    assert seen == [len(POOL)]


def test_every_selection_by_all_the_examples_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, int, int]] = []

    def counted(method: str, material: Any, k: int, seed: int = 0) -> Any:
        if len(material.example_labels) == 18:
            made.append((method, k, seed))
        return choose(method, material, k, seed)

    for place in ("curatekit.guided.choose", "curatekit.select.expected.choose"):
        monkeypatch.setattr(place, counted)
    protocol(budgets=(4,), seeds=(0, 1), methods=("influence", "uncertainty"))
    assert sorted(made) == [
        ("influence", 4, 0), *(("random", 4, seed) for seed in (0, 1)), *(("random-matched", 4, seed) for seed in (0, 1)),
        ("uncertainty", 4, 0),
    ]  # fmt: skip


def test_models_to_patch_stay_until_all_runs_are_finished(tmp_path: Path) -> None:
    store, notes = tmp_path / "runs.jsonl", Notes()
    with pytest.raises(KeyboardInterrupt), reporting(notes), module._kept_beside(store) as home:
        (home / "0").mkdir()
        raise KeyboardInterrupt
    assert (tmp_path / "runs.jsonl.M0" / "0").is_dir()
    assert notes.lines == [f"The model M0 of each seed is kept in {tmp_path / 'runs.jsonl.M0'} until all runs are finished."]  # fmt: skip
    with module._kept_beside(store) as home:
        assert (home / "0").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_trained_anew_in_its_folder_is_another(tmp_path: Path) -> None:
    def key() -> str:
        train = dataset(TRAIN)
        cases = test_cases(SPECS, train.classes)
        return transformer_learner(str(tmp_path), train, dataset(POOL), dataset(HELDOUT), cases).key

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = key()
    assert key() == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert key() != before


def test_two_runs_at_once_cannot_write_over_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "runs.jsonl"

    class Second(Counted):
        def __call__(self, *given: Any) -> Learner:
            with pytest.raises(Locked, match=r"Another run is writing .*runs\.jsonl"), module._opened(store):
                raise AssertionError("opened twice")
            return super().__call__(*given)

    monkeypatch.setattr(module, "probe_learner", Second())
    protocol(store=store, budgets=(4,), seeds=(0,))
    protocol(store=store, budgets=(4,), seeds=(0,))
    assert [path.name for path in tmp_path.iterdir()] == ["runs.jsonl"]


def test_a_file_that_holds_no_runs_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("not ours")
    with pytest.raises(InputError, match="is not a file of finished runs"):
        protocol(store=tmp_path / "runs.jsonl")
    assert (tmp_path / "runs.jsonl").read_text() == "not ours"


def test_the_transformer_learns_from_train_and_chosen_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    seen: list[dict[str, Any]] = []

    class Classifier:
        def pred_probs(self, inputs: tuple[tuple[str, ...], ...]) -> Any:
            return np.tile([0.2, 0.8], (len(inputs[0]), 1))

    def fit(inputs: Any, labels: Any, classes: Any, **how: Any) -> Classifier:
        seen.append({"inputs": inputs, "labels": labels, **how})
        return Classifier()

    monkeypatch.setattr("curatekit.train.classifier.fit_classifier", fit)
    found = protocol(model=str(tmp_path), budgets=(4,), seeds=(7,))
    assert [len(one["inputs"][0]) for one in seen] == [30, 34, 34, 34]
    assert {one["seed"] for one in seen} == {7}
    assert {one["base"] for one in seen} == {str(tmp_path)}
    texts, labels = seen[1]["inputs"][0], seen[1]["labels"]
    known = dict(TRAIN + POOL)
    assert [known[text] for text in texts] == [("bad", "good")[label] for label in labels]
    assert found.table[0].measures["accuracy"].mean == 0.5


def run(method: str, expected: float, failure: float, rows: str) -> Run:
    return Run(method, 1, 0, failure, failure, {}, 0.0, 0.0, expected, expected, rows)


def test_the_rank_correlation_counts_each_selection_once_and_not_m0() -> None:
    runs = [
        run("none", 9, 0, ""),
        *(run("random", s, f, str(s)) for s, f in [(1, 10), (2, 20), (3, 15), (4, 40), (5, 50)]),
    ]
    found = foretold([*runs, runs[-1]])
    assert found is not None
    assert found.runs == 5
    assert found.spearman == pytest.approx(1 - 6 * (1 + 1) / (5 * 24))  # ranks 1 3 2 4 5
    assert found.mean_absolute_error == pytest.approx((9 + 18 + 12 + 36 + 45) / 5)
    assert foretold(runs[:5]) is None
    nothing = [run("influence", math.nan, 0.1, "6"), run("influence", math.nan, 0.2, "7")]
    assert foretold([*runs, *nothing]) == found
    assert foretold([*runs[:5], *nothing]) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": (0,)}, "k is 0, and the pool has 36 rows"),
        ({"specifications": tuple(replace(one, tests=()) for one in SPECS)}, "hold no tests"),
        ({"specifications": (replace(SPECS[0], label="bod"), SPECS[1])}, "Did you mean 'bad'"),
        ({"pool": dataset([("Some text.", "ugly"), *POOL])}, "labels that are not among the classes: 'ugly'"),
        ({"pool": from_lists([("a", "b")], ["good"])}, "is read as pairs"),
    ],
)
def test_bad_input_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        protocol(**changes)
    assert message in str(raised.value)


def test_a_patched_model_learns_from_the_added_rows_alone_and_keeps_what_it_knew(measured: Guided) -> None:
    patched = protocol(budgets=(8,), near=0.5)
    anew = {(row.method, row.k): row.measures["failure_rate"].mean for row in measured.table}
    near = {(row.method, row.k): row.measures for row in patched.table}
    assert near["none", 0]["failure_rate"].mean == anew["none", 0]
    assert near["influence", 8]["failure_rate"].mean < anew["none", 0]
    assert near["influence", 8]["accuracy"].mean >= near["none", 0]["accuracy"].mean - 0.05
    barely = {(row.method, row.k): row.measures for row in protocol(budgets=(8,), near=1e-4).table}
    assert barely["influence", 8]["failure_rate"].mean == barely["none", 0]["failure_rate"].mean


def test_a_transformer_is_patched_from_the_first_model_of_its_seed(tmp_path: Path) -> None:
    train, heldout, pool = dataset(TRAIN), dataset(HELDOUT), dataset(POOL)
    tests = test_cases(SPECS, train.classes)
    training = Training(epochs=2, learning_rate=3e-3, bf16=False, eval_strategy="no")
    given = (str(tiny_base(tmp_path / "base")), train, pool, heldout, tests, training)
    rows = np.arange(len(pool))[-8:]
    plain = transformer_learner(*given)
    barely = transformer_learner(*given, near=1e-6, home=tmp_path)
    for seed in (0, 1):
        first = plain.learn(np.zeros(0, int), seed)
        for answer, same in zip(first, barely.learn(rows, seed), strict=True):
            assert np.array_equal(answer, same)
    kept = transformer_learner(*given, near=0.1, home=tmp_path / "home")
    (tmp_path / "home").mkdir()
    moved = kept.learn(rows[:3], 0)  # rows of one label
    assert (tmp_path / "home" / "0" / "curatekit.json").is_file()
    assert len({plain.key, barely.key, kept.key}) == 3
    assert np.array_equal(moved.tests, kept.learn(rows[:3], 0).tests)
