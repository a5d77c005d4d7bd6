"""Runs the demo, and stops all processes that it has started."""

import json
import logging
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from aiokafka.errors import KafkaError

from infra.directories import cache_directory
from infra.kafka.errors import LocalKafkaError
from schemas import CompressedAudio, DeadLetter
from scripts.cli import CommandError, counted, fail, progress_bar, say, tell_unknown_settings
from scripts.demonstration.calls import Input, make_calls
from scripts.demonstration.environment import DemoEnvironment, prepare
from scripts.demonstration.flow import ReceivedOutcome, Traffic, stream
from scripts.demonstration.large_recordings import LargeRecording, save_recordings
from scripts.demonstration.levels import compare
from scripts.demonstration.own_recordings import OwnRecordings, inputs_of
from scripts.demonstration.recordings import load
from scripts.demonstration.report import Report
from scripts.demonstration.sealing import look_at_sealing, make_keys
from scripts.demonstration.security import SecurityReport, give_rights, look_at_security
from scripts.demonstration.verdict import judge
from scripts.object_stores import store_settings
from scripts.processes.console_process import ConsoleProcess
from scripts.processes.files import save_all
from scripts.processes.module_process import ProcessError
from scripts.processes.worker_process import WorkerProcess
from scripts.tables import report_console
from streams.clients import HotelAudioError
from streams.clients.result_files import ResultFiles
from streams.kafka.topic_errors import TopicError
from streams.runtime.setting_declaration import SettingsError

_INTERRUPTED = 130  # as shells do
_SHOWN_FAULTS = 10
_say = partial(say, "demo")


def demonstrate(
    json_file: Path | None,
    out: Path | None,
    own: Sequence[Path] = (),
    *,
    keep: bool,
    secure: bool = False,
    console: bool = False,
) -> int:
    """Run the demo; returns the command's exit code.

    Args:
        json_file: Gets the report as JSON.
        out: Directory for the results; without it, one of this run.
        own: The user's recordings, to be sent instead of the demo's.
        keep: Leave Kafka and the worker running.
        secure: Start a Kafka with TLS and accounts, and show what it refuses.
        console: Start the HTTP API with its console too; never beside a secure Kafka.
    """
    # The client library logs every retry; the demo reports an error once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    # A signal stops the demo's processes as Ctrl-C does, also in a shell's background jobs, which ignore SIGINT
    # by default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        tell_unknown_settings("demo")
        with ExitStack() as started:
            try:
                return _demonstrate(started, json_file, out, own, keep=keep, secure=secure, console=console)
            finally:
                _ignore_interrupts()
    except (LocalKafkaError, ProcessError) as error:
        _say(str(error))  # several lines: the end of a log
        return 1
    except BrokenPipeError:  # nobody reads the report
        raise
    except (CommandError, HotelAudioError, SettingsError, TopicError) as error:
        return fail("demo", str(error))
    except (KafkaError, OSError) as error:
        return fail("demo", f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        _say("interrupted; what it had started is stopped")
        return _INTERRUPTED


def _demonstrate(
    started: ExitStack,
    json_file: Path | None,
    out: Path | None,
    own: Sequence[Path],
    *,
    keep: bool,
    secure: bool,
    console: bool,
) -> int:
    report, worker, api = _run(out, own, started, secure=secure, console=console)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    report.print(report_console())
    if keep:
        started.pop_all()
        print(report.environment.next_commands(worker, api))
    for fault in report.verdict.faults[:_SHOWN_FAULTS]:
        _say(fault)
    if report.verdict.faults:
        return fail("demo", f"{len(report.verdict.faults)} things are not as they have to be")
    return 0


def _run(
    out: Path | None, own: Sequence[Path], started: ExitStack, *, secure: bool, console: bool
) -> tuple[Report, WorkerProcess, ConsoleProcess | None]:
    began = time.monotonic()
    run = f"demo-{secrets.token_hex(3)}"
    limit = store_settings().inline_limit
    # Mistakes are told before Kafka starts.
    inputs, large = inputs_of(own, run, limit) if own else OwnRecordings([], [])
    environment, worker = _started(run, started, secure=secure)
    api = _console(environment, started) if console and not secure else None
    origin = "your own"
    if large or not own:  # large recordings are sent beside live calls
        recordings = load(cache_directory() / "recordings", _say)
        inputs, origin = [*inputs, *make_calls(recordings, run)], recordings.origin
    _wait_until_ready(worker, api)
    traffic = _streamed(environment, inputs, large, worker)
    live, of_recordings = _separated(traffic)
    verdict = judge(traffic.sent, live)
    _say("opening the files, comparing the levels")
    directory = out or environment.directory / "files"
    files, problems = save_all(verdict.results, directory)
    fetching = ResultFiles(environment.store_configuration, 0)
    security = _security(environment, worker) if secure else None
    saved, mistakes = save_recordings(traffic.recordings, of_recordings, fetching, directory)
    report = Report(
        environment=environment,
        recordings=origin,
        bad=sum(item.clip is None for item in inputs),
        verdict=replace(
            verdict, faults=[*verdict.faults, *problems, *mistakes, *(security.faults if security else ())]
        ),
        by_reference=saved,
        levels=compare(inputs),
        files=files,
        playable=len(files) - len(problems),
        out=directory,
        seconds=time.monotonic() - began,
        security=security,
    )
    return report, worker, api


def _security(environment: DemoEnvironment, worker: WorkerProcess) -> SecurityReport:
    sealing = look_at_sealing(environment, f"http://127.0.0.1:{worker.port}", _say)
    return replace(look_at_security(environment, _say), sealing=sealing)


def _started(run: str, started: ExitStack, *, secure: bool) -> tuple[DemoEnvironment, WorkerProcess]:
    """The environment with its worker, which is not ready yet."""
    environment = prepare(run, started, _say, secure=secure)
    if secure:
        give_rights(environment, _say)
        make_keys(environment)
    worker = environment.worker()
    started.callback(worker.stop)
    worker.start()
    _say("starting a worker")
    return environment, worker


def _wait_until_ready(worker: WorkerProcess, api: ConsoleProcess | None) -> None:
    worker.wait_until_ready()
    if api is not None:
        api.wait_until_ready()
        _say(f"the console is at {api.url}")


def _console(environment: DemoEnvironment, started: ExitStack) -> ConsoleProcess:
    """The HTTP API with its console, which is not ready yet."""
    api = environment.console()
    started.callback(api.stop)
    api.start()
    return api


def _streamed(
    environment: DemoEnvironment, inputs: Sequence[Input], large: Sequence[LargeRecording], worker: WorkerProcess
) -> Traffic:
    beside = f", and {counted(len(large), 'recording')} by reference" if large else ""
    _say(f"sending {len(inputs)} records{beside}")
    with progress_bar() as progress:
        bar = progress.add_task("answered", total=len(inputs) + len(large))
        return stream(environment, inputs, large, lambda: progress.advance(bar), worker.require_alive)


def _separated(traffic: Traffic) -> tuple[list[ReceivedOutcome], list[tuple[CompressedAudio | DeadLetter, float]]]:
    """The outcomes of the live calls, and those of the recordings."""
    ours = {one.position for one in traffic.recordings}
    return (
        [one for one in traffic.arrived if one.outcome.position not in ours],
        [(one.outcome, one.at) for one in traffic.arrived if one.outcome.position in ours],
    )


def _ignore_interrupts() -> None:
    """A second Ctrl-C must not interrupt the stopping of processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
