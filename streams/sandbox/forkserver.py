"""The fork server: a process with the decoders loaded, one thread and no secrets, which forks the decoder children.

    python -m streams.sandbox.forkserver SOCKET DECODER MAX_PCM_BYTES CPU_SECONDS

Forking the worker itself would copy its threads' locks, its connections and the audio in memory; starting an
interpreter for each child takes a third of a second. For each socket that the worker sends, the fork server forks a
child and returns its pidfd, a handle that never refers to another process. A child that also gets a file, which is a
recording, decodes that one alone. The fork server ends when its worker ends, which closes SOCKET.

It first tells the worker how its children are confined, as one byte (`Protection`), after a trial: a child decodes a
file of each format. A system library that needs other system calls than those that the filter allows fails the trial;
children then work without the filter, instead of refusing every file.
"""

import gc
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from importlib import import_module

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits
from streams.audio.limits import rejected
from streams.sandbox import messages, recording_child, warm_up
from streams.sandbox.confinement import allow_cpu, confine
from streams.sandbox.protection import Protection

Decoder = Callable[[bytes, MediaType, DecodeLimits], Clip | Rejection]

#: Address space for one decoding, relative to the largest decoded audio: chunks, their concatenation, wider samples.
_MEMORY_FACTOR = 5
_MEMORY_BASE = 64 * 2**20
RECORDING_MEMORY = 256 * 2**20  #: Address space for a recording, which is decoded block by block.


def main(arguments: list[str]) -> None:
    """Fork children on request until the worker has ended."""
    link_number, decoder_name, max_pcm_bytes, cpu_seconds = arguments
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole process group, while the worker still drains
    control = socket.socket(fileno=int(link_number))
    warnings.simplefilter("ignore")  # Python would look for the source file of the line that it warns about
    decoder = _load(decoder_name)
    limits = DecodeLimits(max_pcm_bytes=int(max_pcm_bytes))
    files = list(warm_up.files())
    for file in files:
        decoder(*file, limits)
    gc.freeze()
    in_force = _trial(decoder, limits, files)
    control.sendall(bytes([in_force.value]))
    filtered = Protection.SYSTEM_CALLS in in_force
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        child = os.fork()
        if child == 0:
            control.close()
            try:
                with socket.socket(fileno=handles[0]) as link:
                    _discard_output()
                    if len(handles) > 1:
                        confine(RECORDING_MEMORY, system_calls_too=filtered)
                        recording_child.serve(link, handles[1])
                    else:
                        _confine(limits, filtered=filtered)
                        _serve(link, decoder, limits, float(cpu_seconds))
            finally:
                os._exit(1)
        process = os.pidfd_open(child)
        socket.send_fds(control, [b"."], [process])
        for handle in (process, *handles):
            os.close(handle)


def _load(name: str) -> Decoder:
    module, _, function = name.partition(":")
    decoder: Decoder = getattr(import_module(module), function)
    return decoder


def _trial(decoder: Decoder, limits: DecodeLimits, files: list[tuple[bytes, MediaType]]) -> Protection:
    """Decode files in confined children; return what was in force in the first one that came to its end.

    Raises:
        ChildProcessError: If none did.
    """
    for filtered in (True, False):
        reading, writing = os.pipe()
        if os.fork() == 0:
            try:
                in_force = _confine(limits, filtered=filtered)
                for file in files:
                    decoder(*file, limits)
                os.write(writing, bytes([in_force.value]))
            finally:
                os._exit(0)
        os.close(writing)
        told = os.read(reading, 1)
        os.close(reading)
        if told:
            return Protection(told[0])
    raise ChildProcessError("a confined child cannot decode a valid file")


def _confine(limits: DecodeLimits, *, filtered: bool) -> Protection:
    return confine(limits.max_pcm_bytes * _MEMORY_FACTOR + _MEMORY_BASE, system_calls_too=filtered)


def _serve(link: socket.socket, decode: Decoder, limits: DecodeLimits, cpu_seconds: float) -> None:
    """Decode requests until the worker closes the link."""
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
