"""What the benchmark of fixing before selecting flips, and what it makes of its runs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fix_then_select import flipped, joint, summary
from curatekit.dataset import from_lists


def test_the_asked_share_of_labels_is_turned_and_nothing_else() -> None:
    clean = from_lists([f"text {n}" for n in range(50)], ["yes" if n % 3 else "no" for n in range(50)])
    noisy = flipped(clean, 0.1, np.random.default_rng(0))
    assert (noisy.labels != clean.labels).sum() == 5
    assert noisy.texts == clean.texts
    assert noisy.ids.tolist() == clean.ids.tolist()
    assert noisy.label_names == tuple(noisy.frame["label"])
    again = flipped(clean, 0.1, np.random.default_rng(1))
    assert (again.labels != noisy.labels).any()


def test_the_joint_effect_is_against_the_sum_of_each_alone() -> None:
    rates = {
        ("flipped", "nothing"): (0.5, 0.7), ("flipped", "influence"): (0.3, 0.3), ("fixed, relabel", "nothing"): (0.45, 0.35),
        ("fixed, relabel", "influence"): (0.2, 0.2), ("fixed, drop", "nothing"): (0.5, 0.6), ("fixed, drop", "influence"): (0.4, 0.4),
    }  # fmt: skip
    runs = [
        {"draw": draw, "labels": labels, "rows": rows, "failure_rate": of[draw], "failure_rate_by_label": of[draw],
         "accuracy": 1 - of[draw], "chosen_wrong": None}
        for (labels, rows), of in rates.items()
        for draw in (0, 1)
    ]  # fmt: skip
    table = summary(runs)
    assert table[0]["failure_rate"] == pytest.approx(0.6)
    assert table[0]["failure_rate_sd"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert table[0]["chosen_wrong"] is None
    found = joint(table)
    assert found["relabel"]["failure_rate"] == pytest.approx(
        {"select": -0.3, "fix": -0.2, "both": -0.4, "beyond the sum": 0.1}
    )
    assert found["drop"]["accuracy"] == pytest.approx(
        {"select": 0.3, "fix": 0.05, "both": 0.2, "beyond the sum": -0.15}
    )
