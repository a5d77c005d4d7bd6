"""Writes each new data key once, with the first result that it seals."""

from collections.abc import Sequence

from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, Committed, Transactor
from streams.sealing.key_maker import KeyMaker


class KeyCommits:
    """A `Transactor` that leaves out the records of keys that are written already.

    A record that came a second time could come after the mark of an erasure, and would undo it.

    Args:
        transactor: Commits.
        maker: Made the keys.
        topic: Full name of the topic of keys.
    """

    def __init__(self, transactor: Transactor, maker: KeyMaker, topic: str) -> None:
        self._transactor = transactor
        self._maker = maker
        self._topic = topic

    async def start(self) -> Committed:
        """See `Transactor.start`; what former transactions wrote is unknown."""
        self._maker.forget_unwritten()
        return await self._transactor.start()

    async def commit(self, batches: Sequence[Batch]) -> None:
        """See `Transactor.commit`."""
        new: set[bytes] = set()
        await self._transactor.commit(
            [batch._replace(outputs=[one for one in batch.outputs if self._is_due(one, new)]) for batch in batches]
        )
        self._maker.written(new)

    async def stop(self) -> None:
        """See `Transactor.stop`."""
        await self._transactor.stop()

    def _is_due(self, output: Output, new: set[bytes]) -> bool:
        """Whether an output has to be written; notes the keys among them."""
        key_id = output.record.key
        if output.topic != self._topic or key_id is None:
            return True
        if key_id in new or self._maker.is_written(key_id):
            return False
        new.add(key_id)
        return True
