"""The Faust app: its settings, and its delivery through lanes."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import faust
from faust.tables.manager import TableManager
from faust.types import StreamT
from faust.types.auth import CredentialsT
from yarl import URL

from schemas import topics
from streams.delivery.lanes import Lanes
from streams.engine.assignor import LaneAssignor
from streams.engine.fetch_loop import EventQueue
from streams.engine.intake import EventStream, deliver, raw_topic
from streams.engine.rocksdb_store import STORE_URL
from streams.engine.tables import QuickStartTableManager
from streams.engine.transport import LaneConsumer, LaneTransport
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import ConnectionSecurity

#: Events queued for the agent. Each holds its audio, so this bounds memory to this many times the size of a record.
_STREAM_BUFFER = 16
#: Bytes fetched per partition and request; a larger record is fetched alone.
_FETCH_BYTES = 2 * 2**20
#: Seconds. A worker that restarts within this time keeps its partitions without a rebalance. When it does not come
#: back, its partitions are not processed for this long: so it is short, but longer than the pauses of a loaded machine.
_SESSION_TIMEOUT = 8.0
_HEARTBEAT_INTERVAL = 2.0
#: Seconds; longer than a drain may take.
_REBALANCE_TIMEOUT = 40.0
#: Seconds that a rebalance may take: until a dead member's session has expired and the others have drained.
REBALANCE_PATIENCE = _SESSION_TIMEOUT + _REBALANCE_TIMEOUT
#: Seconds. Faust also bounds the steps of a rebalance with it, and fencing may wait for a coordinator to move.
_REQUEST_TIMEOUT = 40.0
#: The client leaves the group when it fetches nothing for this long, and a spare worker has nothing to fetch. The
#: watchdog detects a worker that makes no progress.
_MAX_POLL_INTERVAL = timedelta(days=3650)
#: Standby replicas of each table partition on other workers. A single worker runs without any.
_STANDBY_REPLICAS = 1
#: Unacknowledged changelog records before the app's producer blocks the streams; Faust's default of 100 stalls a busy
#: lane.
_CHANGELOG_IN_FLIGHT = 10_000


class App(faust.App):
    """A Faust app that ends the process on an error instead of restarting parts of itself.

    Args:
        on_failure: Ends the process.
    """

    logger = logging.getLogger("faust.app")  # mode would name it after this module

    def __init__(self, *args: Any, on_failure: Callable[[BaseException], None], **kwargs: Any) -> None:
        self._on_failure = on_failure
        super().__init__(*args, **kwargs)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> EventQueue:  # noqa: N802
        """Create the queue of a topic; Faust calls this."""
        return EventQueue(maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    def deliver_through(self, lanes: Lanes, *, servable: Callable[[], int], largest_record: int) -> None:
        """Use the assignor and the transport with which every record goes through its lane.

        Args:
            lanes: Opened when partitions are assigned, drained when they are revoked.
            servable: Returns the number of input partitions that all copartitioned topics have.
            largest_record: Uncompressed bytes of the largest record that is read whole.
        """
        self.assignor = LaneAssignor(self, _STANDBY_REPLICAS, servable)
        self.transport = LaneTransport(
            self.conf.broker, self, lanes=lanes, largest_record=largest_record, on_failure=self._on_failure
        )

    def add_agent(self, name: str, topic: str, lanes: Lanes) -> None:
        """Add an agent that hands every record of a topic to its lane.

        Args:
            name: Name of the agent.
            topic: Full name of the topic.
            lanes: The lanes that process the records.
        """

        async def agent(stream: StreamT[Any]) -> None:
            await deliver(cast("faust.Stream[Any]", stream), lanes, self._on_failure)

        self.agent(raw_topic(self, topic, _STREAM_BUFFER), name=name)(agent)

    def request_reassignment(self) -> None:
        """Make the consumer group assign all its partitions again."""
        cast("LaneConsumer", self.consumer).request_reassignment()

    async def leave_group(self) -> None:
        """Leave the consumer group for good; only when nothing is in flight, and before the app stops.

        Raises:
            aiokafka.errors.KafkaError: If the group's coordinator does not confirm it.
        """
        await cast("LaneConsumer", self.consumer).leave_group()

    @property
    def records_to_recover(self) -> int:
        """Changelog records that the worker's own tables still have to read."""
        remaining: int = cast("TableManager", self.tables).recovery.active_remaining_total()
        return remaining

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        self._on_failure(reason)


def create_app(
    connection: KafkaConnection,
    group: str,
    member: str,
    *,
    state_directory: Path,
    on_failure: Callable[[BaseException], None],
) -> App:
    """Create the app of one worker.

    Args:
        connection: The cluster.
        group: Consumer group, also the app's id.
        member: The worker's ``group.instance.id``, kept over restarts.
        state_directory: Directory of the tables.
        on_failure: Ends the process.
    """
    app = App(
        group,
        on_failure=on_failure,
        broker=[URL(f"kafka://{server}") for server in connection.servers],
        broker_credentials=_credentials(connection.security),
        store=STORE_URL,
        datadir=str(state_directory),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=_STANDBY_REPLICAS,
        TableManager=QuickStartTableManager,
        Stream=EventStream,
        stream_buffer_maxsize=_STREAM_BUFFER,
        stream_wait_empty=False,  # the lanes drain themselves; Faust does not track their records
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_max_poll_interval=_MAX_POLL_INTERVAL,
        broker_session_timeout=_SESSION_TIMEOUT,
        broker_heartbeat_interval=_HEARTBEAT_INTERVAL,
        broker_rebalance_timeout=_REBALANCE_TIMEOUT,
        broker_request_timeout=_REQUEST_TIMEOUT,
        producer_request_timeout=_REQUEST_TIMEOUT,
        producer_max_request_size=topics.topic(topics.CACHE_CHANGELOG).max_message_bytes,
        logging_config={"version": 1, "incremental": True},  # the worker configured logging before
    )
    app.producer.buffer.max_messages = _CHANGELOG_IN_FLIGHT
    return app


def _credentials(security: ConnectionSecurity) -> CredentialsT | None:
    """The security of a connection, as Faust takes it."""
    login = security.login
    if login is not None:
        return faust.SASLCredentials(
            username=login.username, password=login.password, ssl_context=security.tls, mechanism=login.mechanism
        )
    return None if security.tls is None else faust.SSLCredentials(security.tls)
