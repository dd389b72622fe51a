"""`python -m benchmarks [NAME]`: all benchmarks, or the one named."""

from __future__ import annotations

import importlib
import sys

NAMES = ("read", "summary", "storm", "throttle", "normalize")


def main(wanted: list[str]) -> None:
    """Run them one after the other."""
    for name in wanted or NAMES:
        if name not in NAMES:
            raise SystemExit(f"no benchmark {name}; there are {', '.join(NAMES)}")
        importlib.import_module(f"benchmarks.{name}").main()


main(sys.argv[1:])
