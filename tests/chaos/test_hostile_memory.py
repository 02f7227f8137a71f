"""What asks for far more than it costs is answered within bounds of memory, which is given back."""

from __future__ import annotations

import pytest

from benchmarks.hostile_inputs import inputs
from benchmarks.hostile_memory import measure, report


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_hostile_inputs_raise_memory_by_little_and_give_it_back(capsys: pytest.CaptureFixture[str]) -> None:
    found = measure(inputs(), 90)
    with capsys.disabled():
        report(found).show()
    assert [one for one in found if not one.is_fine] == []
