"""ETags of single objects: one for each form, and any of them is good for `If-Match`."""

from __future__ import annotations

import pytest

from millgate.flow.read import names_current, object_etag

RESOURCE = {"resourceType": "Appointment", "id": "1", "status": "booked"}
CHANGED = {**RESOURCE, "status": "arrived"}


def test_each_form_has_its_own_etag_and_a_change_gives_another() -> None:
    tags = {object_etag(resource, form) for resource in (RESOURCE, CHANGED) for form in ("objects", "objects+fhir", "fhir")}
    assert len(tags) == 6
    assert object_etag(RESOURCE) == object_etag(dict(RESOURCE))


@pytest.mark.parametrize("form", ["objects", "objects+fhir", "fhir"])
def test_if_match_takes_the_etag_of_any_form_weak_or_not_alone_or_in_a_list(form: str) -> None:
    tag = object_etag(RESOURCE, form)  # type: ignore[arg-type]
    for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        assert names_current(header, RESOURCE)
    assert not names_current(tag, CHANGED)


@pytest.mark.parametrize("header", ["", '"other"', 'W/""', "1"])
def test_anything_else_names_nothing(header: str) -> None:
    assert not names_current(header, RESOURCE)
