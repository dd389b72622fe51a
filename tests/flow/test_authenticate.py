"""What a session is opened with."""

from __future__ import annotations

import pytest

from millgate.access.parties import Client
from millgate.errors import FixRequest
from tests.flow.ward import NOW, Journeys, Ward

CLIENT = Client("c", "Portal", ("mercy",), ("system/*.rs",), NOW)


async def test_all_that_is_wrong_with_the_scopes_is_named_at_once() -> None:
    asked = ["system/Slot.xx", "user/Slot.rs", "system/Slot.rs", "openid"]
    with pytest.raises(FixRequest, match="invalid_request") as refused:
        await Journeys(Ward()).authenticator.open(CLIENT, tenant="mercy", persona="system", scopes=asked)
    found = [(one.field, one.code) for one in refused.value.errors]
    assert found == [("scopes", "invalid_scope"), ("scopes[1]", "wrong_persona"), ("scopes[3]", "wrong_persona")]


async def test_a_session_holds_what_ceiling_wish_and_grant_share_and_tells_the_rest() -> None:
    opened = await Journeys(Ward()).authenticator.open(
        CLIENT, tenant="mercy", persona="system", scopes=["system/Slot.rus", "system/Patient.rs"]
    )
    assert opened.session.scopes == ("system/Slot.rs",)
    assert opened.session.denied_scopes == ("system/Patient.rs", "system/Slot.u")
