"""Makes the key store of an installation, shows it and the data keys of sealed calls, and turns the epoch.

The key store has the keys of the epochs, under which the data keys of all calls are wrapped. It is the one secret
outside of Kafka: whoever has it, and the topic of keys, opens what is sealed; without it nobody does. AUDIO_KEY_STORE
says where it is. docs/SECURITY.md says how to keep it.
"""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from scripts.cli import Cluster, CommandError, add_cluster_options, cluster_of, counted, progress_bar, run, say, seconds
from scripts.commands._json import JSON_HELP, json_file, write_json
from scripts.erasing.turning import turn_keys
from scripts.sealing.census import KeyCensus, count_keys
from scripts.sealing.opening import installed_key_store, key_store_settings
from streams.compliance.key_turn import SETTLING
from streams.kafka.topic_errors import TopicMissingError
from streams.runtime.sealing_settings import KeyStoreSettings, key_store_address, new_key_store
from streams.runtime.settings_document import help_text
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.slot_file import SlotFile

_NAME = "keys"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    work: Callable[[argparse.Namespace], Awaitable[int]] = options.work
    return run(f"{_NAME} {options.action}", _done(work, options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/keys",
        description=__doc__,
        epilog=f"settings, from the environment:\n{help_text(KeyStoreSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = made.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    init = actions.add_parser(
        "init", help="make the key store; nothing that exists is replaced", description="Make the key store."
    )
    others = init.add_mutually_exclusive_group()
    others.add_argument(
        "--beside-others",
        action="store_true",
        help="make it also if calls are sealed under another key store, which it cannot open",
    )
    others.add_argument(
        "--offline", action="store_true", help="do not ask the brokers whether calls are sealed already"
    )
    init.set_defaults(work=_init)
    status = actions.add_parser(
        "status",
        help="show the key store, its epochs and the data keys",
        description="Show the key store, its epochs and the data keys. Exits with 1 if a living key cannot be opened.",
    )
    status.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    status.set_defaults(work=_status)
    for one in (init, status, _turning(actions)):
        add_cluster_options(one)
    return made


def _turning(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  argparse names no public type for it
    turn: argparse.ArgumentParser = actions.add_parser(
        "turn",
        help="make a new epoch, move all living keys to it and destroy the old one: what was erased is final then",
        description="Make a new epoch, wait until every worker uses it, move all living keys to it, and destroy the old"
        " one. What was erased before is final then. A turn that ended early is gone on with; see docs/ERASURE.md.",
    )
    turn.add_argument(
        "--settling",
        type=seconds,
        metavar="S",
        help="seconds for workers to see the new epoch; less than the usual 55 only where no worker runs",
    )
    turn.set_defaults(work=_turn)
    return turn


async def _done(work: Callable[[argparse.Namespace], Awaitable[int]], options: argparse.Namespace) -> int:
    return await work(options)


async def _init(options: argparse.Namespace) -> int:
    settings = key_store_settings(os.environ)
    if not (options.offline or options.beside_others):
        await _refuse_beside_others(cluster_of(options))
    store = new_key_store(settings)
    address = key_store_address(settings)
    if isinstance(store, SlotFile):
        say(_NAME, f"{address} is made: copy it to every machine that seals or opens, and keep a copy in a safe place")
    else:
        say(_NAME, f"{address} is made: keep a backup of the token as its maker says")
    say(
        _NAME,
        "without it nothing that is sealed can be opened; a copy of before a turn opens what was erased by the turn",
    )
    print(store.id.hex())
    return 0


async def _refuse_beside_others(cluster: Cluster) -> None:
    """Refuse to make a key store where calls are sealed under another one, which may only have been forgotten."""
    try:
        others = (await _census(cluster)).of_others()
    except TopicMissingError:
        return
    if others:
        raise CommandError(
            f"calls are sealed already, under {_listed(others)}: copy that one here, or add --beside-others"
            " for another one that cannot open them"
        )


async def _status(options: argparse.Namespace) -> int:
    store = installed_key_store()
    epochs = store.epochs()
    census = await _census(cluster_of(options))
    found = _report(key_store_address(key_store_settings(os.environ)), store, epochs, census)
    if options.json != "-":
        print("\n".join(_lines(found)))
    if options.json is not None:
        write_json(options.json, found)
    return 1 if found["of_others"] or found["out_of_reach"] else 0


async def _turn(options: argparse.Namespace) -> int:
    settling = SETTLING if options.settling is None else options.settling
    await turn_keys(cluster_of(options), installed_key_store(), settling)
    return 0


async def _census(cluster: Cluster) -> KeyCensus:
    with progress_bar() as progress:
        bar = progress.add_task("keys", total=None)
        return await count_keys(cluster, lambda done, total: progress.update(bar, completed=done, total=total))


def _report(address: str, store: KeyStore, epochs: Sequence[int], census: KeyCensus) -> dict[str, Any]:
    """What is known, as plain data for JSON."""
    living = census.of_store(store.id)
    return {
        "key_store": address,
        "id": store.id.hex(),
        "epochs": {epoch: living.get(epoch, 0) for epoch in epochs},
        "expired": census.expired,
        "erased": census.erased,
        "damaged": census.damaged,
        "of_others": {owner.hex(): number for owner, number in census.of_others(store.id).items()},
        "out_of_reach": sum(number for epoch, number in living.items() if epoch > epochs[-1]),
        "gone_with_their_epoch": sum(
            number for epoch, number in living.items() if epoch < epochs[-1] and epoch not in epochs
        ),
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"key store  {found['key_store']}", f"id         {found['id']}"]
    lines += [f"epoch {epoch:<4} {counted(number, 'living key')}" for epoch, number in found["epochs"].items()]
    lines.append(f"others     {found['expired']} expired, {found['erased']} erased, {found['damaged']} damaged")
    if found["gone_with_their_epoch"]:
        lines.append(f"           {counted(found['gone_with_their_epoch'], 'key')} of epochs that are destroyed")
    if found["out_of_reach"]:
        number = counted(found["out_of_reach"], "living key")
        lines.append(f"WRONG      {number} of epochs that this key store lacks: it is an old copy")
    if found["of_others"]:
        others = {bytes.fromhex(owner): number for owner, number in found["of_others"].items()}
        lines.append(f"WRONG      living keys are under {_listed(others)}: this one cannot open them")
    return lines


def _listed(others: dict[bytes, int]) -> str:
    return ", ".join(f"key store {owner.hex()} ({counted(number, 'key')})" for owner, number in others.items())


if __name__ == "__main__":
    sys.exit(main())
