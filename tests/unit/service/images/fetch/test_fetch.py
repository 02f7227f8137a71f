"""Fetching by URL: published ways around such checks are tried here, against a local server and a made-up resolver.

The local server's address is loopback, which the real policy refuses; tests that need an answer allow it by hand.
"""

from __future__ import annotations

import ipaddress
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.errors import ImageNotFetched, ImageTooLarge, UrlRefused, WithThisError
from service.images.fetch.addresses import parse_target
from service.images.fetch.fetch import Fetcher, FetchPolicy
from service.images.fetch.special_addresses import Address, is_public
from tests.unit.service.images.sample_images import sample_image

HOST = "img.example"
IMAGE = sample_image()


@dataclass
class Web:
    """A server for `img.example`: what it answers by path, what it was asked, and what was looked up."""

    port: int = 0
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)

    def resolve(self, host: str) -> Sequence[str]:
        self.looked_up.append(host)
        return self.names.get(host, ["127.0.0.1"])

    def fetch(self, path: str = "/a.png", **policy: Any) -> bytes:
        values: dict[str, Any] = {"max_bytes": 100_000, "timeout_s": 5.0, "allows": _loopback_too, **policy}
        hosts = {f"{HOST}:{self.port}", "other.example", f"other.example:{self.port}"}
        fetcher = Fetcher(FetchPolicy(hosts, resolver=self.resolve, **values))
        return fetcher.fetch(path if "//" in path else f"http://{HOST}:{self.port}{path}")


def _loopback_too(address: Address) -> bool:
    return address == ipaddress.ip_address("127.0.0.1") or is_public(address)


@pytest.fixture
def web() -> Iterator[Web]:
    """A running server."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append((self.path, self.headers.get("Host")))
            web.answers.get(self.path, _send)(self)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()


def _send(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(IMAGE)))
    request.end_headers()
    request.wfile.write(IMAGE)


def redirect(location: str, status: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", location)
        request.end_headers()

    return answer


def headed(status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return answer


def drip(request: BaseHTTPRequestHandler, pause: float, chunk: bytes) -> None:
    """Send a body without a length until the other side hangs up."""
    try:
        while True:
            request.wfile.write(chunk)
            time.sleep(pause)
    except OSError:
        pass


def test_an_image_is_fetched_from_the_checked_address_under_its_own_name(web: Web) -> None:
    assert web.fetch("/a.png?size=2") == IMAGE
    assert web.asked == [("/a.png?size=2", f"{HOST}:{web.port}")]
    assert web.looked_up == [HOST]  # once: what was checked is what was connected to


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_among_allowed_hosts_are_followed(web: Web, status: int) -> None:
    web.answers["/a.png"] = redirect(f"http://other.example:{web.port}/b.png", status)
    assert web.fetch() == IMAGE
    assert web.looked_up == [HOST, "other.example"]
    web.answers["/c/a.png"] = redirect("../a2.png", status)
    assert web.fetch("/c/a.png") == IMAGE
    assert web.asked[-1][0] == "/a2.png"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost/",
        "http://evil.example\\@img.example/",
        "http://img.example\\.evil.example/",
        "http://img.example@evil.example/",
        "http://evil.example#img.example",
        "http://img.example.evil.example/",
        "http://img.example:22/",
        "http://img.exam\u0440le/",
        "http://img.example:port/",
        "https://img.example:99999/",
        "file:///etc/passwd",
        "ftp://img.example/a.png",
        "gopher://img.example/",
        "//evil.example/a.png",
        "http://img.example/a\tb",
        "",
    ],
)
def test_nothing_else_is_reached_directly_or_by_redirect(web: Web, location: str) -> None:
    if location:
        with pytest.raises(UrlRefused):
            parse_target(location, {HOST, "other.example"})
    web.answers["/a.png"] = redirect(location.encode("utf-8").decode("latin-1"))
    with pytest.raises((UrlRefused, ImageNotFetched)):
        web.fetch()
    assert web.asked == [("/a.png", f"{HOST}:{web.port}")]
    assert set(web.looked_up) == {HOST}


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_addresses_that_are_not_public_are_refused_by_the_real_policy(web: Web, address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    web.names[HOST] = [address]
    with pytest.raises(UrlRefused):
        web.fetch(allows=is_public)
    web.names[HOST] = ["8.8.8.8", address]  # one bad address among good ones
    with pytest.raises(UrlRefused):
        web.fetch(allows=is_public)
    assert web.asked == []


def test_a_host_may_be_named_with_everything_below_it() -> None:
    hosts = {"*.cdn.example", "img.example:8443"}
    assert parse_target("https://a.b.cdn.example/x", hosts).port == 443
    assert parse_target("https://IMG.example.:8443/x", hosts).host == "img.example"
    for refused in (
        "https://cdn.example/",
        "https://xcdn.example/",
        "https://a.cdn.example:8443/",
        "https://img.example/",
    ):
        with pytest.raises(UrlRefused):
            parse_target(refused, hosts)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("/Bild 1.png", "/Bild%201.png"),
        ("/m\u00fcller/\u65e5.png?v=gr\u00fcn rot", "/m%C3%BCller/%E6%97%A5.png?v=gr%C3%BCn%20rot"),
        ("/a%20b.png?v=%C3%BC#top", "/a%20b.png?v=%C3%BC"),  # encoded once is not encoded again
        ("/a.png ", "/a.png"),
    ],
)
def test_blanks_and_umlauts_are_asked_for_as_browsers_do(web: Web, written: str, asked: str) -> None:
    assert web.fetch(written) == IMAGE
    web.answers["/from.png"] = redirect(written.strip().encode("utf-8").decode("latin-1"))
    assert web.fetch("/from.png") == IMAGE
    assert [path for path, _ in web.asked] == [asked, "/from.png", asked]


def test_a_host_beyond_ascii_is_compared_as_it_is_connected_to() -> None:
    assert (
        parse_target("https://B\u00fccher.example/a b.png", {"xn--bcher-kva.example"}).host == "xn--bcher-kva.example"
    )
    for written in (
        "https://b\u00fccher.example/",
        "https://img\u3002example\uff0fa/",
        "https://i\u00admg.example\u2024x/",
    ):
        with pytest.raises(UrlRefused):
            parse_target(written, {"img.example", "bucher.example"})


def test_redirects_come_to_an_end(web: Web) -> None:
    web.answers["/a.png"] = redirect("/a.png")
    with pytest.raises(ImageNotFetched):
        web.fetch(max_redirects=3)
    assert len(web.asked) == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (headed(404), ImageNotFetched),
        (headed(500), ImageNotFetched),
        (headed(204), ImageNotFetched),
        (headed(302), ImageNotFetched),
        (headed(200, Content_Encoding="gzip"), ImageNotFetched),
        (headed(200, Content_Length=str(10**9)), ImageTooLarge),
        (headed(200, Content_Length="10"), ImageNotFetched),  # and hangs up
        (lambda request: request.wfile.write(b"no http\r\n\r\n"), ImageNotFetched),
        (lambda request: drip(headed_drip(request), 0.0, b"a" * 65536), ImageTooLarge),
    ],
)
def test_answers_that_are_no_image_or_too_much(
    web: Web, answer: Callable[[BaseHTTPRequestHandler], None], error: type[WithThisError]
) -> None:
    web.answers["/a.png"] = answer
    with pytest.raises(error):
        web.fetch()


def headed_drip(request: BaseHTTPRequestHandler) -> BaseHTTPRequestHandler:
    headed(200)(request)
    return request


def test_a_look_up_that_hangs_or_fails_is_no_image(web: Web) -> None:
    hanging = threading.Event()

    def hang(_: str) -> Sequence[str]:
        hanging.wait(30)
        return []

    def fail(_: str) -> Sequence[str]:
        raise OSError("no such name")

    def nothing(_: str) -> Sequence[str]:
        return []

    hosts = {HOST}
    for resolver in (hang, fail, nothing):
        with pytest.raises(ImageNotFetched):
            Fetcher(FetchPolicy(hosts, 1000, 0.2, resolver=resolver)).fetch(f"http://{HOST}/a.png")
    hanging.set()


def test_a_fetcher_can_be_sent_to_a_worker_process() -> None:
    fetcher = pickle.loads(pickle.dumps(Fetcher(FetchPolicy(frozenset({HOST}), 1000))))
    with pytest.raises(UrlRefused):
        fetcher.fetch("http://other.example/")
