"""`python -m millgate.simulator`: a simulated tenant in a process of its own."""

from __future__ import annotations

from millgate.simulator.server import main

raise SystemExit(main())
