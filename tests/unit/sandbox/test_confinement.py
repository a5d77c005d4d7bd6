"""Each act that a decoder must not do is tried for real, in a process that is confined as decoders are."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import MediaType, Rejection
from streams.audio import Clip
from streams.sandbox import DecoderSandbox, Protection, protections
from streams.sandbox.warm_up import files
from tests.support import forbidden_acts
from tests.support.forbidden_acts import DECODER, FATAL, LOOKUPS
from tests.support.fuzzing.samples import CLIPS, sample

PROJECT = Path(__file__).parents[3]
FLAC = MediaType("audio/flac")
#: Reads a file, connects to a server and signals its parent, after it has given up nothing but what Landlock denies.
LANDLOCK_ALONE = """
import ctypes, os, signal, socket, sys
from streams.sandbox import landlock
server = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
print(landlock.deny_all().value)
def attempt(act):
    try:
        act()
        print("done")
    except OSError as error:
        print(type(error).__name__)
attempt(lambda: open("/etc/passwd"))
attempt(lambda: client.connect(server.getsockname()))
attempt(lambda: os.kill(os.getppid(), 0))
"""


def ran(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def filtered() -> dict[str, str]:
    outcomes: dict[str, str] = json.loads(ran("-m", forbidden_acts.__name__))
    return outcomes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1, decoder=DECODER) as started:
        yield started


def test_what_is_in_force_is_told() -> None:
    told = protections()
    assert told.keys() == {"files", "network", "signals", "system_calls"}
    assert told["files"]  # since Linux 5.13; without it, this module's other tests show nothing
    assert told["system_calls"]


@pytest.mark.parametrize("act", FATAL)
def test_an_act_ends_the_process(act: str, filtered: dict[str, str]) -> None:
    assert filtered[act] == "SIGSYS"


@pytest.mark.parametrize("act", LOOKUPS)
def test_a_look_at_files_is_refused(act: str, filtered: dict[str, str]) -> None:
    assert filtered[act] == "EACCES"


@pytest.mark.parametrize("act", FATAL)
def test_the_file_whose_decoder_did_it_is_refused_and_the_next_is_decoded(act: str, sandbox: DecoderSandbox) -> None:
    answer = sandbox.decode(act.encode(), FLAC)
    assert isinstance(answer, Rejection)
    assert answer.code == "DecoderCrashed"
    assert isinstance(sandbox.decode(b"be good", FLAC), Clip)


def test_without_the_filter_landlock_and_limits_deny_files_network_and_processes() -> None:
    outcomes = json.loads(ran("-m", forbidden_acts.__name__, "--unfiltered"))
    denied = {*LOOKUPS, "socket", "socketpair", "fork", "execve", "kill the parent", "ptrace", "mount", "pidfd_open"}
    assert {act: outcomes[act] for act in denied if outcomes[act] == "done" or outcomes[act].startswith("SIG")} == {}


def test_landlock_alone_denies_what_it_says() -> None:
    told, *outcomes = ran("-c", LANDLOCK_ALONE).split()
    in_force = Protection(int(told))
    kinds = (Protection.FILES, Protection.NETWORK, Protection.SIGNALS)
    assert outcomes == ["PermissionError" if kind in in_force else "done" for kind in kinds]


def test_the_trial_decodes_a_file_of_every_format() -> None:
    with DecoderSandbox(1) as genuine:
        answers = [genuine.decode(*file) for file in files()]
        assert Protection.SYSTEM_CALLS in genuine.in_force
    assert sum(isinstance(answer, Clip) for answer in answers) >= 10


def test_a_wrong_label_is_found_although_nothing_more_can_be_loaded() -> None:
    """Looking for GSM without its label needs a module of numpy that is not loaded with numpy."""
    audio = sample("gsm", CLIPS[1]).audio
    with DecoderSandbox(1) as genuine:
        answer = genuine.decode(audio, MediaType("audio/wav"))
    assert isinstance(answer, Rejection)
    assert (answer.code, answer.field) == ("LabelMismatch", "content-type")


def test_where_the_filter_would_refuse_every_file_decoders_work_without_it() -> None:
    with DecoderSandbox(1, decoder="tests.support.foreign_library:decode") as sandbox:
        assert Protection.FILES in sandbox.in_force
        assert Protection.SYSTEM_CALLS not in sandbox.in_force
        assert isinstance(sandbox.decode(b"anything", FLAC), Clip)
