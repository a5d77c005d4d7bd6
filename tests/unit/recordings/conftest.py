"""Recordings of seconds have several chunks in these tests."""

import pytest

from streams.codecs.recordings import flac, opus


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flac, "_CHUNK_SECONDS", 3)
    monkeypatch.setattr(opus, "_CHUNK_PACKETS", 50)
