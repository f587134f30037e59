"""curatekit makes labelled data trustworthy: PVI, label errors, specification-guided selection, measured fine-tuning."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public names and where they live; imported on first use, so that `import curatekit` stays light (PEP 562).
_PUBLIC = {
    "Artifacts": "curatekit.artifacts",
    "Settings": "curatekit.artifacts",
    "CurateError": "curatekit.errors",
    "InputError": "curatekit.errors",
    "Dataset": "curatekit.dataset",
    "read_dataset": "curatekit.readers",
    "write_table": "curatekit.writers",
    "load_encoder": "curatekit.encoders",
    "nearest": "curatekit.index",
    "read_specifications": "curatekit.specs",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'curatekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
