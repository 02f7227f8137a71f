"""The socket that a service listens on, taken before anything is loaded."""

from __future__ import annotations

import socket

from service.errors import ConfigurationError
from service.server.access import auth
from service.settings import Settings


def check_exposure(settings: Settings) -> None:
    """Refuse to listen on the network without keys, unless that is wanted. Raises ConfigurationError."""
    server = settings.server
    auth.check_exposure(server.host, server.api_keys, allow_anonymous=server.allow_anonymous)


def listen(host: str, port: int, *, chosen_by: str = "WITHTHIS_PORT") -> socket.socket:
    """A listening socket. `chosen_by`: the setting or the option that chose the port.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}. Another program may use it: set {chosen_by} to a free port."
        ) from error


def address(sock: socket.socket) -> str:
    """The address at which a socket's server is reached from this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
