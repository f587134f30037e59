"""Several labels a row, out of sample: one binary probe for each label, all fitted together.

K logistic regressions on the same rows share their matrix products, which for the 28 labels of GoEmotions is over ten times
faster than one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.folding import stratified_folds
from curatekit.predict.parallel import each_on_a_core, threads_for
from curatekit.predict.probe import STRENGTHS
from curatekit.reporting import note, step

_FINAL, _ROUGH = 1e-7, 1e-5  # relative tolerances of the loss: for the probes themselves, and for choosing C
_INNER = 5
_HELD_OUT = 2_000


@dataclass(frozen=True, eq=False)
class Probes:
    """p(k | x) = sigmoid((x · coef_k + intercept_k) / temperature), each label for itself."""

    coef: Floats  # (K, p)
    intercept: Floats  # (K,)
    C: Floats  # (K,)
    temperature: float

    def probs(self, features: Floats) -> Floats:
        """Return the probabilities (m, K) of features (m, p)."""
        return _sigmoid(_logits(features, np.vstack([self.coef.T, self.intercept])) / self.temperature)


@dataclass(frozen=True, eq=False)
class Memberships:
    """Out-of-sample probabilities of K labels for n rows; they need not sum to 1."""

    probs: Floats  # (n, K)
    folds: Ints  # (n,)
    judged: Bools  # (K,) whether each fold's training rows both have and lack the label, so that it could be learnt


def fit_probes(features: Floats, members: Bools, units: Ints, *, seed: int = 0) -> Probes:
    """Return the K probes that each minimise C_k Σ_i log loss + ½ ‖coef_k‖², as sklearn's LogisticRegression does.

    features (n, p) float32, members (n, K), each label had and lacked by some row. C_k is chosen for each label, and one
    temperature for all, on inner folds; rows of one unit (n,) stay together.
    """
    features = np.ascontiguousarray(features, np.float32)
    with threads_for(len(features)):
        strengths, temperature = _chosen(features, members, units, seed)
        theta = _minimise(features, members, strengths, None, _FINAL)
    return Probes(np.ascontiguousarray(theta[:-1].T), theta[-1].copy(), strengths, temperature)


def cross_fit_memberships(
    features: Floats, members: Bools, units: Ints, *, n_folds: int = 5, seed: int = 0
) -> Memberships:
    """Return the probabilities of each label for each row, by probes of the other folds.

    features (n, p), members (n, K) whether a row has a label, units (n,): rows of one unit share a fold. Folds are
    stratified by each row's rarest label. A label that some fold cannot learn gets its share of the training rows and is not
    judged. Raises InputError where no label can be learnt.
    """
    n, n_labels = members.shape
    distinct = int(units.max()) + 1 if n else 0
    if distinct < 2:
        raise InputError(
            f"Cross-fitting needs two rows that are not bound together; there are {distinct}. Give more rows."
        )
    fold = stratified_folds(rarest_label(members), units, min(n_folds, distinct), seed)
    used = range(int(fold.max()) + 1)
    judged = np.logical_and.reduce([_both(members[fold != k]) for k in used])
    if not judged.any():
        raise InputError("No label is both had and lacked by enough rows to be learnt. Give more rows of each label.")
    if not judged.all():
        note(
            f"{int((~judged).sum())} of {n_labels} labels stand on too few rows (or on all of them) to be learnt by every fold; "
            "they are left as they are."
        )
    features = np.ascontiguousarray(features, np.float32)

    def probs_of(k: int) -> Floats:
        train = np.flatnonzero(fold != k)
        part = np.tile(members[train].mean(axis=0), (int((fold == k).sum()), 1))
        probes = fit_probes(features[train], members[train][:, judged], units[train], seed=seed)
        part[:, judged] = probes.probs(features[fold == k])
        return part

    probs = np.empty((n, n_labels))
    with step("cross-fitting", len(used), "models") as advance:
        for k, part in zip(used, each_on_a_core(probs_of, used), strict=True):
            probs[fold == k] = part
            advance(1)
    return Memberships(probs, fold, judged)


def rarest_label(members: Bools) -> Ints:
    """Return for each row of members (n, K) the rarest of its labels (n,); K where it has none."""
    n_labels = members.shape[1]
    rank = np.empty(n_labels, np.int64)
    rank[np.argsort(members.sum(axis=0), kind="stable")] = np.arange(n_labels)
    rarest: Ints = np.where(members, rank, n_labels).argmin(axis=1)
    return np.where(members.any(axis=1), rarest, n_labels)


def _both(members: Bools) -> Bools:
    """Return which labels some row has and some row lacks (K,)."""
    return np.logical_and(members.any(axis=0), ~members.all(axis=0))


def _chosen(features: Floats, members: Bools, units: Ints, seed: int) -> tuple[Floats, float]:
    """Return C of each label and the temperature, by the log loss of rows that were held out."""
    from scipy.optimize import minimize_scalar

    units = np.unique(units, return_inverse=True)[1]
    n_labels = members.shape[1]
    if units.max() < 1:
        return np.ones(n_labels), 1.0
    inner = stratified_folds(rarest_label(members), units, min(_INNER, int(units.max()) + 1), seed)
    losses = np.zeros((len(STRENGTHS), n_labels))
    tried = len(STRENGTHS)
    held: list[Floats] = []  # of each inner fold the logits (strengths, rows, K)
    truth: list[Bools] = []
    for k in range(int(inner.max()) + 1):
        train, test = np.flatnonzero(inner != k), np.flatnonzero(inner == k)
        known = _both(members[train])
        if not known.any():
            continue
        logits = np.zeros((tried, len(test), n_labels))
        theta = None
        for i, strength in enumerate(STRENGTHS[:tried]):
            # along the path from strong to weak regularisation, each solution is a good start for the next
            theta = _minimise(
                features[train], members[train][:, known], np.full(int(known.sum()), strength), theta, _ROUGH
            )
            logits[i][:, known] = _logits(features[test], theta)
            losses[i, known] += _losses(logits[i][:, known], members[test][:, known]).sum(axis=0)
            if not held and i and (losses[i] >= losses[:i].min(axis=0)).all():
                tried = i + 1  # the loss of every label has turned: weaker regularisation only loses more
                break
        held.append(logits[:tried])
        truth.append(members[test])
        if sum(map(len, truth)) >= _HELD_OUT:
            break
    if not held:
        return np.ones(n_labels), 1.0
    best = losses[:tried].argmin(axis=0)
    logits = np.concatenate([part[best, :, np.arange(n_labels)].T for part in held])
    found = minimize_scalar(
        lambda log_t: float(_losses(logits / np.exp(log_t), np.concatenate(truth)).mean()),
        bounds=(-3, 3), method="bounded", options={"xatol": 1e-4},
    )  # fmt: skip
    return np.array(STRENGTHS)[best], float(np.exp(found.x))


def _minimise(features: Floats, members: Bools, strengths: Floats, start: Floats | None, tolerance: float) -> Floats:
    """Return the minimiser (p + 1, K), the intercepts last; strengths (K,) are the labels' C."""
    from scipy.optimize import minimize

    n, p = features.shape
    n_labels = members.shape[1]
    given = members.astype(np.float32)
    prior = np.clip(given.mean(axis=0, dtype=np.float64), 1e-6, 1 - 1e-6)
    ridge = 1 / (strengths * n)
    curvature = prior * (1 - prior)
    second = np.einsum("ij,ij->j", features, features, optimize=True).astype(np.float64) / n
    # scaled by the diagonal of a bound on the Hessian, as in curatekit.predict.probe
    scale = np.vstack([1 / np.sqrt(ridge + second[:, None] * curvature), 1 / np.sqrt(curvature)])

    def loss(v: Floats) -> tuple[float, Floats]:
        theta = v.reshape(p + 1, n_labels) * scale
        logits = features @ theta[:-1].astype(np.float32) + theta[-1].astype(np.float32)
        probs = _sigmoid(logits)
        value = float(_losses(logits, members).sum(dtype=np.float64)) / n + 0.5 * float((ridge * theta[:-1] ** 2).sum())
        probs -= given
        gradient = np.empty_like(theta)
        gradient[:-1] = (features.T @ probs) / n + ridge * theta[:-1]
        gradient[-1] = probs.sum(axis=0, dtype=np.float64) / n
        return value, (gradient * scale).ravel()

    if start is None:
        start = np.zeros((p + 1, n_labels))
        start[-1] = np.log(prior / (1 - prior))
    found = minimize(
        loss, (start / scale).ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": 500, "maxcor": 10, "ftol": tolerance, "gtol": tolerance},
    )  # fmt: skip
    solution: Floats = found.x.reshape(p + 1, n_labels) * scale
    return solution


def _logits(features: Floats, theta: Floats) -> Floats:
    single = theta.astype(np.float32)
    logits: Floats = (features @ single[:-1] + single[-1]).astype(np.float64)
    return logits


def _sigmoid(logits: Floats) -> Floats:
    half: Floats = np.tanh(logits / 2)  # tanh does not overflow
    half += 1
    half /= 2
    return half


def _losses(logits: Floats, members: Bools) -> Floats:
    """Return −ln p(has or lacks the label) of each row and label."""
    losses: Floats = np.logaddexp(0, np.where(members, -logits, logits))
    return losses
