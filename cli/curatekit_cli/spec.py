"""curate spec: the commands about specifications themselves"""

from __future__ import annotations

import click

from curatekit_cli import spec_check, spec_describe, spec_suggest

command = click.Group(
    "spec",
    [spec_check.command, spec_describe.command, spec_suggest.command],
    help="Check specifications, find those that a model's errors ask for, and name a slice in words."
    "\n\nExample: curate spec check specs.yaml --train train.csv --pool pool.csv",
)
