"""The public face is light, complete and typed."""

import inspect
import subprocess
import sys

import pytest

import withthis
from service.client import Client as ClientOfTheService
from service.wire.search import SearchOut

HEAVY = ("torch", "numpy", "PIL", "pymilvus", "transformers", "litestar", "service.settings")


@pytest.mark.parametrize("code", ["import withthis", "import withthis; withthis.Client; withthis.SearchBody"])
def test_importing_it_loads_nothing_heavy(code: str) -> None:
    script = f"import sys; {code}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_importing_it_alone_loads_few_modules() -> None:
    script = "import withthis, sys; print(len(sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(found.stdout) <= 330


def test_every_public_name_is_there() -> None:
    for name in withthis.__all__:
        assert getattr(withthis, name) is not None
        assert name in dir(withthis)
    assert withthis.Client is ClientOfTheService
    assert withthis.SearchOut is SearchOut
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        withthis.Clinet  # noqa: B018


def test_every_error_and_answer_of_the_client_is_public() -> None:
    import service.client  # noqa: PLC0415

    assert set(service.client.__all__) <= set(withthis.__all__)
    assert inspect.isclass(withthis.ClientError)
