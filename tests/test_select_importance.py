"""DSIR by hashed n-grams and by densities, against loops."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from curatekit.reporting import reporting
from curatekit.select import choose
from curatekit.select.dsir_embedding import _log_constant, log_density
from curatekit.select.importance import resampled
from tests.notes import Notes
from tests.select_material import material


def grams(text: str) -> Counter[int]:
    words = re.findall(r"\w+|[^\w\s]+", text.lower())
    both = words + [f"{a} {b}" for a, b in pairwise(words)]
    return Counter(abs(murmurhash3_32(gram, seed=0)) % 10_000 for gram in both)


def test_the_weight_is_the_ratio_of_two_bags_of_n_grams_of_the_rows_label() -> None:
    one = material(0)
    found = choose("dsir", one, 25, seed=2)
    for row, value in zip(found.rows, found.value, strict=True):
        total: list[Counter[int]] = []
        for texts, labels in ((one.example_texts, one.example_labels), (one.pool_texts, one.pool_labels)):
            total.append(Counter())
            for text, label in zip(texts, labels, strict=True):
                if label == one.pool_labels[row]:
                    total[-1] += grams(text)
        target, raw = (lambda gram, of=of: of[gram] / of.total() + 1e-8 for of in total)
        weight = sum(n * (np.log(target(gram)) - np.log(raw(gram))) for gram, n in grams(one.pool_texts[row]).items())
        assert value == pytest.approx(weight)


def test_the_density_is_a_mean_of_kernels_without_the_row_itself() -> None:
    rows = material(1).pool_embeddings
    found = log_density(rows, rows[:10], 3.0, np.array([*range(10), *[-1] * 50]))
    for i, row in enumerate(rows):
        kernels = [np.exp(3.0 * float(row @ centre)) for j, centre in enumerate(rows[:10]) if j != i]
        assert found[i] == pytest.approx(np.log(np.mean(kernels)), abs=1e-5)


def test_the_constant_of_the_kernel_is_the_bessel_functions() -> None:
    from scipy.special import iv

    for d in (3, 8, 30):
        for kappa in (1.0, 5.0, 40.0):
            assert _log_constant(kappa, d) == pytest.approx((d / 2 - 1) * np.log(kappa) - np.log(iv(d / 2 - 1, kappa)))


def test_rows_like_the_examples_are_drawn_more_often() -> None:
    one = material(4, pool=90)
    ours = np.flatnonzero(one.pool_labels == 0)
    similarity = (one.pool_embeddings[ours] @ one.example_embeddings[one.example_labels == 0].T).max(axis=1)
    times = np.zeros(90)
    for seed in range(200):
        times[choose("dsir-embedding", one, 15, seed=seed).rows] += 1
    assert np.corrcoef(times[ours], similarity)[0, 1] > 0.5


def test_within_a_label_rows_are_drawn_in_proportion_to_their_weights() -> None:
    labels = np.array([0, 0, 0, 1])
    weights = np.log([1.0, 2.0, 5.0, 9.0])
    first = np.array([resampled(weights, labels, np.array([0]), ("x", "y"), 1, seed).rows[0] for seed in range(4000)])
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 4000, [1 / 8, 2 / 8, 5 / 8, 0], atol=0.03)


def test_labels_are_shared_as_among_the_examples_and_filled_up_with_a_note() -> None:
    labels, examples = np.repeat([0, 1, 2], [30, 4, 30]), np.array([0, 1, 1])
    found = resampled(np.zeros(64), labels, examples, ("x", "y", "z"), 6, 0)
    assert np.bincount(labels[found.rows], minlength=3).tolist() == [2, 4, 0]
    notes = Notes()
    with reporting(notes):
        found = resampled(np.zeros(64), labels, examples, ("x", "y", "z"), 12, 0)
    assert np.bincount(labels[found.rows], minlength=3).tolist() == [8, 4, 0]
    assert "4 others are drawn" in notes.lines[0]
