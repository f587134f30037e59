"""curate audit-sample"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from curatekit_cli._options import json_option, output_option, seed_option
from curatekit_cli._print import result
from curatekit_cli._session import session

REVIEWS = 200


@click.command("audit-sample")
@click.argument("issues", type=click.Path(path_type=Path))
@click.option(
    "-n", "reviews", type=click.IntRange(min=1), default=REVIEWS, show_default=True, metavar="N", help="Draw N rows."
)
@seed_option
@output_option("Write the rows to review here, in the order to review them.", required=True)
@json_option
def command(issues: Path, reviews: int, seed: int, output: Path, as_json: bool) -> None:
    """Draw the rows of ISSUES whose review tells how many labels are wrong, and where to cut.

    ISSUES is what curate find-errors wrote, all rows. The column verdict is yours: the right label, or keep, wrong, drop (no label fits), unsure.
    Rows of every degree of doubt come in turn, so a review that stops early is a smaller sample, not a biased one.

    Example: curate audit-sample issues.csv -n 200 -o review.csv
    """
    with session(output) as run:
        from curatekit.audit.expected import half_width_expected, rates_expected
        from curatekit.audit.sample import VERDICT, audit_sample, read_issues
        from curatekit.reporting import note
        from curatekit.writers import write_table

        found = read_issues(issues)
        run.input(issues)
        if reviews > len(found):
            note(f"All {len(found):,} rows are drawn: there are no {reviews:,}.")
        sample = audit_sample(found, reviews, seed)
        write_table(sample, output)
        run.output(output)
        rates = rates_expected(found)
        payload = {
            "rows": len(found),
            "drawn": len(sample),
            "strata": sample["stratum"].n_unique(),
            "expected_count": round(float(rates.sum())),
            "expected_half_width": half_width_expected(rates, len(sample)),
        }
        run.metrics.update(payload)
        result(
            as_json,
            {**payload, "output": output},
            [
                f"{len(sample):,} of {len(found):,} rows to review, from {payload['strata']} strata by doubt: {output}",
                f"If about {payload['expected_count']:,} labels are wrong, their count will be known to within "
                f"±{payload['expected_half_width']:.0%}.",
                f"Fill the column {VERDICT!r} with the right label, or keep, wrong, drop (no label fits) or unsure.",
                f"Next: {_next(issues, output)}",
            ],
        )


def _next(issues: Path, output: Path) -> str:
    """Return the command that found the issues, with the reviews; its result goes to another file."""
    from curatekit.run import read_manifest

    manifest = read_manifest(issues)
    words = list(manifest["argv"]) if manifest and manifest["argv"][:1] == ["find-errors"] else ["find-errors", "DATA"]
    if "--json" in words:
        words.remove("--json")
    for option in ("-o", "--output"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return shlex.join(["curate", *words, "--reviews", str(output), "-o", f"audited{output.suffix}"])
