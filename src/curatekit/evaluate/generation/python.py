"""The metric `python`: a function of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from curatekit.errors import InputError


def python(answers: Sequence[str], truths: Sequence[str], argument: str) -> Any:
    """Return what the function MODULE:FUNCTION named by `argument` makes of (answers, truths): one float for each answer.

    It may also return `Figures`, with a figure of the whole. Raises InputError when there is no such module or function.
    """
    module, _, name = argument.partition(":")
    if not module or not name:
        raise InputError(f"The metric 'python:{argument}' names no function. Write python:MODULE:FUNCTION")
    try:
        function = getattr(import_module(module), name, None)
    except ImportError as error:
        raise InputError(
            f"The metric 'python:{argument}' cannot be imported: {error}. If {module}.py lies in this folder, put "
            "PYTHONPATH=. before the command."
        ) from error
    if not callable(function):
        raise InputError(f"The module {module} has no function {name!r}. Write python:MODULE:FUNCTION")
    return function(list(answers), list(truths))
