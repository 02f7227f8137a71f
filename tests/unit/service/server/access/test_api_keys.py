"""Keys are random, known by hash alone, and open only what their scopes say; callers are held to their rate."""

import json

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.errors import ConfigurationError
from service.server.access.api_keys import ApiKey, KeyRing, hash_key, new_key
from service.server.access.rate_limit import MAX_CALLERS, RateLimiter
from service.settings import load_settings


def key(secret: str, *scopes: str, name: str = "a") -> ApiKey:
    return ApiKey.model_validate({"name": name, "sha256": hash_key(secret), "scopes": scopes or ["search"]})


def test_a_ring_finds_the_key_of_a_secret_and_no_other() -> None:
    first, second = key("one", name="a"), key("two", name="b")
    ring = KeyRing([first, second])
    assert ring.find("one") is first
    assert ring.find("two") is second
    for wrong in ("", "three", "one ", hash_key("one"), "\udc80", "o" * 10_000):
        assert ring.find(wrong) is None
    assert not ring.is_open
    assert KeyRing([]).is_open


def test_scopes() -> None:
    assert key("x", "search").allows("search")
    assert not key("x", "search").allows("write")
    assert not key("x", "write").allows("search")
    assert all(key("x", "admin").allows(scope) for scope in ("search", "write", "admin"))


def test_new_keys_differ_and_are_long() -> None:
    assert len({new_key() for _ in range(50)}) == 50
    assert len(new_key()) > 40


def test_the_command_prints_a_key_and_the_entry_that_the_settings_take() -> None:
    result = CliRunner().invoke(app, ["keys", "new", "--name", "shop", "--scope", "search", "--scope", "write"])
    secret, entry = result.stdout.splitlines()
    settings = load_settings(_env_file=None, api_keys=[json.loads(entry)])
    found = KeyRing(settings.server.api_keys).find(secret)
    assert found is not None
    assert found.scopes == {"search", "write"}


def test_the_command_refuses_unknown_scopes() -> None:
    result = CliRunner().invoke(app, ["keys", "new", "--scope", "root"])
    assert isinstance(result.exception, ConfigurationError)


@pytest.mark.parametrize(
    "keys",
    [
        [{"name": "a", "sha256": "abc"}],
        [{"name": "a b", "sha256": "0" * 64}],
        [{"name": "a", "sha256": "0" * 64, "scopes": []}],
        [{"name": "a", "sha256": "0" * 64, "scopes": ["root"]}],
        [{"name": "a", "sha256": "0" * 64}, {"name": "a", "sha256": "1" * 64}],
        [{"name": "a", "sha256": "0" * 64}, {"name": "b", "sha256": "0" * 64}],
    ],
)
def test_wrong_entries_stop_the_start(keys: list[dict[str, object]]) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_API_KEYS"):
        load_settings(_env_file=None, api_keys=keys)


def test_the_rate_is_kept_on_average_and_for_each_caller_alone() -> None:
    now = 1000.0
    limiter = RateLimiter(60, clock=lambda: now)
    assert [limiter.take("a") for _ in range(61)] == [None] * 60 + [1]
    assert limiter.take("b") is None
    now += 5.0
    assert [limiter.take("a") for _ in range(6)] == [None] * 5 + [1]


def test_no_limit_and_forgetting() -> None:
    assert all(RateLimiter(0).take("a") is None for _ in range(1000))
    limiter = RateLimiter(1, clock=lambda: 0.0)
    for caller in range(MAX_CALLERS + 1):
        assert limiter.take(str(caller)) is None
    assert limiter.take("0") is None  # the oldest caller was forgotten
    assert limiter.take("5000") is not None
