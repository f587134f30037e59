"""Leave one out: how much less of its label a row tells without a token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.information.tokens import Tokens, without
from curatekit.predict.crossfit import Arrays, Keep
from curatekit.predict.models import Models
from curatekit.reporting import step, unreported

VARIANTS_AT_ONCE = 2048
"""How many texts are held, read and asked together: what bounds the memory."""


class Changes(NamedTuple):
    """Of T tokens in m rows, the bits of its label that a row loses without them; below 0, it tells its label better."""

    token: Floats  # (T,) that token alone removed
    kind: Floats  # (T,) all tokens of its kind removed from the row: the same for each of them
    given: Floats  # (m,) log2 p(y | x) of the whole row


class _Variants(NamedTuple):
    """The texts to be asked in place of some rows."""

    row: list[int]  # of each, among the m
    inputs: list[tuple[str, ...]]
    whole: list[int]  # of each of the rows, which of the variants is it itself
    token: list[int]  # of each of their tokens, which is without it
    kind: list[int]  # and which is without all of its kind


def leave_one_out(
    models: Models, inputs: Sequence[Sequence[str]], rows: Ints, found: Tokens, *, keep: Keep | None = None
) -> Changes:
    """Return log2 p(y | x) − log2 p(y | x without t) for each token t of m rows: PVI(x → y) − PVI(x without t → y), in bits.

    inputs: their texts, one column of m or two for pairs; rows (m,): which rows of the models' predictions they are; found:
    their tokens. Each row is asked of the model that has not seen it. The null does not matter: it is the same on both sides.

    All variants of many rows are read and asked together, equal ones once. Where a token occurs more than once in a text of
    a row, one alone may be spared, as the others say the same: hence the second figure. keep: where the figures of the
    k-th part are kept, so that an interrupted run goes on.

    Source: Ethayarajh, Choi & Swayamdipta (2022), ICML, section 4.3, where x without t has no t at all; their code removes one
    occurrence at a time.
    """
    m = len(rows)
    changes = Changes(np.empty(len(found.row)), np.empty(len(found.row)), np.empty(m))
    bounds = np.searchsorted(found.row, np.arange(m + 1))
    with step("leaving tokens out", len(found.row), "tokens") as advance:
        for k, some in enumerate(_parts(models.predictions.folds[rows], np.diff(bounds))):

            def compute(some: Ints = some) -> Arrays:
                variants = _variants(inputs, some, found, bounds)
                columns = tuple(zip(*variants.inputs, strict=True))
                models.fit(rows[some])
                with unreported():
                    bits = models.log2_given(rows[variants.row], columns)
                own = np.repeat(bits[variants.whole], np.diff(bounds)[some])
                return {
                    "given": bits[variants.whole],
                    "token": own - bits[variants.token],
                    "kind": own - bits[variants.kind],
                }

            made = keep(k, compute) if keep else compute()
            places = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in some])
            changes.token[places], changes.kind[places] = made["token"], made["kind"]
            changes.given[some] = made["given"]
            advance(len(places))
    return changes


def _parts(folds: Ints, lengths: Ints) -> Iterator[Ints]:
    """Yield rows that are asked together: of one fold, with VARIANTS_AT_ONCE variants or one row."""
    order = np.argsort(folds, kind="stable")
    for _, group in groupby(order.tolist(), key=lambda i: folds[i]):
        part: list[int] = []
        held = 0
        for i in group:
            if part and held + lengths[i] + 1 > VARIANTS_AT_ONCE:
                yield np.array(part, np.int64)
                part, held = [], 0
            part.append(i)
            held += int(lengths[i]) + 1
        yield np.array(part, np.int64)


def _variants(inputs: Sequence[Sequence[str]], rows: Ints, found: Tokens, bounds: Ints) -> _Variants:
    made = _Variants([], [], [], [], [])

    def add(row: int, texts: tuple[str, ...]) -> int:
        made.row.append(row)
        made.inputs.append(texts)
        return len(made.inputs) - 1

    for i in rows.tolist():
        texts = tuple(column[i] for column in inputs)
        made.whole.append(add(i, texts))
        own = [
            (kind, column, (start, end))
            for kind, column, start, end in zip(*(
                values[bounds[i] : bounds[i + 1]].tolist() for values in (found.kind, found.column, found.start, found.end)
            ), strict=True)
        ]  # fmt: skip
        alone = [add(i, _less(texts, column, [place])) for _, column, place in own]
        all_of = dict[int, int]()
        for kind, same in groupby(sorted(zip(own, alone, strict=True)), key=lambda one: one[0][0]):
            (first, variant), *others = same
            if others:
                places = [first[2], *(other[0][2] for other in others)]
                variant = add(i, _less(texts, first[1], places))
            all_of[kind] = variant
        made.token.extend(alone)
        made.kind.extend(all_of[kind] for kind in map(itemgetter(0), own))
    return made


def _less(texts: tuple[str, ...], column: int, places: list[tuple[int, int]]) -> tuple[str, ...]:
    return (*texts[:column], without(texts[column], places), *texts[column + 1 :])
