"""`./dev bench storm`: a minute in which three upstream calls in ten go wrong, in every way at once, under load.

Real processes, audit on. The baseline of the same run: the same callers at the same source for twenty seconds of calm. Besides the times,
what must hold is counted (`wrong`): answers that differ from the hospital's own, items missing or doubled in a walk, bookings that are
not exactly one, answers without an audit row.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.journeys.faulty import EVERYTHING, TENANT, Bench, Caller, Hospital, connect, hospital
from tests.journeys.storm import BY_THE_HUNDRED, Storm, calm_session, chain_is_whole, rows_of

RESULTS: Final = Path(__file__).parent / "results" / "storm.json"
CALLERS: Final = 48
CALM_S: Final = 20.0
STORM_S: Final = 60.0


async def weather(source: Hospital, bench: Bench, length_s: float, *, fair: bool) -> tuple[dict[str, Any], list[Storm]]:
    """The figures of so many seconds of one weather."""
    async with calm_session() as http:
        caller = await Caller(http, bench.address).open(bench.keys["all"])
        storm = Storm(source, caller, length_s, seed=1 if fair else 2)
        await storm.prepare(patients=12, slots=150)
        await source.calm(http)
        if not fair:
            await storm.break_out(bad_record=True)
        await storm.blow(CALLERS)
        calm_s = await storm.clear_up()
        wrong = [*storm.weather.wrong, *storm.check_walks(), *await storm.check_bookings()]
        counts = (await source.state(http))["counts"]
        upstream = sum(one["count"] for one in counts if one["surface"] in ("ehr", "authorization"))
        failed = sum(
            one["count"] for one in counts if one["surface"] in ("ehr", "authorization") and not 200 <= one["status"] < 300
        )
        figures = {**storm.weather.figures(), "wrong": len(wrong), "calls_to_the_source": upstream}
        return figures | {"refused_or_lost": failed, "seconds_until_calm": round(calm_s, 2), "told_of_wrong": wrong[:10]}, [storm]


def unaudited(bench: Bench, storms: list[Storm]) -> dict[str, Any]:
    """Whether the chain is whole, and how many answers have no row in it."""
    rows = rows_of(bench)
    answers = [one.request_id for storm in storms for one in storm.weather.answers]
    return {
        "chain_is_whole": chain_is_whole(bench),
        "answers": len(answers),
        "without_a_row": sum(one not in rows for one in answers),
    }


def main() -> None:
    """Run both, say it, and write it down."""
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "callers": CALLERS,
        "faults_by_the_hundred": [{"share": share, **rule} for share, rule in BY_THE_HUNDRED],
    }
    with tempfile.TemporaryDirectory() as folder, hospital("--patients", "60") as source:
        keys = connect(Path(folder) / "data", {TENANT: source.tenants[0]}, {"all": ((TENANT,), EVERYTHING)})
        bench = Bench(source, Path(folder) / "data", keys)
        gateway = bench.start()
        try:
            found["calm"], storms = asyncio.run(weather(source, bench, CALM_S, fair=True))
            print("calm", found["calm"], flush=True)
            found["storm"], more = asyncio.run(weather(source, bench, STORM_S, fair=False))
            print("storm", found["storm"], flush=True)
        finally:
            gateway.stop()
        found["audit"] = unaudited(bench, [*storms, *more])
        print("audit", found["audit"], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
