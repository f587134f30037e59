"""What a metric returns, and the cases that are the same for all: empty texts, packages that are not there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from curatekit.arrays import Floats
from curatekit.errors import InputError


class Figures(NamedTuple):
    """rows: (n,) floats; whole: the figure of all rows together, None where it is their mean."""

    rows: Floats
    whole: float | None = None


def when_empty(answer: str, truth: str) -> float | None:
    """Return 1 where both texts are empty or blank, 0 where one is, None where neither: then the metric says it."""
    filled = bool(answer.strip()), bool(truth.strip())
    return None if all(filled) else float(not any(filled))


def require(package: str) -> None:
    """Raise InputError with the pip line when a package of the extra is not installed."""
    if find_spec(package) is None:
        name = package.replace("_", "-")
        raise InputError(f"{name} is not installed, and this needs it. Install it: pip install 'curatekit[generation]'")
