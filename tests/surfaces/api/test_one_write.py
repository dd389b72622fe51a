"""The head and the body of an answer leave together; nothing stays behind, and nothing is sent out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from millgate.surfaces.api.one_write import OneWrite


class Wire(asyncio.Transport):
    """A transport that notes what is handed to it, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_a_head_and_its_body_are_one_write() -> None:
    wire = Wire()
    transport = OneWrite(wire, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.sent == [b"head body"]
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]


async def test_a_head_whose_body_is_not_there_yet_leaves_within_this_turn() -> None:
    wire = Wire()
    transport = OneWrite(wire, asyncio.get_running_loop())
    transport.write(b"head of a stream")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head of a stream"]


async def test_many_writes_keep_their_order() -> None:
    wire = Wire()
    transport = OneWrite(wire, asyncio.get_running_loop())
    for number in range(5):
        transport.write(b"%d" % number)
    await asyncio.sleep(0)
    assert b"".join(wire.sent) == b"01234"


async def test_what_is_held_goes_before_the_connection_closes() -> None:
    wire = Wire()
    transport = OneWrite(wire, asyncio.get_running_loop())
    transport.write(b"last words")
    transport.close()
    assert (wire.sent, wire.closed, transport.is_closing()) == ([b"last words"], True, True)


async def test_an_aborted_connection_sends_nothing_more() -> None:
    wire = Wire()
    transport = OneWrite(wire, asyncio.get_running_loop())
    transport.write(b"lost")
    transport.abort()
    await asyncio.sleep(0)
    assert (wire.sent, wire.closed) == ([], True)
