"""Which texts are examples and which are tests, where the file leaves that to us."""

from __future__ import annotations

import hashlib
from collections import Counter
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


def on_test_sides(groups: Sequence[Sequence[str]]) -> list[Bools]:
    """Return for each group (n,) whether its keys belong to the tests: as `on_test_side` has it, and a key of several groups alike in all.

    Every group has an example. A group has no test where it is one key, or where all its keys stand in others too and none
    of them is a test by its hash: a key is moved to the tests only where no other group would miss it.
    """
    keys = [[hashlib.sha256(folded(key).encode()).digest() for key in group] for group in groups]
    test = {key: key[0] >= 128 for group in keys for key in group}
    held_by = Counter(key for group in keys for key in set(group))
    for group in keys:
        if group and all(test[key] for key in group):
            test[min(group)] = False
    for group in keys:
        free = [key for key in group if held_by[key] == 1]
        if free and len(set(group)) > 1 and not any(test[key] for key in group):
            test[max(free)] = True
    return [np.array([test[key] for key in group], bool) for group in keys]
