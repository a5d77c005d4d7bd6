"""The recordings agent: audio of any length in, one compressed file for each and its result out."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from agents.compress.dead_letters import DeadLetters
from agents.compress.opening import InputOpener
from agents.compress.sender_clocks import SenderClocks
from agents.recordings.pipeline import RecordingCompression, RecordingPipeline
from agents.recordings.reporting import RecordingReporter, place
from agents.recordings.work_files import WorkFiles
from schemas import Rejection
from schemas.raw_audio import has_reference
from schemas.topics import COMPRESSED, DEAD_LETTER, RECORDINGS
from streams.compression.recordings import in_threads
from streams.delivery.outcome import InputRecord, Outcome, Output
from streams.delivery.recording_control import RecordingCancelledError, RecordingControl
from streams.runtime.low_priority import yield_to_others
from streams.runtime.wiring import Runtime
from streams.sandbox import SandboxError
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.recordings import STEPS

log = structlog.get_logger(__name__)

#: Name of the directory for files in progress, in AUDIO_STATE_DIR.
DIRECTORY = "recordings"
#: Seconds between two log lines about the progress of a recording.
_LOG_INTERVAL = 30.0


class Recorder:
    """The `RecordingProcessor` of all recordings: connects the pipeline to the output topics and to the reports.

    Args:
        pipeline: Compresses one recording.
        reporter: Reports committed outcomes.
        metrics: Show the progress.
        opener: Opens sealed inputs.
        results: Real name of the topic for results.
        dead_letters: Real name of the topic for dead letters.
        on_failure: Ends the worker.
    """

    def __init__(
        self,
        pipeline: RecordingPipeline,
        reporter: RecordingReporter,
        metrics: Metrics,
        opener: InputOpener,
        *,
        results: str,
        dead_letters: str,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._pipeline = pipeline
        self._reporter = reporter
        self._metrics = metrics
        self._opener = opener
        self._results = results
        self._dead_letters = DeadLetters(dead_letters)
        self._on_failure = on_failure
        self._controls: set[RecordingControl] = set()
        metrics.recordings_in_progress.set_function(lambda: len(self._controls))
        metrics.recordings_waiting.set_function(lambda: sum(control.waits for control in set(self._controls)))

    def accepts(self, record: InputRecord) -> bool:
        """Whether an input of ``audio.raw`` is a recording: its audio lies in a store."""
        return has_reference(record.content)

    def process_recording(self, record: InputRecord, control: RecordingControl) -> Outcome[RecordingCompression]:
        """Compress one recording; docs/RECORDINGS.md says what is promised."""
        self._controls.add(control)
        control.on_progress = _Progress(record, self._metrics).made
        try:
            content = self._opener.open(record.content)
            if isinstance(content, Rejection):
                return self.reject(record, content)
            made = self._pipeline.run(content, record.position, control)
        except SandboxError as error:  # the executor would turn all recordings that follow into dead letters
            self._on_failure(error)
            raise
        except RecordingCancelledError:
            self._metrics.recordings.labels("cancelled").inc()
            log.info(
                "recording_cancelled", audio_seconds=round(control.seconds_done), call=record.call, **place(record)
            )
            raise
        finally:
            self._controls.discard(control)
        if isinstance(made, Rejection):
            return self.reject(record, made)
        return self._outcome(made)

    def _outcome(self, made: RecordingCompression) -> Outcome[RecordingCompression]:
        outcome = Outcome((Output(self._results, made.result.to_record()),), made, key=made.key)
        if made.key is not None or made.result.data_ref is None:
            return outcome
        return replace(outcome, sealing=lambda key: self._outcome(self._pipeline.sealed(made, key)))

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome[RecordingCompression]:
        """Make the dead letter of an input."""
        return self._dead_letters.outcome(record, rejection)

    def delivered(self, record: InputRecord, outcome: Outcome[RecordingCompression]) -> None:
        """Log and count a committed outcome."""
        self._reporter.delivered(record, outcome)


class _Progress:
    """Shows the progress of one recording in a metric, and now and then in the log."""

    def __init__(self, record: InputRecord, metrics: Metrics) -> None:
        self._record = record
        self._seconds = {step: metrics.recording_seconds.labels(step) for step in STEPS}
        self._done = 0.0
        self._logged = time.monotonic()

    def made(self, done: float, total: float | None) -> None:
        """Show that some seconds are done; their total is known in the second pass."""
        step = "analyse" if total is None else "encode"
        self._seconds[step].inc(done - self._done if done > self._done else done)
        self._done = done
        if time.monotonic() - self._logged >= _LOG_INTERVAL:
            self._logged = time.monotonic()
            of = None if total is None else round(total)
            known = {"audio_seconds": round(done), "of_seconds": of, "call": self._record.call, **place(self._record)}
            log.info("recording_progress", step=step, **known)


def recorder_of(runtime: Runtime) -> Recorder:
    """Make the processor of all recordings of a worker.

    Chunks are encoded on the cores that live records leave free, and with low priority. Where none is free, a recording
    has its own thread only, which has low priority as well.
    """
    cores = len(os.sched_getaffinity(0))
    threads = ThreadPoolExecutor(cores, thread_name_prefix="chunk", initializer=yield_to_others)
    pipeline = RecordingPipeline(
        runtime.settings,
        policy_of=runtime.policies.of,
        claim_check=runtime.claim_check,
        files=WorkFiles(runtime.settings.state_dir / DIRECTORY),
        run_chunks=in_threads(threads, lambda: max(0, cores - runtime.executor.unfinished)),
        open_audio=runtime.sandbox.open_recording,
        seals=runtime.sealer.demands,
    )
    reporter = RecordingReporter(runtime.recorder, runtime.metrics, SenderClocks(runtime.metrics), runtime.clocks.now)
    return Recorder(
        pipeline,
        reporter,
        runtime.metrics,
        InputOpener.of(runtime),
        results=runtime.topic_name(COMPRESSED),
        dead_letters=runtime.topic_name(DEAD_LETTER),
        on_failure=runtime.on_failure,
    )


def register(runtime: Runtime, recorder: Recorder) -> None:
    """Put the agent on ``audio.recordings``."""
    runtime.serve(RECORDINGS, None, recorder, agent="recordings")
