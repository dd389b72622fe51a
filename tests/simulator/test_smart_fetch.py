"""`smart-fetch`, a crawler of charts from PyPI, reads one patient's whole chart and the bytes of its documents without an error."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from millgate.simulator.hospital import numbers

from .conftest import Bench

PROGRAM = os.environ.get("SMART_FETCH") or shutil.which("smart-fetch")
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="smart-fetch is not installed here (pip install smart-fetch, or set SMART_FETCH)"
)
_LISTED = (
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "ServiceRequest",
)


async def _run(*arguments: str) -> tuple[int | None, str]:
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_chart_is_crawled_whole(bench: Bench, tmp_path: Path) -> None:
    patient, base = numbers.person_id(1), str(bench.report["open_base"])
    status, said = await _run("crawl", "--fhir-url", base, "--id-list", patient, "--no-compression", str(tmp_path))
    assert status == 0, said
    for kind in _LISTED:
        file = tmp_path / f"{kind}.ndjson"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        held = {each["id"] for each in bench.hospital.chart(kind, patient)}
        assert {json.loads(line)["id"] for line in lines} == held, kind
