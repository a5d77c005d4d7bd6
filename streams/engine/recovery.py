"""Recovery of tables that ends the worker when a step takes too long."""

import logging

from faust.tables.recovery import Recovery, ServiceStopped
from mode.services import WaitArgT
from mode.utils.times import Seconds


class RecoveryTimeoutError(TimeoutError):
    """A step of a recovery took too long: brokers do not answer, or partitions have no leader. The worker ends."""


class BoundedRecovery(Recovery):
    """Faust's, whose steps fail when they take too long.

    Faust takes a step that ran out of time for the end of the service, and never recovers again: the lanes stay closed,
    without a line in the log, until the watchdog ends the worker.
    """

    logger = logging.getLogger("faust.recovery")  # not Faust's own, which mode replaces by one of this module

    async def _wait(self, coro: WaitArgT, timeout: Seconds | None = None) -> None:
        try:
            await super()._wait(coro, timeout)
        except ServiceStopped:
            if self.should_stop:
                raise
            step = getattr(coro, "__name__", type(coro).__name__)
            raise RecoveryTimeoutError(f"{step}, a step of the recovery, did not end within {timeout:g} s") from None
