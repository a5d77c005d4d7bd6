"""Object stores: up, down and status run a genuine S3 server on this machine; gc removes what is left behind."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from infra.kafka.errors import LocalKafkaError
from infra.stores.local import LocalStores, LocalStoresError
from scripts.cli import fail, run, tell_unknown_settings
from scripts.command_settings import LocalSettings, run_directory
from scripts.commands._garbage import add_gc, gc
from scripts.commands._local_servers import state_of, steps
from streams.runtime.setting_declaration import SettingsError
from streams.runtime.settings_document import help_text

_DEFAULT_PORT = 9000
_MOST = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run one action; standard output has only the lines that clients need."""
    options = parser().parse_args(argv)
    if options.action == "gc":
        return run("stores", gc(options))
    tell_unknown_settings("stores")
    action: Callable[[argparse.Namespace, Console], int] = options.run
    try:
        return action(options, Console(stderr=True, highlight=False))
    except (LocalKafkaError, LocalStoresError, OSError, SettingsError) as error:
        return fail(f"stores {options.action}", str(error))
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/stores",
        description=__doc__,
        epilog=f"settings, from the environment:\n{help_text(LocalSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = made.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    up = _action(actions, "up", "start it unless it runs, and print `export AUDIO_STORES=...` and its account", _up)
    up.add_argument(
        "--count",
        type=int,
        choices=range(1, _MOST + 1),
        default=2,
        metavar="N",
        help="number of instances, on adjacent ports, that serve the same objects (default: 2)",
    )
    _action(actions, "down", "stop it and remove its objects", _down)
    _action(actions, "status", "exit 0 if it is up, 1 otherwise", _status)
    add_gc(actions)
    return made


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    run: Callable[[argparse.Namespace, Console], int],
) -> argparse.ArgumentParser:
    made = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    made.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help=f"the first instance's port (default: {_DEFAULT_PORT})",
    )
    made.set_defaults(run=run)
    return made


def _directory(port: int) -> Path:
    return run_directory(os.environ) / f"stores-{port}"


def _up(options: argparse.Namespace, console: Console) -> int:
    with steps(console, "looking for running stores") as report:
        try:
            stores = LocalStores(_directory(options.port), options.count, options.port, report)
        except LocalStoresError as error:
            raise LocalStoresError(f"{error} (scripts/stores down --port {options.port})") from None
        stores.start()
    _announce(stores)
    return 0


def _down(options: argparse.Namespace, console: Console) -> int:
    stores = LocalStores.found(_directory(options.port))
    if stores is None:
        console.print(f"no stores were started on port {options.port}")
        return 0
    stores.stop()
    console.print(f"the stores on port {options.port} are down and their objects are removed")
    return 0


def _status(options: argparse.Namespace, console: Console) -> int:
    stores = LocalStores.found(_directory(options.port))
    if stores is None:
        console.print(f"no stores were started on port {options.port}")
        return 1
    instances = stores.status()
    for one in instances:
        console.print(f"store on port {one.port}: {state_of(one.pid, accepts=one.accepts)}", markup=False)
    if not all(one.accepts for one in instances):
        return 1
    _announce(stores)
    return 0


def _announce(stores: LocalStores) -> None:
    values = {
        "AUDIO_STORES": stores.uri,
        "AUDIO_STORES_ACCESS_KEY": stores.access_key,
        "AUDIO_STORES_SECRET_KEY": stores.secret_key,
    }
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    sys.exit(main())
