"""Bodies are bounded before they cost: in time, memory, lines and values."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest
from litestar.types import HTTPReceiveMessage, Message

from service.errors import BodyTimeout, BodyTooLarge, ClientGone, InvalidInput, InvalidValue, Overloaded, TooManyValues
from service.server.requests.body import LineBuffer
from service.server.requests.body_guard import BodyGuard, IncomingBody
from service.server.requests.multipart import split_parts
from service.server.requests.validation import check_tokens, load_json, parse_body
from service.wire.search import SearchBody


def guard(*, timeout_s: float = 5.0, min_rate: int = 1000, max_held: int = 100) -> BodyGuard:
    return BodyGuard(timeout_s=timeout_s, min_rate=min_rate, max_held=max_held, retry_after_s=7)


def chunk(body: bytes, *, more: bool = True) -> HTTPReceiveMessage:
    return {"type": "http.request", "body": body, "more_body": more}


def incoming(bounds: BodyGuard, messages: Iterable[object]) -> IncomingBody:
    """A client that sends these messages, and after them nothing; numbers are seconds in which it sends none."""
    left = iter(messages)

    async def receive() -> Message:
        for message in left:
            if isinstance(message, float):
                await anyio.sleep(message)
            else:
                return message  # type: ignore[return-value]
        await anyio.sleep_forever()
        raise AssertionError

    return IncomingBody(bounds, receive)  # type: ignore[arg-type]


def test_a_client_that_sends_nothing_more_is_timed_out() -> None:
    async def run() -> None:
        body = incoming(guard(timeout_s=0.01), [chunk(b"a")])
        await body.receive()
        with pytest.raises(BodyTimeout):
            await body.receive()

    anyio.run(run)


def test_each_byte_that_comes_buys_time() -> None:
    async def run() -> None:
        slow = [0.2, chunk(b"a" * 50), 0.2, chunk(b"a" * 50), 0.2, chunk(b"", more=False)]
        body = incoming(guard(timeout_s=0.35, min_rate=1), slow)
        for _ in range(3):
            await body.receive()

    anyio.run(run)


def test_time_is_not_saved_up_by_sending_much_at_once() -> None:
    async def run() -> None:
        body = incoming(guard(timeout_s=0.01, min_rate=1), [chunk(b"a" * 50)])
        await body.receive()
        with anyio.fail_after(10), pytest.raises(BodyTimeout):
            await body.receive()

    anyio.run(run)


def test_a_client_that_leaves_during_its_body_is_gone_and_one_that_leaves_later_is_told_to_the_handler() -> None:
    async def run() -> None:
        with pytest.raises(ClientGone):
            await incoming(guard(), [{"type": "http.disconnect"}]).receive()
        body = incoming(guard(), [chunk(b"", more=False), {"type": "http.disconnect"}])
        await body.receive()
        assert (await body.receive())["type"] == "http.disconnect"

    anyio.run(run)


def test_all_bodies_together_are_bounded_and_give_back_what_they_held() -> None:
    bounds = guard(max_held=100)
    first, second = incoming(bounds, []), incoming(bounds, [])
    first.hold(60)
    with pytest.raises(Overloaded) as raised:
        second.hold(60)
    assert raised.value.retry_after_s == 7
    second.hold(40)
    first.drop()
    second.hold(60)
    second.drop()
    assert bounds.held == 0


def test_tokens_are_counted_and_text_within_strings_is_not() -> None:
    check_tokens(b'{"a": ["[{,}]\\"", 1]}' + b" " * 50, 7)
    with pytest.raises(TooManyValues):
        check_tokens(b'{"a": ["[{,}]\\"", 1]}' + b" " * 50, 6)
    check_tokens(b'"' + b"[" * 1000 + b'"', 1)
    check_tokens(b'"\\"' + b"[" * 1000 + b'"', 1)
    with pytest.raises(TooManyValues):
        load_json("[" + "{}," * 1000 + "{}]", max_tokens=2000)


def test_too_many_values_are_refused_before_anything_is_made_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(SearchBody, "model_validate_json", never)
    wide = b'{"filter": {"or": [' + b"{}," * 5000 + b"{}]}}"
    with pytest.raises(TooManyValues):
        parse_body(SearchBody, wide, max_tokens=10_000)


def test_a_filter_has_few_branches_and_many_faults_are_not_listed() -> None:
    with pytest.raises(InvalidInput):
        parse_body(SearchBody, b'{"filter": {"or": [' + b'{"price": {"eq": 1}},' * 300 + b'{"price": {"eq": 1}}]}}')
    with pytest.raises(InvalidValue, match="too many errors"):
        parse_body(SearchBody, "{" + ",".join(f'"field{number}": 1' for number in range(1001)) + "}")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    raw, buffer = b"one\n\ntwo\r\nthree", LineBuffer(5)
    found = [line for start in range(0, len(raw), size) for line in buffer.feed(raw[start : start + size])]
    assert [*found, buffer.rest] == [b"one", b"", b"two\r", b"three"]


def test_lines_before_one_that_is_too_long_are_handed_out() -> None:
    found = []
    with pytest.raises(BodyTooLarge):
        for line in LineBuffer(3).feed(b"one\ntwo\nthree\nten\n"):
            found.append(line)
    assert found == [b"one", b"two"]


def test_parts_are_known_by_their_names_alone_and_are_few() -> None:
    one = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n\xff\x00\r\n'
    [part] = split_parts(one + b"--x--\r\n", "x", most=1)
    assert (part.name, part.data) == ("image", b"\xff\x00")
    with pytest.raises(InvalidInput, match="not text"):
        _ = part.text
    with pytest.raises(InvalidInput, match="at most 1 parts"):
        split_parts(one * 2 + b"--x--\r\n", "x", most=1)
    for broken in (one, b"nothing", b"--y--\r\n"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            split_parts(broken, "x", most=1)
