"""Is the service in this container alive? Exit status 0 or 1, for Docker; Kubernetes asks over HTTP by itself."""

import http.client
import os
import sys


def alive(port: int) -> bool:
    """Whether `/healthz` answers with 200 on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if alive(int(os.environ.get("WITHTHIS_PORT", "8000"))) else 1)
