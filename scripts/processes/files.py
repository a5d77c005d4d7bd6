"""Saves results as files beside their originals, and decodes them with libsndfile."""

from collections.abc import Sequence
from pathlib import Path

import soundfile

from scripts.commands.listen import save
from scripts.demonstration.verdict import Result
from streams.codecs import WavEncoder


def original_of(path: Path) -> Path:
    """Where the original of a result is saved: beside it, as WAV."""
    return path.with_suffix(".original.wav")


def save_all(results: Sequence[Result], directory: Path) -> tuple[list[Path], list[str]]:
    """Save every result and its original, and check that it can be decoded and has its input's length.

    Returns:
        The files of the results, and one line for each failed check.

    Raises:
        CommandError: If they cannot be written.
    """
    paths = [save(result.audio, directory) for result in results]
    for result, path in zip(results, paths, strict=True):
        original_of(path).write_bytes(WavEncoder("pcm").encode(result.clip).audio)
    problems = [problem for result, path in zip(results, paths, strict=True) for problem in _problems(result, path)]
    return paths, problems


def _problems(result: Result, path: Path) -> list[str]:
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except soundfile.LibsndfileError as error:
        return [f"{result.name}: {path} does not open: {error}"]
    clip = result.clip
    if len(samples) * clip.rate != clip.frames * rate:
        return [f"{result.name}: {path} has {len(samples) / rate} s and must have {clip.frames / clip.rate} s"]
    return []
