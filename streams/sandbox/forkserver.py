"""The process that decoder children are forked from: it has everything loaded, one thread, and nothing to tell.

    python -m streams.sandbox.forkserver SOCKET DECODER MAX_PCM_BYTES CPU_SECONDS

Forking the worker itself would copy its threads' locks, its connections and its callers' audio; starting an interpreter
for each child takes a third of a second. It forks a child for each socket that it is sent, answers with a handle
on the child (a pidfd, which never means another process), and ends with its worker, whose death closes SOCKET.
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
    """Serve until the worker is gone."""
    link_number, decoder_name, max_pcm_bytes, cpu_seconds = arguments
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group: the worker still drains, and ends us
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
    """Answer requests until the worker closes the link."""
    _silence()
    confine(limits.max_pcm_bytes * _MEMORY_FACTOR + _MEMORY_BASE)
    while (request := messages.receive_request(link)) is not None:
        allow_cpu(cpu_seconds)
        try:
            answer = decode(*request, limits)
        except Exception as error:  # noqa: BLE001  the worker hears of it, and replaces this process
            answer = rejected("DecoderCrashed", f"the decoder failed on the file: {type(error).__name__}")
        messages.send_answer(link, answer)


def _silence() -> None:
    """Keep what the decoders' libraries print out of the worker's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main(sys.argv[1:])
