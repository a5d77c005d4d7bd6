"""Saves results as files, and decodes them with libsndfile."""

from collections.abc import Sequence
from pathlib import Path

import soundfile

from scripts.commands.listen import save
from scripts.demonstration.verdict import Result


def save_all(results: Sequence[Result], directory: Path) -> tuple[list[Path], list[str]]:
    """Save every result, and check that it can be decoded and has its input's length.

    Returns:
        The files, and one line for each failed check.

    Raises:
        CommandError: If they cannot be written.
    """
    paths = [save(result.audio, directory) for result in results]
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
