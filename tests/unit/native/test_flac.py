"""The file in memory that libFLAC writes to, compared with a model; a fake replaces libFLAC and writes arbitrarily."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.native import ffi, functions, lib

OK, FAILED = 0, 1

#: Bytes mean a write, a number means a seek to that position.
Operation = bytes | int
operations = st.lists(st.binary(max_size=40) | st.integers(0, 100), max_size=12)
ENCODER = ffi.cast("void *", 1)


class Encoder:
    """A fake of libFLAC's functions; executes the operations when it finishes, and records its input.

    Attributes:
        samples: The samples that it received.
        results: The return value of each operation, and the position after it.
    """

    def __init__(self, operations: list[Operation], channels: int) -> None:
        self.samples: list[int] = []
        self.results: list[tuple[int, int]] = []
        self._operations, self._channels = operations, channels
        self._file: tuple[Any, Any, Any, Any] | None = None

    def structure(self) -> tuple[Any, object]:
        """The functions, and the callbacks, which must be referenced as long as the functions are used."""
        fields = dict(ffi.typeof("flac_library").fields)
        callbacks = {name: ffi.callback(field.type, self._function(name)) for name, field in fields.items()}
        return functions("flac_library", lambda name: int(ffi.cast("uintptr_t", callbacks[name]))), callbacks

    def _function(self, name: str) -> Callable[..., Any]:
        own: dict[str, Callable[..., Any]] = {
            "new": lambda: ENCODER,
            "delete": lambda encoder: None,
            "init_stream": self._init,
            "process_interleaved": self._process,
            "finish": self._finish,
            "get_state": lambda encoder: 0,
        }
        return own.get(name, lambda encoder, value: 1)

    def _init(self, encoder: Any, *file: Any) -> int:
        write, seek, tell, _, client = file
        self._file = (
            ffi.cast("int (*)(void *, const uint8_t *, size_t, uint32_t, uint32_t, void *)", write),
            ffi.cast("int (*)(void *, uint64_t, void *)", seek),
            ffi.cast("int (*)(void *, uint64_t *, void *)", tell),
            client,
        )
        return OK

    def _process(self, encoder: Any, samples: Any, frames: int) -> int:
        self.samples += ffi.unpack(samples, frames * self._channels)
        return 1

    def _finish(self, encoder: Any) -> int:
        assert self._file is not None
        write, seek, tell, client = self._file
        position = ffi.new("uint64_t *")
        for value in self._operations:
            if isinstance(value, int):
                result = seek(encoder, value, client)
            else:
                result = write(encoder, ffi.from_buffer("uint8_t[]", value), len(value), 0, 0, client)
            tell(encoder, position, client)
            self.results.append((result, position[0]))
        return 1


def run(encoder: Encoder, samples: np.ndarray[Any, np.dtype[np.int16]], capacity: int) -> tuple[int, bytes]:
    library, callbacks = encoder.structure()
    file = np.zeros(capacity, np.uint8)
    frames, channels = samples.shape
    size = lib.flac_encode(
        library,
        channels,
        8000,
        576,
        8,
        ffi.NULL,
        ffi.from_buffer("int16_t[]", samples),
        frames,
        ffi.from_buffer("uint8_t[]", file),
        capacity,
        1,
        ffi.NULL,
    )
    del callbacks
    return size, file.tobytes()


@given(operations, st.integers(0, 120))
def test_a_file_in_memory_keeps_within_its_capacity(operations: list[Operation], capacity: int) -> None:
    encoder = Encoder(operations, 1)
    size, file = run(encoder, np.zeros((1, 1), np.int16), capacity)

    expected, position = bytearray(), 0
    results = []
    for value in operations:
        if isinstance(value, int):
            fails = value > len(expected)
            position = position if fails else value
        else:
            fails = position + len(value) > capacity
            if not fails:
                expected[position : position + len(value)] = value
                position += len(value)
        results.append((FAILED if fails else OK, position))
    assert encoder.results == results
    assert file[:size] == expected
    assert not any(file[size:])


@given(st.integers(0, 5000) | st.sampled_from([2048, 4096, 4097, 8192]), st.sampled_from([1, 2]))
def test_all_samples_reach_libflac(frames: int, channels: int) -> None:
    samples = np.random.default_rng(frames).integers(-32768, 32768, (frames, channels)).astype(np.int16)
    encoder = Encoder([], channels)
    size, _ = run(encoder, samples, 0)
    assert size == 0
    assert encoder.samples == samples.reshape(-1).tolist()
