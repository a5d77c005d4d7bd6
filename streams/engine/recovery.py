"""Table recovery that ends the worker when a step takes too long."""

import logging

from faust.tables.recovery import Recovery, ServiceStopped
from mode.services import WaitArgT
from mode.utils.times import Seconds


class RecoveryTimeoutError(TimeoutError):
    """A step of a table recovery took too long: brokers do not answer, or partitions have no leader.

    The worker ends.
    """


class BoundedRecovery(Recovery):
    """Faust's recovery service, whose steps raise when they time out.

    Faust treats a step that timed out as a stop of the service, and never recovers again: the lanes stay closed, with
    no line in the log, until the watchdog ends the worker.
    """

    logger = logging.getLogger("faust.recovery")  # mode would name it after this module

    async def _wait(self, coro: WaitArgT, timeout: Seconds | None = None) -> None:
        try:
            await super()._wait(coro, timeout)
        except ServiceStopped:
            if self.should_stop:
                raise
            step = getattr(coro, "__name__", type(coro).__name__)
            raise RecoveryTimeoutError(f"{step}, a step of the recovery, did not end within {timeout:g} s") from None
