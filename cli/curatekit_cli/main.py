"""The `curate` group. A command is one file; its work is imported in its body, so `--help` stays light."""

from __future__ import annotations

import os
from copy import copy

import click

from curatekit import __version__
from curatekit_cli import (
    annotators,
    audit_sample,
    check,
    compare_labels,
    embed,
    evaluate,
    find_errors,
    finetune,
    finetune_encoder,
    finetune_lm,
    finetune_vlm,
    fix,
    guided,
    lineage,
    predict,
    pvi,
    pvi_attributes,
    pvi_compare,
    pvi_curve,
    pvi_tokens,
    pvi_words,
    report,
    review,
    select,
    spec,
)
from curatekit_cli._group import CommandWithCommands


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="curate")
def main() -> None:
    """Make labelled data trustworthy: what each label is worth, which are wrong, which unused rows help, and whether it did.

    Start with: curate find-errors reviews.csv --text review --label sentiment -o issues.csv
    """
    # Threads that wait for each other by spinning take a third more CPU time, on a busy machine several times as much.
    # It must be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for module in (
    annotators,
    audit_sample,
    check,
    compare_labels,
    embed,
    evaluate,
    find_errors,
    fix,
    guided,
    lineage,
    predict,
    report,
    review,
    select,
    spec,
):
    main.add_command(module.command)
classifier = copy(finetune.command)  # by its own name too, beside the others
classifier.name = "classifier"
classifier.help = str(classifier.help).replace("curate finetune ", "curate finetune classifier ")
main.add_command(
    CommandWithCommands(
        finetune.command, [classifier, finetune_encoder.command, finetune_lm.command, finetune_vlm.command]
    )
)
main.add_command(
    CommandWithCommands(
        pvi.command,
        [pvi_attributes.command, pvi_compare.command, pvi_curve.command, pvi_tokens.command, pvi_words.command],
    )
)
