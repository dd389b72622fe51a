"""Three calls in ten go wrong, in every way at once, under load: nothing is wrong, missing, doubled or untold.

`./dev bench storm` is a minute of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.faulty import EVERYTHING, TENANT, Bench, Caller, connect, hospital
from tests.journeys.storm import Storm, calm_session, chain_is_whole, rows_of

LENGTH_S = 5
CALLERS = 16


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with hospital("--patients", "30") as source:
        keys = connect(tmp_path / "data", {TENANT: source.tenants[0]}, {"all": ((TENANT,), EVERYTHING)})
        made = Bench(source, tmp_path / "data", keys)
        gateway = made.start()
        try:
            yield made
        finally:
            gateway.stop()


async def test_a_storm_of_faults_brings_no_wrong_answer(bench: Bench) -> None:
    async with calm_session() as http:
        caller = await Caller(http, bench.address).open(bench.keys["all"])
        storm = Storm(bench.hospital, caller, LENGTH_S)
        await storm.prepare(patients=8, slots=60)
        await storm.break_out(bad_record=False)
        await storm.blow(CALLERS)
        await storm.clear_up()
        assert storm.weather.wrong == []
        assert storm.check_walks() == []
        assert await storm.check_bookings() == []
    assert bench.gateway is not None
    assert bench.gateway.stop() == 0
    figures = storm.weather.figures()
    # However slow the machine, each caller began something, and nearly all of it came to a good end.
    assert figures["answers"] >= CALLERS, figures
    assert figures["reads"] + figures["walks"] + figures["bookings_answered"] > CALLERS / 2, figures
    assert figures["walks_given_up"] == 0, figures
    assert "Traceback" not in bench.log
    audited(bench, storm)


def audited(bench: Bench, storm: Storm) -> None:
    """The chain is whole, and has a row for each answer."""
    assert chain_is_whole(bench)
    rows = rows_of(bench)
    for one in storm.weather.answers:
        assert rows.get(one.request_id) == (one.status, one.code), one
