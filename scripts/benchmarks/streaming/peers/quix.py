"""Quix Streams, used as in its documentation: a dataframe from topic to topic, with the codec call in between."""

import argparse
from collections.abc import Sequence
from typing import Any

from quixstreams import Application

from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import arguments, parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    options = _parser().parse_args(argv)
    setup = arguments(options)
    app = Application(
        broker_address=setup.bootstrap_servers,
        consumer_group=setup.group,
        auto_offset_reset="earliest",
        commit_interval=options.commit_interval,
        state_dir=setup.state,
        loglevel="WARNING",
        auto_create_topics=False,
        processing_guarantee=options.guarantee,
    )
    source = app.topic(setup.source, key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(setup.target, key_serializer="bytes", value_serializer="bytes")
    frame = app.dataframe(source).apply(_compress, metadata=True)
    frame.to_topic(target)
    app.run()


def _compress(value: bytes, _key: object, _timestamp: int, headers: Any) -> bytes:  # noqa: ANN401  Quix declares no type
    return encode(value, dict(headers)[ENCODER_HEADER])


def _parser() -> argparse.ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--guarantee", choices=("at-least-once", "exactly-once"), required=True)
    made.add_argument("--commit-interval", type=float, required=True, help="seconds")
    return made


if __name__ == "__main__":
    main()
