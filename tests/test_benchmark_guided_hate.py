"""What the benchmark on hate speech says of its own figures."""

from __future__ import annotations

import pytest

from benchmarks.guided_hate import CHOSEN_IN_VIEW, halves


def test_each_half_of_the_specifications_has_its_own_ratio() -> None:
    rates = {"influence": (0.1, 0.2, 0.3), "random-matched": (0.2, 0.8, 0.6), "random": (0.4, 0.0, 0.4)}
    table = [
        {"method": method, "k": k, "per_specification": dict(zip("cab", each, strict=True))}
        for method, each in rates.items()
        for k in (5, 9)
    ]
    found = halves(table, 5)
    assert found["mean failure rate / M1'"] == pytest.approx({"odd": (0.2 + 0.1) / (0.8 + 0.2), "even": 0.3 / 0.6})
    assert found["mean failure rate / M1"]["odd"] == pytest.approx(0.3 / 0.4)


def test_the_notes_say_that_the_settings_were_chosen_with_the_tests_in_view() -> None:
    assert "while looking at these tests" in CHOSEN_IN_VIEW
