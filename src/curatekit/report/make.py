"""The report of a dataset from its artifacts and from the outputs of earlier commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curatekit.errors import InputError
from curatekit.report import errors, information
from curatekit.report.embedding_map import embedding_map
from curatekit.report.health import health
from curatekit.report.page import Report
from curatekit.report.provenance import provenance
from curatekit.report.specifications import specifications
from curatekit.report.training import training
from curatekit.reporting import step

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.report.outputs import Output
    from curatekit.report.section import Section
    from curatekit.specs import Specification

_ONCE = ("check", "pvi", "find-errors")


def made(artifacts: Artifacts, outputs: Sequence[Output] = (), asked: Sequence[Specification] = ()) -> Report:
    """Return the report; what no output tells of health, PVI and label errors is computed, out of sample.

    asked: specifications to be listed. Raises InputError for two outputs of one kind that a report shows once.
    """
    of = {command: _only(outputs, command) for command in _ONCE}
    found: errors.Found | None = None

    def of_health() -> Section:
        return health(artifacts, of["check"])

    def of_information() -> Section:
        given = of["pvi"]
        return information.information(information.reported(given) if given else information.measured(artifacts), given)

    def of_errors() -> Section:
        nonlocal found
        given = of["find-errors"]
        found = errors.reported(given) if given else errors.searched(artifacts)
        return errors.label_errors(found, artifacts, given)

    def of_map() -> Section:
        assert found is not None
        marked = set(found.issues.filter(found.issues["is_issue"])["id"].to_list())
        return embedding_map(artifacts, np.array([id in marked for id in artifacts.ids.tolist()], dtype=bool))

    order: list[Callable[[], Section | None]] = [
        of_health, of_information, of_errors, of_map,
        lambda: specifications(asked, outputs), lambda: training(outputs),
        lambda: provenance(artifacts, outputs, computed(outputs)),
    ]  # fmt: skip
    sections: list[Section] = []
    with step("making the report", len(order), "sections") as advance:
        for make in order:
            section = make()
            if section is not None:
                sections.append(section)
            advance(1)
    dataset = artifacts.dataset
    recognised = ", ".join(one.path.name for one in outputs)
    remark = f"{len(dataset):,} rows of {dataset.name}. Handed over: {recognised or 'nothing'}. Computed: {', '.join(computed(outputs))}."
    return Report(f"Report of {Path(dataset.path).name or 'the dataset'}", remark, sections)


def computed(outputs: Sequence[Output]) -> tuple[str, ...]:
    """Return what a report computes itself beside these outputs, in words."""
    given = {output.command for output in outputs}
    names = {"check": "checks of the data", "pvi": "PVI", "find-errors": "label errors"}
    return (*(what for command, what in names.items() if command not in given), "the map")


def _only(outputs: Sequence[Output], command: str) -> Output | None:
    found = [output for output in outputs if output.command == command]
    if len(found) > 1:
        names = ", ".join(str(output.path) for output in found)
        raise InputError(f"{names} are all of curate {command}. Give one of them.")
    return found[0] if found else None
