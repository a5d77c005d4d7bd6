"""Whether the worker of this container is ready, as an exit code: `health.py HOST PORT`."""

import sys
from http.client import HTTPConnection

_TIMEOUT_S = 4.0


def main(host: str, port: str) -> int:
    """Ask the worker; returns 0 if it is ready, and otherwise prints what it answers."""
    try:
        connection = HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace"))
    except OSError as error:
        print(error)
        return 1
    return 0 if answer.status == 200 else 1  # noqa: PLR2004  HTTP's code for success


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
