"""curate lineage"""

from __future__ import annotations

from pathlib import Path

import click

from curatekit_cli._options import json_option
from curatekit_cli._print import result
from curatekit_cli._session import session


@click.command("lineage")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Print the chain of commands behind FILE, and check that every file in it is unchanged.

    Example: curate lineage fixed.csv
    """
    with session():
        from curatekit.errors import VerificationFailed
        from curatekit.run import Step, lineage

        def line(step: Step) -> str:
            made = (
                f"curate {step.manifest['command']}  {step.manifest['started']}"
                if step.manifest
                else "not made by curate"
            )
            state = ", edited since" if step.edited else ""
            state += "" if step.intact else ("  GONE" if step.sha256 is None else "  CHANGED AFTER IT WAS READ")
            return f"{'  ' * step.depth}{step.source}  {(step.sha256 or step.expected or '')[:12]}  {made}{state}"

        steps = lineage(file)
        payload = {
            "steps": [
                {
                    "path": step.source,
                    "depth": step.depth,
                    "sha256": step.sha256,
                    "expected_sha256": step.expected,
                    "intact": step.intact,
                    "edited": step.edited,
                    "command": step.manifest["argv"] if step.manifest else None,
                }
                for step in steps
            ]
        }
        result(as_json, payload, [line(step) for step in steps])
        broken = [step for step in steps if not step.intact]
        if broken:
            raise VerificationFailed(
                f"{len(broken)} file(s) behind {file} are gone or have changed after they were read, the first is "
                f"{broken[0].source}. {file} stands for what they were; run its command again to follow them."
            )
        if steps[0].edited:
            raise VerificationFailed(
                f"{file} is not what curate wrote: it was edited since, which may be what you want."
            )
