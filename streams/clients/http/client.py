"""A client of the HTTP API."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self, TypeVar, cast

import httpx

from streams.clients.errors import ApiUnavailableError
from streams.clients.http.requests import (
    EventParser,
    Request,
    Work,
    checked,
    content_of,
    document_of,
    given,
    outcome,
    page,
    path_of,
    sending,
    whole_call,
    with_credential,
    with_json,
)
from streams.clients.http.types import Call, Erasure, Estimate, Event, Policy, Recording, Replay

T = TypeVar("T")


_RECONNECT = 1.0  # seconds


class HttpClient:
    """Sends recordings and finds, hears and repairs what became of them, over HTTP; use it as a context manager.

    What the API or the network is not able to do now is tried again; an attempt that is repeated is no second one.
    Every method raises `ApiRefusedError` for what the API refuses, and `ApiUnavailableError` when trying was in vain.

    Args:
        url: Address of the API, such as ``https://audio.example.com``.
        credential: An API key or a token; None for an open API on this machine.
        patience: Seconds to wait for an API that is not able to answer, in each call.
        timeout: Seconds for one answer.
        transport: How requests are sent; None means over the network.
    """

    def __init__(
        self,
        url: str,
        credential: str | None = None,
        *,
        patience: float = 60.0,
        timeout: float = 90.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport)
        self._credential = credential
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        audio: bytes | Path,
        content_type: str,
        hotel: str,
        *,
        call: str | None = None,
        channel: str | None = None,
        sequence: int | None = None,
        final: bool | None = None,
        time: datetime | None = None,
        guest: str | None = None,
        key: str | None = None,
        wait: int | None = None,
    ) -> Recording:
        """Send a recording, or a segment of a call. When this returns, all in-sync replicas of the brokers have it.

        Args:
            audio: Its bytes, or a file with them.
            content_type: What they are, such as ``audio/wav`` or ``audio/L16;rate=8000``.
            hotel: The hotel.
            call: The call; without it, the recording is a call.
            channel: The channel: guest, agent, mixed or prompt.
            sequence: Number within the channel.
            final: Whether it is the channel's last one.
            time: When the audio began, with time zone.
            guest: The hotel's opaque reference of the guest.
            key: Names the recording, so that it is the same one if this is called again, after a crash for instance.
            wait: Seconds to wait for the result, 60 at most.
        """
        parameters = given(hotel=hotel, call=call, channel=channel, sequence=sequence, final=final)
        parameters |= given(time=None if time is None else time.isoformat())
        headers = given(**{"Content-Type": content_type, "Guest-Reference": guest, "Idempotency-Key": key})
        headers |= given(Prefer=None if wait is None else f"wait={wait}")
        return self._run(sending(audio, parameters, headers, self._patience))

    def recording(self, number: str) -> Recording:
        """A recording, by its id."""
        request = Request("GET", path_of("v1", "recordings", number))
        return cast("Recording", self._run(document_of(request, self._patience)))

    def wait(self, number: str, within: float = 60.0) -> Recording:
        """A recording when it has an outcome; or as it is after some seconds, which is ``queued``."""
        return self._run(outcome(number, within, self._patience))

    def find(
        self,
        *,
        hotel: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        channel: str | None = None,
        level: int | None = None,
    ) -> Iterator[Recording]:
        """Yield recordings, the newest first: all, or those of a hotel, a time, a channel, a level."""
        times = {"from": since and since.isoformat(), "to": until and until.isoformat()}
        parameters = given(hotel=hotel, channel=channel, level=level, **times)
        yield from self._items("/v1/recordings", parameters)

    def audio(self, number: str, *, wav: bool = False) -> bytes:
        """The small file of a recording, or the same audio as WAV."""
        request = Request("GET", path_of("v1", "recordings", number, "audio"), given(format="wav" if wav else None))
        return self._run(content_of(request, self._patience))

    def original(self, number: str) -> bytes:
        """A recording as it was sent."""
        request = Request("GET", path_of("v1", "recordings", number, "original"))
        return self._run(content_of(request, self._patience))

    def call(self, call: str, hotel: str | None = None) -> Call:
        """A call with all its segments in order, and what is missing."""
        return self._run(whole_call(call, given(hotel=hotel), self._patience))

    def call_audio(self, call: str, hotel: str | None = None, *, container: str = "flac") -> bytes:
        """A whole call as one file: ``flac``, ``wav`` or ``ogg``."""
        request = Request("GET", path_of("v1", "calls", call, "audio"), given(hotel=hotel, format=container))
        return self._run(content_of(request, self._patience))

    def erase(self, call: str, hotel: str | None = None) -> Erasure:
        """Erase a call."""
        request = Request("DELETE", path_of("v1", "calls", call), given(hotel=hotel))
        return cast("Erasure", self._run(document_of(request, self._patience)))

    def dead_letters(self, *, hotel: str | None = None, reason: str | None = None) -> Iterator[Recording]:
        """Yield recordings that were refused, the latest refusal first."""
        yield from self._items("/v1/dead-letters", given(hotel=hotel, reason=reason))

    def replay(self, *numbers: str, dry_run: bool = False, canary: int | None = None, **choice: str | int) -> Replay:
        """Send refused inputs again, each once, however often this is called.

        Args:
            numbers: Their ids; or else `choice` says which.
            dry_run: Only tell what would be sent.
            canary: Send this many alone.
            choice: ``reason``, ``hotel``, ``from`` and ``to`` as RFC 3339, ``limit``.
        """
        ids = list(numbers) or None
        body = {"dryRun": dry_run, "canary": canary, "ids": ids, **choice}
        request = with_json("POST", "/v1/replays", {name: value for name, value in body.items() if value is not None})
        return cast("Replay", self._run(document_of(request, self._patience)))

    def policy(self, hotel: str) -> Policy:
        """The policy of a hotel."""
        request = Request("GET", path_of("v1", "policies", hotel))
        return cast("Policy", self._run(document_of(request, self._patience)))

    def set_policy(self, hotel: str, policy: Policy, if_match: str | None = None) -> Policy:
        """Set the policy of a hotel as a whole; with `if_match` only if that is the entity tag of the one in force."""
        request = with_json("PUT", path_of("v1", "policies", hotel), policy, If_Match=if_match)
        return cast("Policy", self._run(document_of(request, self._patience)))

    def remove_policy(self, hotel: str) -> None:
        """Remove the policy of a hotel, so that the default one applies."""
        self._run(document_of(Request("DELETE", path_of("v1", "policies", hotel)), self._patience))

    def estimate(self, audio: bytes | Path, content_type: str, hotel: str | None = None) -> Estimate:
        """What compression would make of a file, by the hotel's policy or the default one."""
        request = Request("POST", "/v1/estimates", given(hotel=hotel), {"Content-Type": content_type}, audio)
        return cast("Estimate", self._run(document_of(request, self._patience)))

    def events(self, last: str | None = None) -> Iterator[Event]:
        """Yield what happens, without end: after a lost connection it goes on behind the last event.

        Args:
            last: Id of the last event that was seen before.
        """
        parser = EventParser(last)
        while True:
            try:
                request = with_credential(parser.again(), self._credential)
                with self._http.stream(request.method, request.path, headers=request.headers) as response:
                    if response.is_error:
                        response.read()
                    for line in checked(response).iter_lines():
                        if (event := parser.line(line)) is not None:
                            yield event
            except (httpx.TransportError, ApiUnavailableError):
                pass
            sleep(_RECONNECT)

    def _items(self, path: str, parameters: Mapping[str, str]) -> Iterator[Recording]:
        cursor = None
        while True:
            found = self._run(page(path, parameters, cursor, self._patience))
            yield from found["items"]
            cursor = found["cursor"]
            if cursor is None:
                return

    def _run(self, work: Work[T]) -> T:
        try:
            step = next(work)
            while True:
                if not isinstance(step, Request):
                    sleep(step)
                    step = next(work)
                    continue
                try:
                    response = self._sent(with_credential(step, self._credential))
                except httpx.TransportError as error:
                    step = work.throw(error)
                else:
                    step = work.send(response)
        except StopIteration as end:
            return cast("T", end.value)

    def _sent(self, request: Request) -> httpx.Response:
        with contextlib.ExitStack() as files:
            content = request.content
            return self._http.request(
                request.method,
                request.path,
                params=request.parameters,
                headers=request.headers,
                content=files.enter_context(content.open("rb")) if isinstance(content, Path) else content,
            )
