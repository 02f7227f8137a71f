"""Problem documents also have the words and members that other services' clients look for."""

from __future__ import annotations

import pytest

from service.errors import InternalFault, InvalidValue, KeyRequired, Overloaded, ScopeMissing, UnknownProduct
from service.server.error_message import MAX_PLACES, with_message


def test_without_places_the_message_is_title_and_detail() -> None:
    problem = with_message(KeyRequired().problem())
    assert problem["message"] == f"{KeyRequired.title}. {KeyRequired.default_detail}"
    assert problem["error"] == {
        "message": problem["message"],
        "type": "authentication_error",
        "param": None,
        "code": "key-required",
    }


def test_places_are_named_and_too_many_are_counted() -> None:
    places = [{"pointer": f"/documents/{place}", "detail": "Must be a string."} for place in range(MAX_PLACES + 3)]
    problem = with_message(InvalidValue(errors=places).problem())
    assert problem["message"].startswith(f"{InvalidValue.title}. /documents/0: Must be a string. /documents/1: ")
    assert problem["message"].endswith("/documents/4: Must be a string. And 3 more.")
    assert problem["error"]["param"] == "/documents/0" and problem["errors"] == places


def test_a_wrong_body_as_a_whole_is_the_place_slash() -> None:
    problem = with_message(InvalidValue(errors=[{"pointer": "", "detail": "Must be an object."}]).problem())
    assert "/: Must be an object." in problem["message"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidValue(), "invalid_request_error"),
        (ScopeMissing(), "permission_error"),
        (UnknownProduct(), "not_found_error"),
        (Overloaded(), "rate_limit_error"),
        (InternalFault(), "server_error"),
    ],
)
def test_the_kind_follows_the_status(error: InvalidValue, kind: str) -> None:
    assert with_message(error.problem())["error"]["type"] == kind
