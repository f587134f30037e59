"""An adapter is nothing without the weights that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curatekit.encoders.contents import weights_hash
from curatekit.encoders.places import find_base
from curatekit.errors import InputError


def base_of_adapter(folder: Path, base: Mapping[str, str]) -> Path:
    """Return the folder of the base (name, sha256) of the adapter in `folder`; InputError when its weights have changed since."""
    base_folder = find_base(base["name"])
    if weights_hash(base_folder) != base["sha256"]:
        raise InputError(
            f"{folder} is an adapter to {base['name']}, but the weights in {base_folder} are not those it was trained on. "
            "Put the original base there, or fine-tune again."
        )
    return base_folder
