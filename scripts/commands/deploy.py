"""Deploys a version of the image, validates it, and puts the version before back if that fails."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from infra.docker import image
from scripts.cli import CommandError, end_as_interrupted, fail, say, seconds
from scripts.command_settings import ComposeSettings, DeploySettings, LocalSettings, run_directory
from scripts.commands._json import JSON_HELP, json_file, write_json
from scripts.deployment import manifests
from scripts.deployment.compose import ComposeTarget
from scripts.deployment.driver import Ending, ExitCode, deploy
from scripts.deployment.errors import DeploymentError, LockedError, StepError, UnfinishedError
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.kubernetes import KubernetesTarget
from scripts.deployment.programs import output_of
from scripts.deployment.project import Project, dotenv
from scripts.deployment.report import as_json, tables
from scripts.deployment.store import DirectoryStore
from scripts.deployment.target import Request, Target, Tell
from scripts.tables import report_console
from streams.runtime.setting_declaration import SettingsError, read
from streams.runtime.settings_document import help_text

_NAME = "deploy"
_COMPOSE, _KUBERNETES = "compose", "kubernetes"
_OVERLAYS = Path(__file__).resolve().parents[2] / "infra" / "k8s" / "overlays"
_FILES = Path(__file__).resolve().parents[2] / "infra" / "docker"
_OVERRIDES = {"local": ["compose.local.yaml"], "staging": [], "production": ["compose.three-brokers.yaml"]}
_EPILOG = f"""\
settings, from the environment:
{help_text(DeploySettings)}
{help_text(ComposeSettings)}
{help_text(LocalSettings)}

exit codes:
  0  deployed, or nothing to do, or (with --dry-run) it could be deployed
  1  failed; the version before runs again
  2  wrong use
  3  failed, and the version before could not be put back: run the command again
  4  refused by the checks before; nothing was changed
  5  failed, and not rolled back: ROLLBACK_ON_FAILURE=false, or nothing ran before
  6  another deployment is under way; nothing was changed
  7  the target cannot be reached any more: run the command again
  130  interrupted: run the command again

A deployment that was interrupted, or killed, is gone on with by the same command. docs/DEPLOYMENT_GUIDE.md says more.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = (line := parser()).parse_args(argv)
    if options.target == _COMPOSE and options.overlay is not None:
        line.error("argument --overlay: is for kubernetes")
    if options.target == _KUBERNETES and options.file:
        line.error("argument --file: is for compose")
    end_as_interrupted()
    try:
        settings = read(DeploySettings, os.environ)
        request = Request(
            environment=settings.environment,
            image=settings.image or f"{image.NAME}:{settings.version or image.version()}",
            rollback=settings.rollback_on_failure,
            timeout=options.timeout,
        )
        tell = partial(say, _NAME)
        target = (_compose if options.target == _COMPOSE else _kubernetes)(options, request, tell)
        ending = deploy(target, request, tell, dry_run=options.dry_run)
        _show(ending, options)
    except SettingsError as error:
        fail(_NAME, str(error))
        return ExitCode.WRONG_USE
    except LockedError as error:
        fail(_NAME, str(error))
        return ExitCode.LOCKED
    except UnfinishedError as error:
        fail(_NAME, str(error))
        return ExitCode.UNFINISHED
    except (DeploymentError, StepError) as error:
        fail(_NAME, str(error))
        return ExitCode.REFUSED
    except KeyboardInterrupt:
        fail(_NAME, "interrupted; the same command goes on from here")
        return 130
    return ending.code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/deploy",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("target", choices=(_COMPOSE, _KUBERNETES), help="what runs the containers")
    made.add_argument("--dry-run", action="store_true", help="check, print the plan, and change nothing")
    made.add_argument(
        "--timeout",
        type=seconds,
        default=180.0,
        metavar="SECONDS",
        help="within which a worker has to be ready, and each command of the target to end (default: 180)",
    )
    made.add_argument(
        "--file",
        type=_existing,
        action="append",
        default=[],
        metavar="FILE",
        help="with compose: another compose file after those of DEPLOY_ENV; repeatable",
    )
    made.add_argument(
        "--overlay",
        type=Path,
        metavar="DIRECTORY",
        help="with kubernetes: a folder for kustomize, instead of infra/k8s/overlays/$DEPLOY_ENV",
    )
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    return made


def _existing(text: str) -> Path:
    if not (path := Path(text)).is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return path


def _kubernetes(options: argparse.Namespace, request: Request, tell: Tell) -> Target:
    directory = options.overlay or _OVERLAYS / request.environment
    text = output_of(["kubectl", "kustomize", str(directory)], timeout=options.timeout)
    rendered = manifests.with_image(manifests.parsed(text), request.image)
    namespace = manifests.named(rendered, "StatefulSet", manifests.WORKER)["metadata"]["namespace"]
    return KubernetesTarget(Kubectl(namespace, options.timeout), rendered, options.timeout, tell)


def _compose(options: argparse.Namespace, request: Request, tell: Tell) -> Target:
    files = [_FILES / "compose.yaml", *(_FILES / name for name in _OVERRIDES[request.environment])]
    compose = read(ComposeSettings, {**dotenv(_FILES / ".env"), **os.environ})
    name = compose.project or _FILES.name  # as compose itself names it
    project = Project(name, [*files, *(path.absolute() for path in options.file)], request.image, options.timeout)
    store = DirectoryStore(run_directory(os.environ) / f"{_NAME}-{name}")
    return ComposeTarget(project, store, compose.profiles.split(","), options.timeout, tell)


def _show(ending: Ending, options: argparse.Namespace) -> None:
    if options.json != "-":
        console = report_console()
        for part in tables(ending, dry_run=options.dry_run):
            console.print(part)
    if options.json is not None:
        try:
            write_json(options.json, as_json(ending, options.target, dry_run=options.dry_run))
        except CommandError as error:  # the deployment is over, whatever becomes of its report
            fail(_NAME, str(error))


if __name__ == "__main__":
    sys.exit(main())
