"""Requests to HTTP endpoints, each with a deadline."""

import asyncio
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

_LARGEST_ANSWER = 32 * 2**20  # bytes
_SHOWN_CHARACTERS = 40

T = TypeVar("T")


class WebError(Exception):
    """An endpoint does not answer, or with something else than expected. The message says so without the URL."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        status: HTTP status.
        body: Content in bytes.
    """

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON has
        """The content, which has to be JSON.

        Raises:
            WebError: If it is something else, such as the HTML page of a proxy.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            begin = " ".join(self.text[:_SHOWN_CHARACTERS].split())
            raise WebError(f"answers {self.status} and no JSON: {begin!a}; is it the right URL?") from None


class Web:
    """Asks endpoints.

    Args:
        timeout: Seconds for one answer, from the name's resolution to the last byte.
        ca_file: Certificates that may have signed those of the endpoints, as PEM; None means those of the machine.

    Attributes:
        timeout: As given.
        tls: How certificates are verified.
    """

    def __init__(self, timeout: float, ca_file: Path | None = None) -> None:
        self.timeout = timeout
        self.tls = ssl.create_default_context(cafile=ca_file)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.tls))

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Page:
        """Request a URL.

        Raises:
            WebError: If no whole answer comes in time. An answer with an error's status is returned.
        """
        return await within(self.timeout, lambda: self._get(url, headers or {}))

    async def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - whatever JSON has
        """Request a URL that has to answer with status 200 and JSON.

        Raises:
            WebError: If it does not.
        """
        page = await self.get(url, headers)
        if page.status != 200:  # noqa: PLR2004 - OK
            raise WebError(f"answers {page.status} instead of 200")
        return page.json()

    def _get(self, url: str, headers: Mapping[str, str]) -> Page:
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the option checks the scheme
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return Page(answer.status, _whole(answer.read(_LARGEST_ANSWER + 1)))
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, _whole(error.read(_LARGEST_ANSWER + 1)))


async def within(seconds: float, work: Callable[[], T]) -> T:
    """Do network work that blocks, in a thread that neither a deadline nor the end of the process waits for.

    Raises:
        WebError: If it fails, or is not done in time.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(set_outcome: Callable[[], None]) -> None:
        if not done.done():
            set_outcome()

    def run() -> None:
        try:
            set_outcome = partial(done.set_result, work())
        except Exception as error:  # noqa: BLE001  it is raised again by whoever waits
            set_outcome = partial(done.set_exception, error)
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(finish, set_outcome)

    threading.Thread(target=run, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        raise WebError(f"has not answered within {seconds:g} s") from None
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise WebError(_reason(error)) from error


def _whole(body: bytes) -> bytes:
    if len(body) > _LARGEST_ANSWER:
        raise ValueError(f"the answer is larger than {_LARGEST_ANSWER // 2**20} MiB")
    return body


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {cause.verify_message}"
    if isinstance(cause, TimeoutError):
        return "does not answer in time"
    text = (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__
    return f"does not answer ({' '.join(text.split())})"
