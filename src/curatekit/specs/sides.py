"""Which texts are examples and which are tests, where the file leaves that to us."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Bools
from curatekit.specs.folding import folded


def on_test_side(keys: Sequence[str]) -> Bools:
    """Return (n,) whether each key belongs to the tests: the first bit of the SHA-256 of the folded key.

    So the side hangs on the key alone, and not on what stands beside it: the same text is on the same side in every
    specification, file and run. Where all of two or more different keys would be on one side, the last by hash (or the
    first, from the tests) goes to the other.
    """
    digests = [hashlib.sha256(folded(key).encode()).digest() for key in keys]
    ends = {min(digests): False, max(digests): True} if len(set(digests)) > 1 else {}
    return np.array([ends.get(digest, digest[0] >= 128) for digest in digests], bool)
