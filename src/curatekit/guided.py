"""The whole protocol: do rows chosen by the specifications help more than as many rows chosen by chance?

M0 is trained on the training data, M1 on it and k random pool rows, M1' on it and k random rows with the specifications' label
shares, M2 on it and k guided rows. All are measured on the specifications' tests and on a held-out set, over seeds. Each finished run
is stored at once, so that an interrupted protocol goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curatekit import __version__
from curatekit.arrays import Floats, Ints
from curatekit.cache import code_of
from curatekit.dataset import Dataset
from curatekit.embed import embed
from curatekit.errors import InputError, Locked
from curatekit.evaluate.classification import macro_f1
from curatekit.evaluate.failure_rate import failure_rate
from curatekit.files import write_text
from curatekit.index import nearest
from curatekit.reporting import note, step
from curatekit.select import check_budgets, choose, is_seeded
from curatekit.select.expected import Expected, expected_failures
from curatekit.select.prepare import (
    NOTHING,
    Prepared,
    not_elsewhere,
    prepare,
    refit,
    require_single_texts,
    require_unseen,
)
from curatekit.select.trust import ALL, trusted
from curatekit.specs import Cases, Specification, stand_among, test_cases
from curatekit.train.patch import check_distance, patched_probe

if TYPE_CHECKING:
    from curatekit.cache import Cache
    from curatekit.encoders import Encoder
    from curatekit.train.classifier import Training

NONE, RANDOM, MATCHED = "none", "random", "random-matched"
_MODELS = {NONE: "M0", RANDOM: "M1", MATCHED: "M1'"}
_NEAR = 0.95  # cosine similarity at which a test is called a near-duplicate of an example
_FEWEST_RUNS = 5  # for a rank correlation to be worth printing
_CODE = (
    "dataset", "embed", "encoders", "evaluate", "guided", "hf", "index", "intervals", "linkage", "predict", "probabilities", "scores",
    "select", "specs", "train",
)  # fmt: skip
"""Whatever of our code a figure depends on: finished runs of other code are not taken for ours."""


class Predicted(NamedTuple):
    """What a trained model answers, as codes of classes."""

    tests: Ints
    heldout: Ints


class Learner(NamedTuple):
    """How the models are trained: `learn(rows, seed)` trains on the training data and these pool rows, and answers."""

    key: str
    """All that its answers depend on beside the data and our code."""
    seeded: bool
    """Whether another seed gives another model of the same rows."""
    learn: Callable[[Ints, int], Predicted]


@dataclass(frozen=True)
class Run:
    """One trained model and what was measured of it."""

    method: str
    k: int
    seed: int
    failure_rate: float
    failure_rate_by_label: float
    per_specification: dict[str, float]
    accuracy: float
    macro_f1: float
    expected: float
    """The failure rate that a probe was expected to have with these rows, known before the model was trained; NaN for none."""
    expected_by_label: float
    rows: str
    """A hash of the rows that were added."""

    @property
    def model(self) -> str:
        return _MODELS.get(self.method, "M2")


MEASURES = ("failure_rate", "failure_rate_by_label", "accuracy", "macro_f1", "expected", "expected_by_label")


class Spread(NamedTuple):
    mean: float
    sd: float
    """Of the runs; NaN for a single one."""


class Row(NamedTuple):
    """The runs of one method at one k."""

    model: str
    method: str
    k: int
    runs: int
    measures: dict[str, Spread]
    per_specification: dict[str, float]
    ratios: dict[str, float]
    """Of a guided method: its mean failure rates over those of M1 and of M1' at the same k."""


class Foretold(NamedTuple):
    """How well the expected failure rate foretold the one measured, over distinct runs."""

    spearman: float
    mean_absolute_error: float
    runs: int


class Guided(NamedTuple):
    runs: tuple[Run, ...]
    table: tuple[Row, ...]
    foretold: Foretold | None
    """None where there are fewer than five distinct selections."""


def guided(
    train: Dataset,
    heldout: Dataset,
    pool: Dataset,
    specifications: Sequence[Specification],
    encoder: Encoder,
    *,
    budgets: Sequence[int],
    seeds: Sequence[int],
    methods: Sequence[str] = ("influence",),
    model: str = "probe",
    training: Training | None = None,
    near: float | None = None,
    trust: str = ALL,
    store: Path | None = None,
    cache: Cache | None = None,
) -> Guided:
    """Return M0, M1, M1' and M2 (each of `methods`) measured, at each of the budgets k, over the seeds.

    specifications: with their tests, which only the measuring sees. model: "probe", or the base of a transformer to fine-tune
    with `training`. near: None trains each model anew on the training data and the added rows; a distance patches M0 with the
    added rows alone, its weights θ₀ moved by near · ‖θ₀‖ at the most (see train.patch). trust: what becomes of pool rows suspected
    of a wrong label, for every method and baseline (see `trusted`). store: a JSON Lines file of finished runs; those of the same
    data, settings and code are not run again, and until all are finished the transformers M0 to patch stand beside it in the folder
    STORE.M0. What does not depend on a seed is run for the first one alone. No method may choose rows that are tests, training or
    held-out rows. Raises InputError as `prepare` does and for a budget beyond the pool, Locked when another process has the store.
    """
    require_single_texts(train, heldout, pool)
    tests = test_cases(specifications, train.classes)
    if not tests.texts:
        raise InputError("The specifications hold no tests, so nothing can be measured. Give them tests.")
    require_unseen(heldout, train)
    _say_seen_tests(tests, train)
    pool = not_elsewhere(pool, "among the tests", tests.texts)
    for part in (train, heldout):
        pool = not_elsewhere(pool, f"in {part.name}", part.texts)
    budgets, seeds = list(dict.fromkeys(budgets)), list(dict.fromkeys(seeds))
    check_budgets(budgets, len(pool))
    heldout, pool = heldout.with_classes(train.classes), pool.with_classes(train.classes)
    if (heldout.labels < 0).any():
        raise InputError(f"{heldout.name} has rows without label, which measure nothing. Drop them, or label them.")
    runs = []
    with ExitStack() as folders:
        stored = folders.enter_context(_opened(store))
        prepared, whole_pool = prepare(train, pool, specifications, encoder, cache), pool
        if trust != ALL:
            prepared, pool, *_ = trusted(prepared, pool, trust)
            check_budgets(budgets, len(pool))
        _say_near_duplicates(prepared, tests, encoder, cache)
        if model == "probe":
            learner = probe_learner(prepared, heldout, tests, encoder, cache, near)
        else:
            home = None if near is None else folders.enter_context(_kept_beside(store))
            learner = transformer_learner(model, train, pool, heldout, tests, training, near, home)
        key = runs_key(train, heldout, whole_pool, specifications, encoder.key, learner.key, trust)
        plan = list(_plan(learner, methods, budgets, seeds))
        measure = _measure(prepared, learner, heldout, tests)
        with step("runs", len(plan), "runs") as advance:
            for method, k, seed in plan:
                run = stored.get(f"{key}/{method}/{k}/{seed}")
                if run is None:
                    run = measure(method, k, seed)
                    stored.put(f"{key}/{method}/{k}/{seed}", run)
                runs.append(run)
                advance(1)
    return Guided(tuple(runs), tuple(_table(runs)), foretold(runs))


def probe_learner(
    prepared: Prepared,
    heldout: Dataset,
    tests: Cases,
    encoder: Encoder,
    cache: Cache | None = None,
    near: float | None = None,
) -> Learner:
    """Return the learner that refits the probe, or patches it within the distance `near`; it has no random part."""
    test_features, heldout_features = (
        prepared.features.transform(embed((texts,), encoder, cache).layers, texts)
        for texts in (tests.texts, heldout.texts)
    )

    material = prepared.material
    if near is not None:
        check_distance(near)

    def learn(rows: Ints, seed: int) -> Predicted:
        if near is None or not len(rows):
            probe = refit(material, rows, prepared.probe)
        else:
            probe = patched_probe(prepared.probe, material.pool_features[rows], material.pool_labels[rows], near)
        return Predicted(probe.logits(test_features).argmax(axis=1), probe.logits(heldout_features).argmax(axis=1))

    return Learner(f"probe near {near}", False, learn)


def transformer_learner(
    base: str,
    train: Dataset,
    pool: Dataset,
    heldout: Dataset,
    tests: Cases,
    training: Training | None = None,
    near: float | None = None,
    home: Path | None = None,
) -> Learner:
    """Return the learner that fine-tunes the transformer `base`.

    near: patches the M0 of the same seed within that distance; each M0 is then kept in the folder `home`, as `home`/SEED.
    """
    from curatekit.encoders.contents import weights_hash
    from curatekit.encoders.places import find_base
    from curatekit.train.classifier import Classifier, Training, fit_classifier

    training = training or Training()
    if near is not None and home is None:
        raise ValueError("to patch M0 there must be a folder to keep it in")

    def fitted(rows: Ints, seed: int, folder: Path | None = None) -> Classifier:
        texts = (*train.texts, *(pool.texts[row] for row in rows))
        labels = np.concatenate([train.labels, pool.labels[rows]])
        return fit_classifier((texts,), labels, train.classes, base=base, training=training, seed=seed, output_dir=folder,
                              overwrite=True)  # fmt: skip

    def patched(rows: Ints, seed: int, home: Path) -> Classifier:
        folder = home / str(seed)
        before = fitted(NOTHING, seed, folder)
        if not len(rows):
            return before
        texts = tuple(pool.texts[row] for row in rows)
        patch = replace(training, near=near)
        return fit_classifier((texts,), pool.labels[rows], train.classes, base=folder, training=patch, seed=seed)

    def learn(rows: Ints, seed: int) -> Predicted:
        classifier = fitted(rows, seed) if home is None else patched(rows, seed, home)
        answered = (classifier.pred_probs((asked,)).argmax(axis=1) for asked in (tests.texts, heldout.texts))
        return Predicted(*answered)

    weights = weights_hash(find_base(base))  # a model that was trained anew in its folder is another one
    return Learner(f"{weights} {json.dumps(asdict(training), sort_keys=True)} near {near}", True, learn)


def foretold(runs: Sequence[Run]) -> Foretold | None:
    """Return Spearman's correlation of the expected failure rate with that on the tests, and their mean |difference|.

    Runs that added the same rows with the same result count once; M0 does not count, nor a run of which nothing can be expected.
    """
    from scipy.stats import spearmanr

    expecting = [run for run in runs if run.method != NONE and not isnan(run.expected)]
    distinct = {(run.rows, run.expected, run.failure_rate) for run in expecting}
    expected, outcome = (np.array([pair[part] for pair in distinct], float) for part in (1, 2))
    if len(distinct) < _FEWEST_RUNS or np.ptp(expected) == 0 or np.ptp(outcome) == 0:
        return None
    return Foretold(
        float(spearmanr(expected, outcome).statistic), float(np.abs(expected - outcome).mean()), len(distinct)
    )


def _plan(
    learner: Learner, methods: Sequence[str], budgets: Sequence[int], seeds: Sequence[int]
) -> Iterator[tuple[str, int, int]]:
    """Yield (method, k, seed) of every run, the baselines first."""
    compared = [RANDOM, MATCHED, *dict.fromkeys(method for method in methods if method not in (RANDOM, MATCHED, NONE))]
    for seed in seeds if learner.seeded else seeds[:1]:
        yield NONE, 0, seed
    for k in budgets:
        for method in compared:
            for seed in seeds if learner.seeded or is_seeded(method) else seeds[:1]:
                yield method, k, seed


def _measure(prepared: Prepared, learner: Learner, heldout: Dataset, tests: Cases) -> Callable[[str, int, int], Run]:
    material = prepared.material
    names = np.array(material.specifications, object)[tests.specifications].astype(str)

    @functools.cache
    def added(method: str, k: int, seed: int) -> Ints:
        return choose(method, material, k, seed).rows if k else NOTHING

    @functools.cache
    def expectation(method: str, k: int, seed: int) -> Expected:
        return expected_failures(material, method, [k], seed, prepared.probe, {k: added(method, k, seed)})[0]

    def measure(method: str, k: int, seed: int) -> Run:
        drawn_by = seed if method != NONE and is_seeded(method) else 0
        rows = added(method, k, drawn_by)
        expected = expectation(method, k, drawn_by)
        predicted = learner.learn(rows, seed)
        failures = failure_rate(predicted.tests, tests.labels, names)
        return Run(
            method=method,
            k=k,
            seed=seed,
            failure_rate=failures.overall.value,
            failure_rate_by_label=failures.by_label_mean.value,
            per_specification={row.name: row.rate.value for row in failures.per_specification},
            accuracy=float(np.mean(predicted.heldout == heldout.labels)),
            macro_f1=macro_f1(heldout.labels, predicted.heldout, len(material.classes)),
            expected=expected.failure_rate.value,
            expected_by_label=expected.by_label.value,
            rows=hashlib.sha256(np.sort(rows).astype("<i8").tobytes()).hexdigest()[:16],
        )

    return measure


def _table(runs: Sequence[Run]) -> Iterator[Row]:
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.method, run.k), []).append(run)

    def spread(group: Sequence[Run], name: str) -> Spread:
        values = [getattr(run, name) for run in group]
        return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"))

    for (method, k), group in groups.items():
        measures = {name: spread(group, name) for name in MEASURES}
        ratios = {}
        if method not in _MODELS:
            for baseline, name in ((RANDOM, "M1"), (MATCHED, "M1'")):
                for measure in ("failure_rate", "failure_rate_by_label"):
                    below = spread(groups[baseline, k], measure).mean
                    ratios[f"{measure} / {name}"] = measures[measure].mean / below if below else float("nan")
        specifications = group[0].per_specification
        means = {name: float(np.mean([run.per_specification[name] for run in group])) for name in specifications}
        yield Row(group[0].model, method, k, len(group), measures, means, ratios)


def _say_seen_tests(tests: Cases, train: Dataset) -> None:
    seen = int(stand_among(tests.texts, train.texts).sum())
    if seen:
        note(
            f"{seen} of {len(tests.texts)} tests stand in {train.name} too: on these, every model, M0 too, is measured on what it "
            "was trained on."
        )


def _say_near_duplicates(prepared: Prepared, tests: Cases, encoder: Encoder, cache: Cache | None) -> None:
    found: Floats = nearest(
        embed((tests.texts,), encoder, cache).embeddings, 1, prepared.material.example_embeddings
    ).similarity[:, 0]
    near = int((found >= _NEAR).sum())
    if near:
        note(
            f"{near} of {len(found)} tests are nearly an example of some specification (cosine similarity {_NEAR} or more), the "
            f"nearest {tests.texts[int(found.argmax())]!r}. On these, failure rates flatter every guided method."
        )


def runs_key(
    train: Dataset,
    heldout: Dataset,
    pool: Dataset,
    specifications: Sequence[Specification],
    encoder: str,
    learner: str,
    trust: str = ALL,
) -> str:
    """Return a hash of all that a run depends on beside method, k and seed.

    pool: with the rows that `trust` leaves out, for the features are fitted on them too. encoder, learner: their keys.
    """
    content = [
        *([part.texts, part.labels.tolist(), part.classes] for part in (train, heldout, pool)),
        [asdict(specification) for specification in specifications],
        [encoder, learner, trust, __version__, *map(code_of, _CODE)],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


@contextmanager
def _kept_beside(store: Path | None) -> Iterator[Path]:
    """Yield the folder for the models M0: beside the store until all runs are finished, or, where there is none, one that goes.

    An interrupted protocol finds them there. Once every run is in the store nothing needs them, and they are large.
    """
    if store is None:
        with TemporaryDirectory(prefix="curatekit-") as scratch:
            yield Path(scratch)
        return
    home = store.with_name(f"{store.name}.M0")
    home.mkdir(exist_ok=True)
    note(f"The model M0 of each seed is kept in {home} until all runs are finished.")
    yield home
    shutil.rmtree(home)


@contextmanager
def _opened(path: Path | None) -> Iterator[_Store]:
    """Yield the store, which no other process may open meanwhile: each would write over the other's runs."""
    if path is None:
        yield _Store(None)
        return
    lock = path.with_name(f".{path.name}.lock")
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(descriptor).st_nlink:  # its holder removed it before we had it
            raise BlockingIOError
    except BlockingIOError:
        os.close(descriptor)
        raise Locked(f"Another run is writing {path}. Wait until it ends, or choose another output with -o.") from None
    try:
        yield _Store(path)
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


class _Store:
    """Finished runs by key, one JSON object a line; the file is replaced whole, so that it is never torn."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
                self.lines = {entry.pop("key"): entry for entry in entries}
            except (ValueError, KeyError, AttributeError) as error:
                raise InputError(
                    f"{path} is not a file of finished runs ({error}). Remove it to begin anew."
                ) from error

    def get(self, key: str) -> Run | None:
        entry = self.lines.get(key)
        if entry is None or set(entry) != {field.name for field in fields(Run)}:
            return None
        return Run(**entry)

    def put(self, key: str, run: Run) -> None:
        self.lines[key] = asdict(run)
        if self.path is not None:
            write_text(self.path, "".join(json.dumps({"key": key, **line}) + "\n" for key, line in self.lines.items()))
