"""The compress agent: raw call audio in, small playable files out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from agents.compress.dead_letters import DeadLetters
from agents.compress.opening import InputOpener
from agents.compress.pipeline import Compression, Pipeline
from agents.compress.reporting import Reporter
from agents.compress.sender_clocks import SenderClocks
from schemas import Rejection
from schemas.raw_audio import MAX_RAW_BYTES
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from streams.delivery.outcome import InputRecord, Lookup, Outcome, Output, RecordingProcessor
from streams.delivery.placement import Placement
from streams.runtime.wiring import Runtime
from streams.sandbox import SandboxError
from streams.stores import StoreUnavailableError
from streams.stores.claim_check import ClaimCheck

log = structlog.get_logger(__name__)


class Compressor:
    """The `Processor` of ``audio.raw``: connects the pipeline to the output topics and to the reports.

    Args:
        pipeline: Compresses one record.
        reporter: Reports committed outcomes.
        claim_check: Stores results that are too large for a record.
        opener: Opens sealed inputs.
        results: Real name of the topic for results.
        dead_letters: Real name of the topic for dead letters.
        on_failure: Ends the worker.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        reporter: Reporter,
        claim_check: ClaimCheck,
        opener: InputOpener,
        *,
        results: str,
        dead_letters: str,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._pipeline = pipeline
        self._claim_check = claim_check
        self._opener = opener
        self._results = results
        self._dead_letters = DeadLetters(dead_letters)
        self._on_failure = on_failure
        self._reporter = reporter

    def process(self, record: InputRecord, lookup: Lookup) -> Outcome[Compression]:
        """Compress one input; docs/ARCHITECTURE.md lists the steps."""
        content = self._opener.open(record.content)
        if isinstance(content, Rejection):
            return self.reject(record, content)
        with self._pipeline.gate:
            try:
                made = self._pipeline.run(content, record.position, lookup)
            except SandboxError as error:  # the executor would turn all inputs that follow into dead letters
                self._on_failure(error)
                raise
            if isinstance(made, Rejection):
                return self.reject(record, made)
            if made.sealed or self._claim_check.fits(made.result.audio):
                return self._outcome(made, made)  # one that is sealed stays in the record, which takes any live result
        return self._outcome(self._stored(made), made)  # without the gate, as other records need not wait for the store

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome[Compression]:
        """Make the dead letter of an input."""
        return self._dead_letters.outcome(record, rejection)

    def _outcome(self, written: Compression, made: Compression) -> Outcome[Compression]:
        """The outcome of a result that may be stored, and how it is if its hotel demands sealing at the commit."""
        outcome = Outcome((self._output(written),), written, made.table_updates)
        if made.sealed or not (made.table_updates or written.result.data_ref):
            return outcome
        return replace(outcome, sealing=lambda _key: Outcome((self._output(made),), made))

    def _output(self, made: Compression) -> Output:
        return Output(self._results, made.result.to_record())

    def _stored(self, made: Compression) -> Compression:
        """Store a large result. If the store fails, the record takes it: a live call does not wait for a store."""
        result = made.result
        try:
            if self._claim_check.stores.can_write:
                return replace(made, result=self._claim_check.store_result(result, result.audio))
            reason = "the store for writing has no healthy endpoint"
        except StoreUnavailableError as error:
            reason = str(error)
        log.warning("result_not_stored", call=result.call_id, bytes_out=result.compressed_bytes, reason=reason)
        return made

    def delivered(self, record: InputRecord, outcome: Outcome[Compression]) -> None:
        """Log and count a committed outcome."""
        self._reporter.delivered(record, outcome)


def register(runtime: Runtime, recordings: RecordingProcessor[Any]) -> None:
    """Put the agent on ``audio.raw``.

    Args:
        runtime: The worker's parts.
        recordings: Processes the recordings among the inputs, whose audio lies in a store.
    """
    pipeline = Pipeline(
        runtime.settings,
        decode=runtime.sandbox.decode,
        policy_of=runtime.policies.of,
        pressure=lambda: runtime.governor.pressure,
        cache=runtime.cache,
        seals=runtime.sealer.demands,
    )
    reporter = Reporter(
        runtime.recorder,
        runtime.governor,
        Placement(lambda: runtime.partitions.input, runtime.metrics),
        SenderClocks(runtime.metrics),
        runtime.clocks.now,
    )
    claim_check = runtime.claim_check
    if not runtime.settings.stores_are_named:  # consumers on other machines could not read this one's directory
        claim_check = replace(claim_check, inline_limit=MAX_RAW_BYTES)
    compressor = Compressor(
        pipeline,
        reporter,
        claim_check,
        InputOpener.of(runtime),
        results=runtime.topic_name(COMPRESSED),
        dead_letters=runtime.topic_name(DEAD_LETTER),
        on_failure=runtime.on_failure,
    )
    runtime.serve(RAW, compressor, recordings, agent="compress")
