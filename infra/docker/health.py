"""Whether the process of this container is ready, as an exit code: `health.py HOST PORT [CERTIFICATE]`."""

import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection

_TIMEOUT_S = 4.0


def main(host: str, port: str, certificate: str = "") -> int:
    """Ask it; returns 0 if it is ready, and otherwise prints what it answers."""
    try:
        connection = _connection(host, int(port), tls=bool(certificate))
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace"))
    except OSError as error:
        print(error)
        return 1
    return 0 if answer.status == 200 else 1  # noqa: PLR2004  HTTP's code for success


def _connection(host: str, port: int, *, tls: bool) -> HTTPConnection:
    if not tls:
        return HTTPConnection(host, port, timeout=_TIMEOUT_S)
    # The certificate is for the names by which others reach this container, and nobody is between.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001  # nosec B323 # see above
    return HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
