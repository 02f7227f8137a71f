"""Pauses of Python's garbage collector end."""

from __future__ import annotations

import gc

import pytest

from service.support import garbage


def test_a_pause_ends_with_its_block_even_by_an_error() -> None:
    with pytest.raises(KeyError), garbage.paused():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_commands_look_for_garbage_less_often_than_by_default() -> None:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # a command may have run in this process
    try:
        garbage.collect_seldom()
        assert gc.isenabled()
        assert gc.get_threshold() > (700, 10, 10)
    finally:
        gc.set_threshold(*before)


def test_what_is_there_is_not_looked_through_again() -> None:
    before = gc.get_freeze_count()
    try:
        with garbage.paused():
            garbage.resume()
            assert gc.isenabled()
            assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
