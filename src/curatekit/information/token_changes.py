"""What single tokens are worth to the rows of a dataset: rows drawn, their tokens found, each left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Bools, Ints
from curatekit.artifacts import Artifacts
from curatekit.cache import code_of
from curatekit.information.leave_one_out import Changes, leave_one_out
from curatekit.information.tokens import Tokens, tokens
from curatekit.predict.models import Models
from curatekit.reporting import note
from curatekit.scores.pvi import pvi

WORDS_READ = 2_000_000
"""What is spent where nobody says how many rows: t tokens cost (t + 1) t. Some minutes for MiniLM on two cores."""

_BLOCK = 512  # rows whose cost is found together
_LONGEST = 50_000  # characters of a text: hundreds of copies of it are held at once
_CODE = ("leave_one_out", "token_changes", "tokens")


class TokenChanges(NamedTuple):
    """What its tokens are worth to each of m rows."""

    rows: Ints  # (m,) of the dataset, in its order
    drawn: Bools  # (m,) those that stand for all rows; the others were added because they are doubtful
    inputs: tuple[tuple[str, ...], ...]  # their texts, one column of m or two
    tokens: Tokens  # of these m rows
    changes: Changes
    unread: int  # tokens behind what the models read


def token_changes(
    artifacts: Artifacts,
    evaluated: Artifacts | None = None,
    *,
    rows: int | None = None,
    doubtful: int = 0,
    fold_case: bool = True,
) -> TokenChanges:
    """Return what some rows lose without each of their tokens: rows of the dataset, or of `evaluated` by a model of the dataset.

    So many `rows` are drawn by the seed of the settings, the labels taking turns, so that rare ones have their share and within
    a label chance alone decides; None draws as many as cost WORDS_READ. The `doubtful` rows of lowest PVI are added to
    them. Rows that cannot be scored out of sample are left out, and tokens that the models do not read. The changes are
    kept in the cache. Raises InputError where predictions came from elsewhere.
    """
    asked = evaluated or artifacts
    models = artifacts.models(evaluated)
    scored = np.flatnonzero(~asked.unscorable)
    bits = asked.call(pvi)[scored]
    order = scored[in_turn(asked.labels[scored], artifacts.seed)]
    drawn = order[: _affordable(order, asked, models) if rows is None else rows]
    if len(drawn) < len(scored):
        note(
            f"{len(drawn):,} of {len(scored):,} rows are measured, drawn with the labels taking turns. "
            "--rows N measures more, at a cost that grows with the square of a text's length."
        )
    chosen = np.union1d(drawn, scored[np.argsort(bits, kind="stable")[:doubtful]])
    inputs = _taken(asked, chosen)
    read = _read(models, inputs)
    found = tokens(inputs, fold_case=fold_case, read=read)
    unread = len(tokens(inputs, fold_case=fold_case).row) - len(found.row) if _any_cut(inputs, read) else 0
    if unread:
        note(f"{unread:,} of {len(found.row) + unread:,} tokens stand behind what the models read, and are left out.")
    held = tuple(tuple(text[:_LONGEST] for text in column) for column in inputs)
    changes = leave_one_out(models, held, chosen, found, keep=_keeper(artifacts, models, chosen, found))
    return TokenChanges(chosen, np.isin(chosen, drawn), inputs, found, changes, unread)


def in_turn(labels: Ints, seed: int) -> Ints:
    """Return the rows (n,) in an order in which the labels take turns, the rows of each by chance."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, sizes = np.unique(labels, return_counts=True)
    turn = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order: Ints = by_label[np.argsort(turn, kind="stable")]
    return order


def _affordable(order: Ints, asked: Artifacts, models: Models) -> int:
    """Return how many rows, the first in order, cost at most WORDS_READ; one at the least."""
    spent = 0
    for start in range(0, len(order), _BLOCK):
        inputs = _taken(asked, order[start : start + _BLOCK])
        found = tokens(inputs, read=_read(models, inputs))
        lengths = np.bincount(found.row, minlength=len(inputs[0]))
        total = spent + np.cumsum((lengths + 1) * lengths)
        if total[-1] > WORDS_READ:
            return max(1, start + int((total <= WORDS_READ).sum()))
        spent = int(total[-1])
    return len(order)


def _read(models: Models, inputs: tuple[tuple[str, ...], ...]) -> tuple[Ints, ...]:
    """Return how many characters of each text its tokens are looked for in."""
    return tuple(np.minimum(read, _LONGEST) for read in models.characters_read(inputs))


def _taken(asked: Artifacts, rows: Ints) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(column[row] for row in rows) for column in asked.dataset.inputs)


def _any_cut(inputs: tuple[tuple[str, ...], ...], read: tuple[Ints, ...]) -> bool:
    return any(
        len(text) > kept
        for column, own in zip(inputs, read, strict=True)
        for text, kept in zip(column, own, strict=True)
    )


def _keeper(
    artifacts: Artifacts, models: Models, rows: Ints, found: Tokens
) -> Callable[[int, Callable[[], dict[str, Any]]], dict[str, Any]]:
    """Return where the figures of each part are kept."""
    places = hashlib.sha256()
    for array in (rows, found.row, found.column, found.start, found.end, found.kind):
        places.update(len(array).to_bytes(8, "little") + np.ascontiguousarray(array, np.int64).tobytes())
    code = [code_of(f"information/{module}") for module in _CODE]
    key = {"models": dict(models.key), "places": places.hexdigest(), "code": code}
    return lambda k, compute: artifacts.cache.arrays("token_changes", {**key, "part": k}, compute)
