"""The key set that the gateway publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from millgate.flow.published import PublishedKeys


class Ring:
    """Keys of a store, and how often it was asked."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.asked = 0

    async def public_keys(self) -> Sequence[str]:
        self.asked += 1
        return self.keys


async def test_all_keys_are_shown_and_a_new_one_within_two_seconds() -> None:
    ring, times = Ring('{"kid":"old"}'), [100.0]
    published = PublishedKeys(ring, lambda: times[-1])
    assert json.loads(await published.key_set()) == {"keys": [{"kid": "old"}]}
    ring.keys.append('{"kid":"new"}')
    times.append(101.9)
    assert json.loads(await published.key_set()) == {"keys": [{"kid": "old"}]}
    times.append(102.1)
    assert json.loads(await published.key_set()) == {"keys": [{"kid": "old"}, {"kid": "new"}]}


async def test_however_often_it_is_asked_the_store_is_not() -> None:
    ring = Ring()
    published = PublishedKeys(ring, lambda: 7.0)
    assert {await published.key_set() for _ in range(100)} == {b'{"keys":[]}'}
    assert ring.asked == 1
