"""What the routes work with: the parts of one API process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas import Record, Rejection
from streams.api.access import ApiAccess
from streams.api.auditing import AccessAudit
from streams.api.bodies import Bodies
from streams.api.erasing import CallEraser
from streams.api.fetching import RecordFetcher
from streams.api.flow import Flow
from streams.api.inbox import Inbox
from streams.api.index.feeder import IndexFeeder
from streams.api.index.result_index import ResultIndex
from streams.api.made_files import MadeFiles
from streams.api.memory import Memory
from streams.api.policy_changes import PolicyChanges
from streams.api.replays import Replays
from streams.api.sending import Sender
from streams.kafka.connection import KafkaConnection
from streams.runtime.api_settings import ApiSettings
from streams.runtime.policies import PoliciesInForce
from streams.runtime.readiness import Readiness
from streams.sandbox import DecoderSandbox
from streams.stores.claim_check import ClaimCheck
from streams.telemetry.metrics import ApiProcessMetrics


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The parts of one API process.

    Attributes:
        settings: Its settings.
        connection: How its Kafka clients connect.
        index: What is in the topics.
        feeder: Keeps the index up to date.
        flow: Figures of the last minute.
        fetcher: Reads records by their positions.
        producer: Sends inputs.
        inbox: Takes inputs in, and finds recordings.
        memory: Counts the bytes of audio that requests hold.
        bodies: Reads bodies of requests.
        made_files: Files that are made for requests.
        decoders: Decode files in child processes.
        replays: Send refused inputs again.
        access: Who may do what.
        policies: The hotels' policies.
        policy_changes: Changes them.
        claim_check: Exchanges references for audio.
        opener: Opens a sealed record; one in clear it returns as it is.
        eraser: Erases calls.
        audit: Is told who heard or changed what.
        readiness: The conditions of ``/health/ready``.
        metrics: The process's metrics.
        status: Returns the status for operators.
        topic_name: Full name of a topic, by its logical name.
    """

    settings: ApiSettings
    connection: KafkaConnection
    index: ResultIndex
    feeder: IndexFeeder
    flow: Flow
    fetcher: RecordFetcher
    producer: Sender
    inbox: Inbox
    memory: Memory
    bodies: Bodies
    made_files: MadeFiles
    decoders: DecoderSandbox
    replays: Replays
    access: ApiAccess
    policies: PoliciesInForce
    policy_changes: PolicyChanges
    claim_check: ClaimCheck
    opener: Callable[[Record], Record | Rejection]
    eraser: CallEraser
    audit: AccessAudit
    readiness: Readiness
    metrics: ApiProcessMetrics
    status: Callable[[], dict[str, Any]]
    topic_name: Callable[[str], str]
