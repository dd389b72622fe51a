"""ETags of single objects: one for each form, and any of them is good for `If-Match`."""

from __future__ import annotations

import pytest

from millgate.flow import etags
from millgate.flow.etags import names_current, object_etag
from millgate.flow.read_request import Form

ZONE = "America/Chicago"
RESOURCE = {"resourceType": "Appointment", "id": "1", "status": "booked"}
CHANGED = {**RESOURCE, "status": "arrived"}


def test_each_form_has_its_own_etag_and_a_change_gives_another() -> None:
    tags = {object_etag(resource, ZONE, form) for resource in (RESOURCE, CHANGED) for form in ("objects", "objects+fhir", "fhir")}
    assert len(tags) == 6
    assert object_etag(RESOURCE, ZONE) == object_etag(dict(RESOURCE), ZONE)


@pytest.mark.parametrize("form", ["objects", "objects+fhir", "fhir"])
def test_if_match_takes_the_etag_of_any_form_weak_or_not_alone_or_in_a_list(form: str) -> None:
    tag = object_etag(RESOURCE, ZONE, form)  # type: ignore[arg-type]
    for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        assert names_current(header, RESOURCE, ZONE)
    assert not names_current(tag, CHANGED, ZONE)


@pytest.mark.parametrize("header", ["", '"other"', 'W/""', "1"])
def test_anything_else_names_nothing(header: str) -> None:
    assert not names_current(header, RESOURCE, ZONE)


@pytest.mark.parametrize("form", ["objects", "objects+fhir"])
def test_an_object_has_another_etag_where_the_clocks_go_otherwise(form: Form) -> None:
    assert len({object_etag(RESOURCE, zone, form) for zone in (ZONE, "America/New_York", None)}) == 3


def test_fhir_is_the_same_wherever_it_is_read() -> None:
    assert len({object_etag(RESOURCE, zone, "fhir") for zone in (ZONE, "America/New_York", None)}) == 1


def test_another_release_may_make_another_object_of_the_same_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    before = object_etag(RESOURCE, ZONE), object_etag(RESOURCE, ZONE, "fhir")
    monkeypatch.setattr(etags, "__version__", "99.0.0")
    after = object_etag(RESOURCE, ZONE), object_etag(RESOURCE, ZONE, "fhir")
    assert before[0] != after[0]
    assert before[1] == after[1]
