"""The tree of errors: complete, documented, and safe to show."""

import pytest

from service import errors
from service.errors import PROBLEM_NAMESPACE, ImageTooLarge, Overloaded, StoreLocked, StoreUnavailable, WithThisError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, WithThisError)]


@pytest.mark.parametrize("error", ALL)
def test_each_error_stands_in_the_tree_with_its_status(error: type[WithThisError]) -> None:
    [line] = [line for line in (errors.__doc__ or "").splitlines() if f" {error.__name__} " in f"{line} "]
    assert str(error.status) in line


@pytest.mark.parametrize("error", ALL)
def test_each_error_makes_a_complete_problem(error: type[WithThisError]) -> None:
    problem = error().problem()
    assert problem["type"] == PROBLEM_NAMESPACE + error.type
    assert problem["status"] == error.status
    assert str(problem["title"]) and str(problem["detail"]).endswith((".", "}."))
    assert error.__doc__


def test_type_slugs_are_unique() -> None:
    assert len({error.type for error in ALL}) == len(ALL)


def test_detail_can_be_given_and_extensions_replace_nothing() -> None:
    problem = ImageTooLarge("Too big.", status=200, limit=5).problem()
    assert (problem["detail"], problem["limit"], problem["status"]) == ("Too big.", 5, 413)


def test_overload_says_when_to_come_back() -> None:
    assert Overloaded(retry_after_s=3).retry_after_s == 3


def test_a_locked_store_is_an_unavailable_store_that_names_the_cure() -> None:
    error = StoreLocked()
    assert isinstance(error, StoreUnavailable)
    cures = ("--url", "PUT /v1/products", "stop that process", "WITHTHIS_STORE_URI")
    assert all(cure in error.detail for cure in cures)
