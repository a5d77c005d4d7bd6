"""Runs the product with another number of partitions than schemas/topics.yaml has.

Command line: the number of partitions, then a module of the product to run.
"""

import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from schemas.topics import load_topics


@contextmanager
def partitioned(partitions: int) -> Iterator[None]:
    """Patch the product's topics so that they have this number of partitions."""
    specs = tuple(replace(spec, partitions=partitions) if spec.copartitioned else spec for spec in load_topics())
    with (
        patch("schemas.topics.load_topics", lambda: specs),
        patch("streams.kafka.topic_settings.load_topics", lambda: specs),
    ):
        yield


if __name__ == "__main__":
    _, partitions, *sys.argv = sys.argv
    with partitioned(int(partitions)):
        runpy.run_module(sys.argv[0], run_name="__main__")
