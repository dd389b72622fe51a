"""Bodies that nobody published, but might have: published ones and our own, changed here and there, lose nothing unexplained either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.canonical.absent import EXTENSION
from tests.objects.mutations import MUTATIONS, mutated, places
from tests.objects.published import published
from tests.objects.test_no_silent_loss import own_resources, unexplained

RANDOM = st.randoms(use_true_random=True)  # seeded by what is drawn, so that a failure can be seen again
OWN = [resource for resource in own_resources() if len(repr(resource)) < 6000]


def check(resources: Sequence[dict[str, Any]], random: Random) -> None:
    """One of the resources, changed once or twice, still becomes an object; each of its leaves is seen in it, warned of, or explained."""
    made = mutated(random.choice(resources), random, random.choice((1, 1, 2)))
    lost = set(unexplained(made))
    if repr(made).count(EXTENSION) > 1:  # several reasons for one field: the first is shown
        lost = {path for path in lost if "extension(data-absent-reason)" not in path}
    assert sorted(lost) == []


@given(random=RANDOM)
@settings(max_examples=120, deadline=None)
def test_our_own_examples_changed(random: Random) -> None:
    check(OWN, random)


@pytest.fixture(scope="module")
def bodies(corpus: Path) -> list[dict[str, Any]]:
    return [resource for _, resource in published(corpus)]


@given(random=RANDOM)
@settings(max_examples=400, deadline=None)
def test_published_bodies_changed(bodies: list[dict[str, Any]], random: Random) -> None:
    check(bodies, random)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_changes_something(mutation: Any) -> None:
    """Else the tests above would test nothing."""
    random, changed = Random(1), 0  # noqa: S311 - no secret is made of it
    for resource in OWN:
        made, before = mutated(resource, random, 0), repr(resource)
        mutation(made, random.choice(places(made)), random)
        assert repr(resource) == before
        changed += repr(made) != before
    assert changed > 10
