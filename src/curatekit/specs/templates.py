"""Templates with slots, expanded in the file: every combination of fillers, or a sample of them.

Ribeiro, Wu, Guestrin and Singh (2020), "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", ACL.
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools
from curatekit.errors import InputError, nearest_name
from curatekit.specs.sides import on_test_side

MOST = 1_000
"""Expansions of one specification; more are refused, or drawn with `sample`."""

BY_EXPANSION, BY_TEMPLATE = "expansion", "template"


class Expansions(NamedTuple):
    """The different texts of some templates, in the order of the templates and of the fillers."""

    texts: tuple[str, ...]
    templates: tuple[int, ...]  # of each text, the template that it is of
    fillers: tuple[Mapping[str, str], ...]  # of each text, the filler of each slot


class _Template(NamedTuple):
    parts: tuple[tuple[str, str | None], ...]  # literal text, and the slot behind it
    slots: tuple[str, ...]  # each once


def expansions(
    templates: Sequence[str], slots: Mapping[str, Sequence[str]], where: str, sample: int | None = None, seed: int = 0
) -> Expansions:
    """Return the templates with each {slot} filled in every way: Σ over templates of Π over their slots of the fillers.

    A slot that stands twice in a template has one filler; {{ and }} are braces. With `sample`, so many are drawn without
    replacement, the same ones for the same seed. Raises InputError for a template that is none, a slot without fillers or
    of no template, and more than MOST expansions that are not sampled. `where` in messages is the place in the file.
    """
    read = [_read(template, slots, where) for template in templates]
    used = {slot for template in read for slot in template.slots}
    for slot in slots:
        if slot not in used:
            raise InputError(f"{where}: no template has the slot {{{slot}}}.{nearest_name(slot, used)} Leave it out.")
    sizes = [math.prod(len(slots[slot]) for slot in template.slots) for template in read]
    total = sum(sizes)
    if total > MOST and sample is None:
        raise InputError(
            f"{where}: the templates have {total:,} expansions, over {MOST:,}. Give fewer fillers, or draw some: `sample: {MOST}`."
        )
    numbers: Sequence[int] = range(total)
    if sample is not None and sample < total:
        # as text, the seed is hashed alike on every machine
        numbers = sorted(random.Random(f"{seed}").sample(numbers, sample))
    texts: dict[str, tuple[int, Mapping[str, str]]] = {}
    for number in numbers:
        which, fillers = _decoded(number, read, sizes, slots)
        filled = "".join(literal + (fillers[slot] if slot is not None else "") for literal, slot in read[which].parts)
        texts.setdefault(filled, (which, fillers))
    return Expansions(
        tuple(texts), tuple(which for which, _ in texts.values()), tuple(fillers for _, fillers in texts.values())
    )


def held_out(found: Expansions, slots: Mapping[str, Sequence[str]], by: str | None, where: str) -> Bools:
    """Return (n,) which expansions are tests, so that none of them shares with an example what `by` names.

    by: a slot, whose fillers are divided (an expansion without that slot is an example); "template"; "expansion", where
    only the whole text differs; None for the slot with the most fillers, the first of several. All by the hash of what is
    divided. Raises InputError where that leaves no example or no test.
    """
    if by is None:
        by = max(slots, key=lambda slot: len(set(slots[slot])), default=BY_EXPANSION)
    if by == BY_EXPANSION:
        tests = on_test_side(found.texts)
    elif by == BY_TEMPLATE:
        kinds = sorted(set(found.templates))
        first = [found.texts[found.templates.index(kind)] for kind in kinds]
        side = dict(zip(kinds, on_test_side(first), strict=True))
        tests = np.array([side[which] for which in found.templates], bool)
    elif by in slots:
        halves = dict(zip(slots[by], on_test_side(slots[by]), strict=True))
        tests = np.array([by in fillers and halves[fillers[by]] for fillers in found.fillers], bool)
    else:
        choices = (*slots, BY_TEMPLATE, BY_EXPANSION)
        raise InputError(f"{where}: tests_by is {by!r}.{nearest_name(by, choices)} It is one of {', '.join(choices)}.")
    if tests.all() or not tests.any():
        what = "tests" if tests.all() else "examples"
        raise InputError(
            f"{where}: divided by {by!r}, all {len(tests)} expansions are {what}. Give more fillers or a larger sample, divide by "
            "something else with `tests_by`, or write `tests`."
        )
    return tests


def slots_of(template: str, where: str) -> tuple[str, ...]:
    """Return the slots that a template names, each once; {{ and }} are braces. Raises InputError for a template that is none."""
    return tuple(dict.fromkeys(slot for _, slot in _parts(template, where) if slot is not None))


def _parts(template: str, where: str) -> tuple[tuple[str, str | None], ...]:
    """Return the literal parts of a template, each with the slot behind it."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(
            f"{where}: the template {template!r} is none ({error}). Write braces as {{{{ and }}}}."
        ) from error
    for _, slot, rest, conversion in parts:
        if slot is not None and (rest or conversion or not slot.isidentifier()):
            raise InputError(
                f"{where}: in the template {template!r} a slot is more than a name in braces, such as {{group}}."
            )
    return tuple((literal, slot) for literal, slot, _, _ in parts)


def _read(template: str, slots: Mapping[str, Sequence[str]], where: str) -> _Template:
    named = slots_of(template, where)
    for slot in named:
        if slot not in slots:
            raise InputError(
                f"{where}: the slot {{{slot}}} of the template {template!r} has no fillers.{nearest_name(slot, slots)} "
                "List them under `slots`, or under `lexicons` at the top."
            )
    return _Template(_parts(template, where), named)


def _decoded(
    number: int, templates: Sequence[_Template], sizes: Sequence[int], slots: Mapping[str, Sequence[str]]
) -> tuple[int, dict[str, str]]:
    """Return the template and the fillers of one expansion by its number, the last slot running fastest."""
    which = 0
    while number >= sizes[which]:
        number -= sizes[which]
        which += 1
    fillers: dict[str, str] = {}
    for slot in reversed(templates[which].slots):
        number, place = divmod(number, len(slots[slot]))
        fillers[slot] = slots[slot][place]
    return which, fillers
