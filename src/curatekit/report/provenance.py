"""Provenance: what was read, what was recognised, what was computed, and the manifest of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curatekit.plot import table
from curatekit.plot.markup import escaped, tag
from curatekit.plot.page import Fragment
from curatekit.report.outputs import KINDS
from curatekit.report.section import Section, made_by

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.report.outputs import Output


def provenance(artifacts: Artifacts, outputs: Sequence[Output], computed: Sequence[str]) -> Section:
    """Return the section. computed: what this report computed itself, in words."""
    dataset, settings = artifacts.dataset, artifacts.settings
    read = [
        ("data", dataset.path),
        ("SHA-256 of the data", dataset.sha256),
        ("columns", ", ".join(filter(None, (*dataset.columns.text, dataset.columns.label, dataset.columns.id)))),
        ("encoder", settings.encoder),
        ("family of models", settings.family),
        ("seed", str(settings.seed)),
        ("computed here", ", ".join(computed) or "nothing"),
    ]
    parts = [table(["what", "is"], read, caption="This report")]
    if outputs:
        lines = [
            (KINDS[one.command], one.path.name, str(one.manifest.get("started") or ""), str((one.manifest.get("versions") or {}).get("curatekit", "")),
             str(one.manifest.get("git_commit") or ""), one.sha256)
            for one in outputs
        ]  # fmt: skip
        header = ["what", "file", "made", "curatekit", "git commit", "SHA-256"]
        parts.append(table(header, lines, caption="Outputs that were handed over, unchanged since they were made"))
        listed = [tag("li", made_by(one)) for one in outputs]
        parts.append(Fragment(tag("ul", *listed)))
    parts.append(
        Fragment(tag("p", escaped("Behind each: "), tag("code", escaped("curate lineage FILE")), class_="said"))
    )
    return Section("provenance", "Provenance", tuple(parts))
