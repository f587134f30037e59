"""What find-errors prints of an audit: the count, the cuts, and how many reviews would tell more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from curatekit_cli._print import following, interval, table

if TYPE_CHECKING:
    import polars as pl

    from curatekit.audit.audited import Audit


def expected_reviews(issues: pl.DataFrame) -> dict[str, int]:
    """Return how many reviews would count the wrong labels to within ±20 % and ±10 %, by what the scores let expect."""
    from curatekit.audit.audited import HALF_WIDTHS
    from curatekit.audit.expected import rates_expected, reviews_needed

    rates = rates_expected(issues)
    return {f"±{share:.0%}": reviews_needed(rates, share) for share in HALF_WIDTHS}


def audit_payload(audit: Audit | None) -> dict[str, Any] | None:
    if audit is None:
        return None
    of_count = None if audit.count is None else audit.count._asdict()
    of_picked = None if audit.picked_wrong is None else audit.picked_wrong._asdict()
    cuts = [
        {"name": cut.name, "rows": cut.rows, "precision": cut.precision._asdict(), "recall": cut.recall._asdict()}
        for cut in audit.cuts
    ]
    return {**vars(audit), "count": of_count, "picked_wrong": of_picked, "cuts": cuts}


def audit_lines(audit: Audit, rows: int) -> list[str]:
    lines = []
    if audit.count is not None:
        value, low, high = audit.count
        lines.append(
            f"{value:,.0f} of {rows:,} labels ({value / rows:.1%}) are wrong, between {low:,.0f} and {high:,.0f} with 95 % "
            f"confidence: {audit.wrong:,} of {audit.reviewed:,} reviewed rows are."
        )
    else:
        lines.append(f"No count from the reviews: {audit.why_no_count}.")
    if audit.count is not None and audit.reviewed < audit.drawn:
        lines.append(
            f"{audit.drawn - audit.reviewed:,} of the {audit.drawn:,} rows drawn are not reviewed; the count takes them to be like "
            "those reviewed in their stratum, which holds unless the hard ones were left out."
        )
    if audit.picked_wrong is not None:
        lines.append(
            f"Of {audit.picked:,} rows reviewed that were not drawn, {audit.picked_wrong.value:.0%} are wrong. Of other rows that "
            "says nothing, so it is in no estimate."
        )
    if audit.cuts:
        cuts = [(cut.name, cut.rows, interval(cut.precision), interval(cut.recall)) for cut in audit.cuts]
        lines += ["", *table(["cut behind", "rows", "precision", "recall"], cuts)]
    if audit.count is not None:
        lines.append(f"is_issue marks the rows before the cut {audit.marked_by!r}, and reviewed rows by their verdict.")
    return lines


def needed_line(needed: dict[str, int], issues: Path | None) -> str:
    """Return how many reviews would tell more, with the command that draws them where `issues` can be drawn from."""
    said = "; ".join(f"within {width}, about {_rounded(n):,}" for width, n in needed.items())
    enough = _rounded(next(iter(needed.values())))
    draw = following("audit-sample", issues, "-n", enough, "-o", "review.csv").removeprefix("Next: ") if issues else ""
    return f"Rows to review for a count {said}{f': {draw}' if draw else '.'}"


def _rounded(n: int) -> int:
    """Return n with two digits, rounded up: more would be false precision."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return -(-n // step) * step
