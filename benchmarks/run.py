"""Run one benchmark: `python -m benchmarks.run NAME [its options]`; without a name, list them."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

_OWN = {"__init__", "run", "record", "tables"}


def main() -> None:
    known = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _OWN)
    if len(sys.argv) < 2 or sys.argv[1] not in known:
        for name in known:
            first_line = (import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]
            print(f"{name:20} {first_line}")
        sys.exit(2)
    import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
