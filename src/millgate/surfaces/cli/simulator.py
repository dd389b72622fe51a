"""`millgate simulator`: the simulated hospital, in its own process and with its own options."""

from __future__ import annotations

import os
import sys

import typer

HELP = """Run a simulated Millennium hospital (all its options: `millgate simulator --help`).

Examples:

    millgate simulator --port 8090 --patients 1000 --seed 7

    millgate simulator --json
"""


def simulator(context: typer.Context) -> None:
    """Hand this process over to the simulator, which shares no code with the gateway."""
    os.execv(sys.executable, [sys.executable, "-m", "millgate.simulator", *context.args])  # noqa: S606 - our own interpreter, no shell
