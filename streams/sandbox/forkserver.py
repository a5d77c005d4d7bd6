"""The fork server: a process with the decoders loaded, one thread and no secrets, which forks the decoder children.

    python -m streams.sandbox.forkserver SOCKET DECODER MAX_PCM_BYTES CPU_SECONDS

Forking the worker itself would copy its threads' locks, its connections and the audio in memory; starting an
interpreter for each child takes a third of a second. For each socket that the worker sends, the fork server forks a
child and returns its pidfd, a handle that never refers to another process. It ends when its worker ends, which closes
SOCKET.
"""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits
from streams.audio.limits import rejected
from streams.sandbox import messages
from streams.sandbox.confinement import allow_cpu, confine

Decoder = Callable[[bytes, MediaType, DecodeLimits], Clip | Rejection]

#: Address space for one decoding, relative to the largest decoded audio: chunks, their concatenation, wider samples.
_MEMORY_FACTOR = 5
_MEMORY_BASE = 64 * 2**20


def main(arguments: list[str]) -> None:
    """Fork children on request until the worker has ended."""
    link_number, decoder_name, max_pcm_bytes, cpu_seconds = arguments
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole process group, while the worker still drains
    control = socket.socket(fileno=int(link_number))
    decoder = _load(decoder_name)
    limits = DecodeLimits(max_pcm_bytes=int(max_pcm_bytes))
    gc.freeze()
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        child = os.fork()
        if child == 0:
            control.close()
            try:
                _serve(socket.socket(fileno=handles[0]), decoder, limits, float(cpu_seconds))
            finally:
                os._exit(1)
        process = os.pidfd_open(child)
        socket.send_fds(control, [b"."], [process])
        os.close(process)
        os.close(handles[0])


def _load(name: str) -> Decoder:
    module, _, function = name.partition(":")
    decoder: Decoder = getattr(import_module(module), function)
    return decoder


def _serve(link: socket.socket, decode: Decoder, limits: DecodeLimits, cpu_seconds: float) -> None:
    """Decode requests until the worker closes the link."""
    _discard_output()
    confine(limits.max_pcm_bytes * _MEMORY_FACTOR + _MEMORY_BASE)
    while (request := messages.receive_request(link)) is not None:
        allow_cpu(cpu_seconds)
        try:
            answer = decode(*request, limits)
        except Exception as error:  # noqa: BLE001  the worker receives the code and replaces this process
            answer = rejected("DecoderCrashed", f"the decoder failed on the file: {type(error).__name__}")
        messages.send_answer(link, answer)


def _discard_output() -> None:
    """Discard the output of the decoders' libraries, which would mix with the worker's log."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


if __name__ == "__main__":
    main(sys.argv[1:])
