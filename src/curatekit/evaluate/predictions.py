"""The table of predictions, one row for each row that was evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curatekit.arrays import Floats


def prediction_rows(
    ids: Sequence[str],
    texts: Sequence[str],
    expected: Sequence[str | None],
    pred_probs: Floats,
    classes: Sequence[str],
    specification: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Return id, text, label, predicted_label, specification (null for rows that test none), and p_<class> for each class.

    pred_probs: (n, K) for the K classes; the other columns have n entries.
    """
    return pl.DataFrame(
        {
            "id": list(ids),
            "text": list(texts),
            "label": list(expected),
            "predicted_label": [classes[code] for code in pred_probs.argmax(1)],
            "specification": list(specification) if specification is not None else [None] * len(ids),
            **{f"p_{name}": pred_probs[:, code] for code, name in enumerate(classes)},
        },
        schema_overrides=dict.fromkeys(["id", "text", "label", "predicted_label", "specification"], pl.String),
    )
