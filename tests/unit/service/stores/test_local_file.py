"""Which stores lie in a local file."""

import pytest

from service.stores.local_file import is_local


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        ("a/milvus.db", True),
        ("milvus.db", True),
        ("http://host:19530", False),
        ("https://x.zillizcloud.com/a.db", False),
    ],
)
def test_local_uris(uri: str, local: bool) -> None:
    assert is_local(uri) is local
