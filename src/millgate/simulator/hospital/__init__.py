"""A hospital in a box: patients, staff, places, charts and calendars, all from one seed."""

from __future__ import annotations

from millgate.simulator.hospital.hospital import CHART_TYPES, Hospital

__all__ = ["CHART_TYPES", "Hospital"]
