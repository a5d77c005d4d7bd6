"""The archive of a worker: results that a hotel's policy keeps, beside everything else that the worker does."""

from schemas.topics import COMPRESSED
from streams.archive.follower import ArchiveFollower
from streams.runtime.wiring import Runtime


def archive_follower(runtime: Runtime) -> ArchiveFollower:
    """The follower of a worker, not yet started."""
    return ArchiveFollower(
        runtime.connection,
        runtime.topic_name(COMPRESSED),
        runtime.settings.group,
        runtime.stores,
        runtime.metrics,
        wanted=lambda: runtime.policies.any_archives,
        now=runtime.clocks.now,
    )
