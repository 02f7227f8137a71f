"""The reader of Dockerfiles, and the health check of the image."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

from dockerfile import Instruction, assignments, expand, parse
from healthcheck import alive

TEXT = """# syntax=docker/dockerfile:1
ARG BASE=python:3.11   # not a comment
FROM ${BASE} AS build
ARG EXTRAS=""
# a comment
ENV A=1 \\
    B="two words"
RUN --mount=type=cache,target=/root --network=none \\
    # a comment between
    pip install "$A"
FROM build
CMD ["withthis", "serve"]
"""


def test_stages_flags_and_continued_lines_are_read() -> None:
    file = parse(TEXT.replace("   # not a comment", ""))
    build, last = file.stages
    assert (build.base, build.name, last.base, last.name) == ("python:3.11", "build", "build", "")
    run = build.last("RUN")
    assert run == Instruction("RUN", ("--mount=type=cache,target=/root", "--network=none"), 'pip install "$A"')
    env = build.last("ENV")
    assert env is not None and assignments(env) == {"A": "1", "B": "two words"}
    assert assignments(build.instructions[0]) == {"EXTRAS": ""}
    command = last.last("CMD")
    assert command is not None and command.words == ["withthis", "serve"]
    assert last.last("RUN") is None


def test_variables_are_put_in_and_unknown_ones_stay() -> None:
    assert expand("/a:${PATH} $B ${C}", {"PATH": "/bin", "B": "b"}) == "/a:/bin b ${C}"


def test_a_file_without_a_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="FROM"):
        parse("ARG A=1\n")


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_the_health_check_tells_an_answer_from_none() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert alive(server.server_port)
        thread.join()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    assert not alive(port)
