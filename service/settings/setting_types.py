"""Types of settings with validation beyond their plain type; each error says what to give."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from service.product import is_attribute_name
from service.server.access.api_keys import ApiKey

_STORE_SCHEMES = r"https?://[^/]|tcp://[^/]|unix:|exact:|pinecone:[a-z0-9][a-z0-9-]{0,44}$"
_URL_HOST = r"(\*\.)?[a-z0-9._-]+(:[0-9]{1,5})?"
_HOST_NAME = rf"\*|{_URL_HOST}|\[[0-9a-f:.]+\](:[0-9]{{1,5}})?"


def _known_scheme(value: str) -> str:
    if value and not re.match(_STORE_SCHEMES, value) and not value.endswith(".db"):
        raise ValueError(
            "give a path that ends in .db, a URL that starts with http:// or https://, exact:PATH, or "
            "pinecone: and the name of an index (lower-case letters, digits and hyphens)"
        )
    return value


def _lasting(value: str) -> str:
    if value.startswith("memory:"):
        raise ValueError("images in memory are lost with the process; give a folder or a URL of a persistent store")
    return value


def _plain_hosts(value: list[str]) -> list[str]:
    if not all(re.fullmatch(_URL_HOST, host) for host in value):
        raise ValueError("give hosts in lower case without http:// and paths, such as img.example")
    return value


def _names(value: list[str]) -> list[str]:
    if not all(re.fullmatch(_HOST_NAME, name) for name in value):
        raise ValueError("give names in lower case without http:// and paths, such as shop.example")
    return value


def _networks(value: list[str]) -> list[str]:
    for network in value:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ValueError("give IP addresses or networks, such as 10.0.0.7 or 10.0.0.0/8") from error
    return value


def _distinct_keys(value: list[ApiKey]) -> list[ApiKey]:
    if len({key.name for key in value}) < len(value) or len({key.sha256 for key in value}) < len(value):
        raise ValueError("each key needs its own name and hash")
    return value


def _fields(names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or not all(is_attribute_name(name) and "+" not in name for name in names):
        raise ValueError("give image, title, category, or names of attributes without a plus sign, each once")
    return names


StoreUri = Annotated[str, AfterValidator(_known_scheme)]
ImagesUrl = Annotated[str, AfterValidator(_lasting)]
UrlHosts = Annotated[list[str], AfterValidator(_plain_hosts)]
HostNames = Annotated[list[str], AfterValidator(_names)]
Networks = Annotated[list[str], AfterValidator(_networks)]
CollectionName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]
DocumentFields = Annotated[list[str], Field(min_length=1), AfterValidator(_fields)]
ApiKeys = Annotated[list[ApiKey], AfterValidator(_distinct_keys)]
