"""Turns the keys' epoch, as ``keys turn`` and ``erase --now`` do."""

from collections.abc import Mapping, Sequence
from functools import partial

from rich.progress import Progress, TaskID

from schemas import Policy, Record
from schemas.topics import AUDIT, KEYS, POLICY
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, counted, progress_bar, say
from scripts.erasing.opening import key_log
from scripts.policies.topic import read_policies
from streams.compliance.key_log import WriterReplacedError
from streams.compliance.key_turn import SETTLING, KeysLeftError, KeyTurn, Turn
from streams.security.sealing.key_store import KeyStore

_NAME = "keys"


async def turn_keys(cluster: Cluster, store: KeyStore, settling: float = SETTLING) -> Turn:
    """Turn the epoch, with a progress bar, and print what was done.

    Args:
        cluster: Where the keys are.
        store: The key store.
        settling: Seconds for workers to see the new epoch.

    Raises:
        CommandError: If the old epoch could not be destroyed.
    """
    await cluster.check([KEYS, AUDIT, POLICY])
    audit = Audit(cluster)
    try:
        async with key_log(cluster) as log:
            with progress_bar() as progress:
                step = _Steps(progress)
                policies, tell = partial(_policies, cluster), partial(_told, audit)
                done = await KeyTurn(log, store, policies, tell, settling=settling, step=step).run()
    except WriterReplacedError as error:
        raise CommandError(
            f"{error}: this turn has destroyed nothing; the next one goes on where it stopped"
        ) from error
    except KeysLeftError as error:
        raise CommandError(f"nothing was destroyed: {error}") from error
    destroyed = " and ".join(str(epoch) for epoch in done.destroyed)
    print(
        f"epoch {destroyed} is destroyed, epoch {done.epoch} has {counted(done.rewrapped, 'key')}, {done.seconds:.1f} s"
    )
    if done.expired:
        print(f"{counted(done.expired, 'key')} had passed the date of retention and are erased")
    if done.unreadable:
        say(_NAME, f"{counted(done.unreadable, 'key')} could not be opened before either, and were left")
    return done


class _Steps:
    """Shows the steps of a turn, each as a bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._bars[what], completed=done, total=total)


async def _policies(cluster: Cluster) -> Mapping[str, Policy]:
    changes = (await read_policies(cluster)).all_in_force()
    return {one.hotel_id: one.policy for one in changes if one.policy is not None}


def _told(audit: Audit, objects: Sequence[str], outcome: str, reason: str) -> list[Record]:
    return audit.records("key-turn", objects, outcome, reason)
