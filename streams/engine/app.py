"""The Faust app: its settings, and how it delivers through lanes."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import faust
from faust.tables.manager import TableManager
from faust.types import StreamT
from yarl import URL

from schemas import topics
from streams.delivery.lanes import Lanes
from streams.engine.assignor import LaneAssignor
from streams.engine.fetch_loop import EventQueue
from streams.engine.intake import EventStream, deliver, raw_topic
from streams.engine.rocksdb_store import STORE_URL
from streams.engine.tables import QuickStartTableManager
from streams.engine.transport import LaneConsumer, LaneTransport

#: Events waiting for the agent; each holds its audio, so this bounds memory: at most this many times a record's size.
_STREAM_BUFFER = 16
#: Bytes fetched per partition and request; a single larger record is still fetched, alone.
_FETCH_BYTES = 2 * 2**20
#: A worker that comes back within this keeps its partitions, without a rebalance. Those of one that does not come back
#: stand still this long: short, but above a loaded machine's pauses.
_SESSION_TIMEOUT = 8.0
_HEARTBEAT_INTERVAL = 2.0
#: Above the time that a drain may take.
_REBALANCE_TIMEOUT = 40.0
#: Seconds: a rebalance waits for a dead member's session and for the others to drain.
REBALANCE_PATIENCE = _SESSION_TIMEOUT + _REBALANCE_TIMEOUT
#: Faust's bound for steps of a rebalance as well, and fencing may wait for a coordinator to move.
_REQUEST_TIMEOUT = 40.0
#: The client lets a member that fetches nothing for this long drop out of its group, and a spare worker has nothing to
#: fetch. Whether a worker gets on is for the watchdog to say.
_MAX_POLL_INTERVAL = timedelta(days=3650)
#: Replicas of each table partition on other workers; a single worker has none, and works.
_STANDBY_REPLICAS = 1
#: Changelog records under way before the app's producer holds the streams back; Faust's 100 stalls a busy lane.
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
        """Make the queue of a topic."""
        return EventQueue(maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    def deliver_through(self, lanes: Lanes, *, servable: Callable[[], int], largest_record: int) -> None:
        """Assign partitions, and read them, so that every record goes through its lane.

        Args:
            lanes: Opened and drained as partitions come and go.
            servable: Number of input partitions that all topics have.
            largest_record: Bytes of the largest record that is read whole, uncompressed.
        """
        self.assignor = LaneAssignor(self, _STANDBY_REPLICAS, servable)
        self.transport = LaneTransport(
            self.conf.broker, self, lanes=lanes, largest_record=largest_record, on_failure=self._on_failure
        )

    def add_agent(self, name: str, topic: str, lanes: Lanes) -> None:
        """Add an agent that hands every record of a topic to its lane.

        Args:
            name: Name of the agent.
            topic: Real name of the topic.
            lanes: Where the records go.
        """

        async def agent(stream: StreamT[Any]) -> None:
            await deliver(cast("faust.Stream[Any]", stream), lanes, self._on_failure)

        self.agent(raw_topic(self, topic, _STREAM_BUFFER), name=name)(agent)

    def request_reassignment(self) -> None:
        """Make the group assign all its partitions anew."""
        cast("LaneConsumer", self.consumer).request_reassignment()

    @property
    def records_to_recover(self) -> int:
        """Records of changelogs that the worker's own tables have still to read."""
        remaining: int = cast("TableManager", self.tables).recovery.active_remaining_total()
        return remaining

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        self._on_failure(reason)


def create_app(
    bootstrap_servers: str,
    group: str,
    member: str,
    *,
    state_directory: Path,
    on_failure: Callable[[BaseException], None],
) -> App:
    """Make the app of one worker.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        group: Consumer group, which is the app's id as well.
        member: Id of the worker in its group, over restarts.
        state_directory: Where the tables lie.
        on_failure: Ends the process.
    """
    app = App(
        group,
        on_failure=on_failure,
        broker=[URL(f"kafka://{server.strip()}") for server in bootstrap_servers.split(",")],
        store=STORE_URL,
        datadir=str(state_directory),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=_STANDBY_REPLICAS,
        TableManager=QuickStartTableManager,
        Stream=EventStream,
        stream_buffer_maxsize=_STREAM_BUFFER,
        stream_wait_empty=False,  # the lanes drain themselves; Faust tracks nothing of theirs
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
        logging_config={"version": 1, "incremental": True},  # the worker has configured logging already
    )
    app.producer.buffer.max_messages = _CHANGELOG_IN_FLIGHT
    return app
