"""What is found in files and folders, what is left out, and the call ids that follow from it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import MediaType
from schemas.media_type import PCMU, SLIN, WAV
from scripts.recordings.call_ids import call_ids
from scripts.recordings.finding import Failed, LeftOut, Recording, find, printable, summary
from scripts.recordings.formats import MEDIA_TYPES, media_type_of

NOT_UTF_8 = os.fsdecode(b"b\xe4d.wav")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A folder with every odd thing."""
    top = tmp_path / "top"
    (top / "sub folder").mkdir(parents=True)
    (top / ".git").mkdir()
    for name in ("b.wav", "a.MP3", ".c.wav", "notes.txt", "call.m4a", "sub folder/ü.ulaw", ".git/d.wav", NOT_UTF_8):
        (top / name).touch()
    (top / "linked").symlink_to(tmp_path)
    (top / "link.wav").symlink_to(top / "b.wav")
    os.mkfifo(top / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(top / "socket.wav"))
        yield top


def test_a_folder_is_searched_in_order_without_hidden_files_and_links(tree: Path) -> None:
    found = find([tree])
    assert [str(recording.name) for recording in found.recordings] == [
        "a.MP3",
        "b.wav",
        NOT_UTF_8,
        "sub folder/ü.ulaw",
    ]
    assert {(one.path.name, one.reason) for one in found.left_out} == {
        (".c.wav", "hidden"),
        (".git", "hidden"),
        ("linked", "links"),
        ("link.wav", "links"),
        ("notes.txt", "other suffixes"),
        ("pipe.wav", "pipes and devices"),
        ("socket.wav", "pipes and devices"),
    }


def test_a_format_that_is_not_read_is_named_with_the_line_that_converts_it(tree: Path) -> None:
    (failure,) = find([tree]).failures
    call = tree / "call"
    assert failure == Failed(tree / "call.m4a", f"M4A is not read; convert it first: ffmpeg -i {call}.m4a {call}.flac")


def test_what_is_named_is_read_whatever_it_is_called(tree: Path) -> None:
    names = [tree / ".c.wav", tree / "link.wav", tree / "notes.txt"]
    found = find(names, raw=MediaType(PCMU))
    assert [(one.path, one.media_type.type, one.found) for one in found.recordings] == [
        (names[0], WAV, False),
        (names[1], WAV, False),
        (names[2], PCMU, False),
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.wav", "No such file"),
        ("missing", "No such file"),
        ("call.m4a", "M4A is not read"),
    ],
)
def test_what_was_named_and_cannot_be_read_fails(name: str, problem: str, tree: Path) -> None:
    found = find([tree / name])
    assert (found.recordings, found.left_out) == ((), ())
    assert problem in found.failures[0].problem


def test_a_folder_that_cannot_be_read_fails_and_the_others_are_searched(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder).name == "sub folder":  # the permissions of a folder do not stop root
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find([tree])
    assert Failed(tree / "sub folder", "Permission denied") in found.failures
    assert len(found.recordings) == 3


def test_each_reason_is_one_line_with_a_few_names() -> None:
    left_out = [LeftOut(Path(f"{number}.txt"), "other suffixes") for number in range(5)] + [LeftOut(Path("x"), "links")]
    assert summary(left_out) == [
        "left out 5 (other suffixes): 0.txt, 1.txt, 2.txt, and 2 more",
        "left out 1 (links): x",
    ]


def test_names_are_printable() -> None:
    assert printable(Path("ü b.wav")) == "ü b.wav"
    assert printable(Path(NOT_UTF_8)) == "b\\xe4d.wav"
    assert printable(Path("a\n\x1b[31m")) == "a\\x0a\\x1b[31m"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("x.sln", f"{SLIN};rate=8000"),
        ("x.SLN16", f"{SLIN};rate=16000"),
        ("x.sln48", f"{SLIN};rate=48000"),
        ("x.sln12", f"{SLIN};rate=12000"),
        ("x.sln24", f"{SLIN};rate=24000"),
        ("x.sln32", f"{SLIN};rate=32000"),
        ("x.sln44", f"{SLIN};rate=44100"),
        ("x.ulaw", "audio/PCMU"),
        ("x.ul", "audio/PCMU"),
        ("x.mulaw", "audio/PCMU"),
        ("x.al", "audio/PCMA"),
        ("x.wav49", "audio/wav"),
        ("x.alaw", "audio/PCMA"),
        ("x.WAV", "audio/wav"),
        ("x.w64", "audio/wav"),
        ("x.gsm", "audio/GSM"),
        ("x.g722", "audio/G722"),
    ],
)
def test_telephony_s_suffixes(name: str, media_type: str) -> None:
    assert str(media_type_of(Path(name))) == media_type


def test_every_suffix_is_one() -> None:
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in MEDIA_TYPES)


def named(*names: str) -> list[Recording]:
    return [Recording(Path("in") / name, Path(name), MediaType(WAV)) for name in names]


def within(*names: str) -> list[Recording]:
    return [Recording(Path("in") / name, Path(name), MediaType(WAV), found=True) for name in names]


@pytest.mark.parametrize(
    ("recordings", "call", "ids"),
    [
        (named("a.wav", "b.wav"), "call", ["call", "call-2"]),
        (named("a.wav", "a.wav"), "call", ["call", "call-2"]),
        (named("a.wav", "b.wav"), None, ["a", "b"]),
        (named("a.wav", "a.mp3", "a.mp3"), None, ["a.wav", "a.mp3", "a.mp3-2"]),
        (within("lobby/a.wav", "b.c.wav"), None, ["lobby/a", "b.c"]),
        (within("lobby/a.wav", "lobby/a.mp3"), "day", ["day/lobby/a.wav", "day/lobby/a.mp3"]),
        (named("x.wav") + within("a.wav") + named("y.wav"), "day", ["day", "day/a", "day-2"]),
        (within(NOT_UTF_8), None, ["b\\xe4d"]),
    ],
)
def test_call_ids(recordings: list[Recording], call: str | None, ids: list[str]) -> None:
    assert call_ids(recordings, call) == ids


def test_long_paths_give_different_call_ids_of_the_longest_length() -> None:
    ids = call_ids(within("x" * 250 + "/1.wav", "y" * 250 + "/1.wav"), "day")
    assert [len(one) for one in ids] == [255, 255]
    assert ids[0] != ids[1]
    assert all(one.endswith("/1") for one in ids)
