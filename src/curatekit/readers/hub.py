"""hf://owner/name[/config]:split, through Hugging Face `datasets`, which is an extra."""

from __future__ import annotations

import os
import re

from curatekit import hub
from curatekit.errors import InputError
from curatekit.readers.arrow import to_table
from curatekit.readers.table import Table
from curatekit.reporting import note

PREFIX = "hf://"
_ADDRESS = re.compile(r"hf://(?P<name>[^/:\s]+/[^/:\s]+)(?:/(?P<config>[^/:\s]+))?:(?P<split>[^\s]+)")


def read_hub(address: str) -> Table:
    """Return the table of one split of a dataset on the Hugging Face hub; none of its code is run.

    Raises InputError when the address is malformed, `datasets` is not installed, or the dataset cannot be had.
    """
    if not (match := _ADDRESS.fullmatch(address)):
        raise InputError(
            f"{address!r} is no dataset address. Write hf://owner/name:split or hf://owner/name/config:split."
        )
    if not hub.is_off() and not hub.answers():
        note("The hub cannot be reached; only what it sent before is looked at.")
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when datasets is imported; else it asks for half a minute
    try:
        import datasets
    except ImportError as error:
        raise InputError(
            f"Reading {address} needs Hugging Face datasets. Install it: pip install 'curatekit[hub]'"
        ) from error

    name, config, split = match["name"], match["config"], match["split"]
    try:
        rows = datasets.load_dataset(name, config, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        # ConnectionError and DatasetNotFoundError are OSErrors; a wrong config or split is a ValueError.
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(
            f"{address} cannot be had: {reason}. Check the name and the network, or give a local file."
        ) from error
    return to_table(rows.with_format("arrow")[:], address)
