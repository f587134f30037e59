"""The package's public names."""

from __future__ import annotations

from importlib import import_module

import pytest

import curatekit


@pytest.mark.parametrize("name", [name for name in curatekit.__all__ if name != "__version__"])
def test_a_public_name_is_the_same_however_often_it_is_asked_for(name: str) -> None:
    """A name that is also a submodule's would turn into that module once it is imported."""
    first = getattr(curatekit, name)
    assert not hasattr(first, "__path__")
    assert getattr(curatekit, name) is first
    assert callable(first)
    assert getattr(import_module(curatekit._PUBLIC[name]), name) is first
    assert name in dir(curatekit)


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = curatekit.nothing
