"""Errors whose text is the advice: what is wrong, where, and what to do. Each carries its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CurateError(Exception):
    """A fault that we foresaw. Its message is one or two sentences for a person; the CLI prints it alone."""

    exit_code = 1


class InputError(CurateError):
    """The input or the usage is at fault: the message says what, where, and what to do."""

    exit_code = 2


class VerificationFailed(CurateError):
    """What was read is not what its manifest or checksum says."""

    exit_code = 5


class Locked(CurateError):
    """Another process holds what this one needs."""

    exit_code = 11


class NoSpace(CurateError):
    """The disk or the memory does not suffice."""

    exit_code = 12


def nearest_name(word: str, names: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the name closest to `word`, or the empty string when none is close."""
    names = list(names)
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""
