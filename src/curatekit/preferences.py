"""Pairs whose preference is probably the wrong way round, apart from pairs of which neither is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curatekit.arrays import Bools, Floats, Strings
from curatekit.errors import InputError
from curatekit.probed import probed
from curatekit.scores.confident_learning import label_issues
from curatekit.specs import folded

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.predict.preference import Preferences

NEAR = 0.1
"""A pair is a near tie where P(the preferred text is the better) is this close to a half."""

CAUTION = (
    "No count is trustworthy before pairs are reviewed: what the model takes for better is what most of these pairs prefer. "
    "Trust the order, review from the top, and stop where the preferences are right."
)


@dataclass(frozen=True)
class Summary:
    """What the issues add up to."""

    n: int
    n_issues: int
    issue_share: float
    n_near_ties: int
    n_same_text: int
    n_argmax: int
    """Pairs whose other text is the more probable, near ties among them: the other usual count."""
    agreement: float
    """Share of the pairs whose preference the model shares."""
    caution: str = CAUTION


@dataclass(frozen=True)
class PreferenceErrors:
    """The pairs, the most doubtful first, and their summary."""

    issues: pl.DataFrame
    summary: Summary


def predict_preferences(artifacts: Artifacts) -> Preferences:
    """Return P(the first text is the better) for each pair, out of sample, by Bradley and Terry's model on the probe's features.

    The dataset's inputs are the preferred texts, the others, and perhaps the prompts; with prompts, a text's features are
    those of the pair of prompt and text. Pairs of one prompt share a fold, and so do those of one group, and a pair and
    its reverse.
    """
    from curatekit.predict.folding import bound_together
    from curatekit.predict.preference import Preferences, cross_fit_preferences

    better, worse, *prompt = artifacts.dataset.inputs
    texts = (*better, *worse)
    inputs = ((*prompt[0], *prompt[0]), texts) if prompt else (texts,)
    n, how = len(better), artifacts.settings
    pairs = ["\0".join(sorted(pair)) for pair in zip(better, worse, strict=True)]
    arrays = probed(
        artifacts, "preference", np.zeros(n),
        lambda x, units: cross_fit_preferences(x[:n] - x[n:], units, n_folds=how.folds, seed=how.seed)._asdict(),
        inputs, bound_together(pairs, prompt[0] if prompt else None),
    )  # fmt: skip
    return Preferences(arrays["probs"], arrays["folds"])


def similarities(artifacts: Artifacts) -> Floats:
    """Return the cosine of the embeddings of each pair's two texts (n,)."""
    from curatekit.embed import embed

    first, second = (
        embed((side,), artifacts.encoder, artifacts.cache).embeddings for side in artifacts.dataset.inputs[:2]
    )
    cosine: Floats = np.einsum("ij,ij->i", first, second, dtype=np.float64)
    return cosine


def same_texts(first: Sequence[str], second: Sequence[str]) -> Bools:
    """Return whether two texts differ by case, space and punctuation alone (n,)."""
    pairs = zip(first, second, strict=True)
    return np.fromiter((a == b or folded(a) == folded(b) for a, b in pairs), bool, len(first))


def find_preference_errors(
    probs: Floats,
    same: Bools | None = None,
    similarity: Floats | None = None,
    *,
    names: tuple[str, str] = ("chosen", "rejected"),
    ids: Strings | Sequence[str] | None = None,
    texts: tuple[Sequence[str], Sequence[str]] | None = None,
) -> PreferenceErrors:
    """Return all n pairs ranked by P(the preference as given is right), low and doubtful first (ties by row), and the summary.

    probs       (n,) out-of-sample probabilities that the preferred text is the better
    same        (n,) pairs whose texts are the same; the default is none
    similarity  (n,) cosine of the two texts, for the table
    names       of the columns of the preferred and the other text; ids, n; texts, the two columns of n

    Near ties are pairs of which the model cannot tell, 0.4 < p < 0.6, and pairs of the same text: neither is an error, and
    a reward model learns nothing from them. Issues are those that confident learning finds among the pairs in both
    orders, near ties left out.

    Columns: id, the two texts by their names, given_label (the name of the preferred text's column), suggested_label,
    score, is_issue, is_near_tie, reasons, similarity, suggested_probability. Raises InputError for arrays that do not fit.
    """
    probs = np.asarray(probs, np.float64)
    n = len(probs)
    first, second = texts if texts is not None else (None, None)
    for name, given in (
        ("same", same),
        ("similarities", similarity),
        ("ids", ids),
        ("texts", first),
        ("texts", second),
    ):
        if given is not None and len(given) != n:
            raise InputError(f"there are {len(given):,} {name} and {n:,} pairs. Give one for each.")
    good = (probs >= 0) & (probs <= 1)
    if not n or not good.all():
        raise InputError(
            f"pair {int(good.argmin())} has no probability in 0 to 1. Predict that pair again."
            if n
            else "there are no pairs."
        )
    same = np.zeros(n, bool) if same is None else same
    near = (np.abs(probs - 0.5) < NEAR) | same
    is_issue = reversed_pairs(probs) & ~near
    suggested = np.where((probs < 0.5) & ~near, names[1], names[0])
    issues = pl.DataFrame(
        {
            "id": pl.Series([str(value) for value in (ids if ids is not None else range(n))], dtype=pl.String),
            names[0]: pl.Series(list(first) if first is not None else [None] * n, dtype=pl.String),
            names[1]: pl.Series(list(second) if second is not None else [None] * n, dtype=pl.String),
            "given_label": pl.Series([names[0]] * n, dtype=pl.String),
            "suggested_label": pl.Series(suggested.tolist(), dtype=pl.String),
            "score": np.round(probs, 6),
            "is_issue": is_issue,
            "is_near_tie": near,
            "reasons": _reasons(probs, same, near, similarity, names),
            "similarity": pl.Series([None] * n, dtype=pl.Float64) if similarity is None else np.round(similarity, 6),
            "suggested_probability": np.round(np.where(suggested == names[0], probs, 1 - probs), 6),
        }
    )
    summary = Summary(
        n=n,
        n_issues=int(is_issue.sum()),
        issue_share=float(is_issue.mean()),
        n_near_ties=int(near.sum()),
        n_same_text=int(same.sum()),
        n_argmax=int((probs < 0.5).sum()),
        agreement=float((probs > 0.5).mean()),
    )
    return PreferenceErrors(issues[np.argsort(probs, kind="stable")], summary)


def reversed_pairs(probs: Floats) -> Bools:
    """Return which pairs confident learning takes for reversed (n,): each stands in both orders, labelled first or second."""
    both = np.concatenate([probs, 1 - probs])
    labels = np.repeat([1, 0], len(probs))
    return label_issues(labels, np.stack([1 - both, both], axis=1))[: len(probs)]


def _reasons(probs: Floats, same: Bools, near: Bools, similarity: Floats | None, names: tuple[str, str]) -> list[str]:
    reasons = []
    for row, p in enumerate(probs.tolist()):
        words = f"p({names[0]} is better) = {p:.2f}"
        if same[row]:
            words = "the two texts are the same"
        elif near[row]:
            words += "; the model cannot tell"
        if similarity is not None and not same[row]:
            words += f"; cosine of the two {similarity[row]:.2f}"
        reasons.append(words)
    return reasons
