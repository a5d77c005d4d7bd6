"""Compresses files in parallel, and shows the savings."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas import MediaType, Policy, Rejection
from schemas.media_type import FLAC, MPEG, OGG, WAV
from scripts.cli import AUDIO_SUFFIXES, CommandError, content_of, fail, progress_bar
from scripts.commands._formats import FORMATS
from streams.analysis.analysis import analyse_lazily
from streams.audio import DecodeLimits
from streams.codecs import Encoded
from streams.compression import DEFAULT_POLICY, choose, encode, kept_reason, smallest
from streams.sandbox import DecoderSandbox, SandboxError

_MAX_PCM_BYTES = 512 * 2**20  # more than an hour at any rate
_OUT_SUFFIXES = {FLAC: ".flac", OGG: ".ogg", MPEG: ".mp3", WAV: ".wav"}


@dataclass(frozen=True, slots=True)
class Job:
    """A file to compress, and the path of its result."""

    path: Path
    name: Path


@dataclass(frozen=True, slots=True)
class CompressedFile:
    """The result of one file.

    Attributes:
        job: The file.
        bytes_in: Its size.
        level: 1 to 5.
        encoded: The result.
        reason: The reason for the choice.
    """

    job: Job
    bytes_in: int
    level: int
    encoded: Encoded
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be compressed, with the reason in one line."""

    job: Job
    problem: str


def compress_files(options: argparse.Namespace) -> int:
    """Compress the files of the command line; returns the exit code, 1 if any file failed."""
    jobs, failures = _jobs(options.paths)
    if not jobs and not failures:
        return fail(
            "compress", f"no audio in {', '.join(map(str, options.paths))}; names end in {', '.join(AUDIO_SUFFIXES)}"
        )
    try:
        outcomes = _run(jobs, options)
    except SandboxError as error:
        return fail("compress", str(error))
    except KeyboardInterrupt:
        return 130
    saved = [outcome for outcome in outcomes if isinstance(outcome, CompressedFile)]
    failures += [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    if saved:
        Console(width=None if sys.stdout.isatty() else 120).print(_table(saved))
    for failure in failures:
        fail("compress", f"{failure.job.path}: {failure.problem}")
    return 1 if failures else 0


def _jobs(paths: Sequence[Path]) -> tuple[list[Job], list[Failed]]:
    """All files to compress, without duplicates; folders are searched recursively, in order."""
    jobs: dict[Path, Job] = {}
    failures: list[Failed] = []
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file():
                    jobs.setdefault(file.resolve(), Job(file, file.relative_to(path)))
        elif path.suffix.lower() in AUDIO_SUFFIXES or not path.exists():
            jobs.setdefault(path.resolve(), Job(path, Path(path.name)))
        else:
            failures.append(
                Failed(Job(path, Path(path.name)), f"the name has to end in one of {', '.join(AUDIO_SUFFIXES)}")
            )
    return list(jobs.values()), failures


def _run(jobs: Sequence[Job], options: argparse.Namespace) -> list[CompressedFile | Failed]:
    level = None if options.level == "auto" else int(options.level)
    policy = DEFAULT_POLICY if options.format is None else Policy(version=1, accept=(FORMATS[options.format],))
    threads = min(os.cpu_count() or 1, max(len(jobs), 1))
    out = None if options.dry_run else options.out
    names = _out_names(jobs)
    with (
        DecoderSandbox(threads, DecodeLimits(max_pcm_bytes=_MAX_PCM_BYTES)) as sandbox,
        ThreadPoolExecutor(threads) as pool,
        progress_bar() as progress,
    ):
        bar = progress.add_task("files", total=len(jobs))

        def work(job: Job) -> CompressedFile | Failed:
            outcome = _compress(job, sandbox, policy, level)
            if isinstance(outcome, CompressedFile) and out is not None:
                outcome = _written(outcome, out / names[job])
            progress.advance(bar)
            return outcome

        return list(pool.map(work, jobs))


def _compress(job: Job, sandbox: DecoderSandbox, policy: Policy, level: int | None) -> CompressedFile | Failed:
    try:
        audio = content_of(job.path, _MAX_PCM_BYTES)
    except CommandError as error:
        return Failed(job, str(error))
    media_type = MediaType(AUDIO_SUFFIXES[job.path.suffix.lower()])
    clip = sandbox.decode(audio, media_type)
    if isinstance(clip, Rejection):
        return Failed(job, clip.reason)
    decision = choose(clip, analyse_lazily(clip), policy, fixed_level=level, input_bytes=len(audio))
    encoded = encode(clip, decision.plan)
    best = smallest(encoded, clip, audio, media_type, policy, input_quality=decision.plan.input_quality)
    return CompressedFile(
        job, len(audio), decision.plan.level, best, decision.reason if best == encoded else kept_reason(clip.source)
    )


def _out_names(jobs: Sequence[Job]) -> dict[Job, Path]:
    """Unique names without the new suffix: a.wav becomes a, or stays a.wav beside a.mp3."""
    stems = Counter(job.name.with_suffix("") for job in jobs)
    wholes = Counter(job.name for job in jobs)
    names: dict[Job, Path] = {}
    for number, job in enumerate(jobs, start=1):
        stem = job.name.with_suffix("")
        if stems[stem] == 1:
            names[job] = stem
        elif wholes[job.name] == 1:
            names[job] = job.name
        else:  # files of the same name, from several folders
            names[job] = job.name.with_name(f"{job.name.name}-{number}")
    return names


def _written(saved: CompressedFile, stem: Path) -> CompressedFile | Failed:
    """Write a result; existing files are never replaced."""
    encoded = saved.encoded
    path = stem.with_name(stem.name + _OUT_SUFFIXES[encoded.content_type.partition(";")[0]])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(encoded.audio)
    except FileExistsError:
        if not path.is_file() or path.read_bytes() != encoded.audio:
            return Failed(saved.job, f"{path} is there already and differs; choose another --out")
    except OSError as error:
        return Failed(saved.job, f"{path}: {error.strerror}")
    return saved


def _table(saved: Sequence[CompressedFile]) -> Table:
    table = Table(show_footer=True)
    total_in = sum(result.bytes_in for result in saved)
    total_out = sum(len(result.encoded.audio) for result in saved)
    table.add_column("file", f"{len(saved)} files", overflow="fold")
    table.add_column("bytes", f"{total_in:,}", justify="right")
    table.add_column("compressed", f"{total_out:,}", justify="right")
    table.add_column("ratio", f"{total_in / total_out:.2f}x", justify="right")
    table.add_column("saved", f"{1 - total_out / total_in:.1%}", justify="right")
    table.add_column("level", justify="right")
    table.add_column("codec")
    table.add_column("quality", justify="right")
    table.add_column("reason")
    for result in saved:
        size = len(result.encoded.audio)
        table.add_row(
            escape(str(result.job.name)),
            f"{result.bytes_in:,}",
            f"{size:,}",
            f"{result.bytes_in / size:.2f}x",
            f"{1 - size / result.bytes_in:.1%}",
            str(result.level),
            result.encoded.codec,
            f"{result.encoded.quality:.2f}",
            result.reason,
        )
    return table
