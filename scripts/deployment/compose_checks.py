"""What is looked at before a deployment with compose. Nothing is changed, but that the image is pulled."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.deployment.configuration import BROKER, TOPICS, WORKER, Configuration, worker_count
from scripts.deployment.errors import StepError
from scripts.deployment.programs import ProgramError
from scripts.deployment.project import Project
from scripts.deployment.target import Check, Request, checked, topics_told

_LEAST_FREE = 2 * 10**9  # bytes, for the layers of an image and for what workers write


def compose_checks(project: Project, resolved: Callable[[], Configuration], request: Request) -> Iterator[Check]:
    """Look whether a deployment can succeed, and can be taken back.

    Args:
        project: The compose project.
        resolved: Returns its resolved configuration with the settings after.
        request: What is to be deployed.
    """
    yield (engine := checked("engine", lambda: _engine(project)))
    if not engine.ok:
        return
    yield (settings := checked("settings", lambda: _settings(resolved(), request)))
    yield (image := checked("image", lambda: _image(project, request.image)))
    yield checked("disk", lambda: _disk(project))
    yield checked("version before", lambda: _before(project))
    if settings.ok and image.ok:
        yield checked("brokers and topics", lambda: _brokers(project, resolved()))


def _engine(project: Project) -> str:
    return f"{project.docker('version', '--format', '{{.Server.Version}}').strip()} answers"


def _settings(wanted: Configuration, request: Request) -> str:
    missing = {WORKER, TOPICS} - wanted["services"].keys()
    if missing:
        raise StepError(f"the compose files have no service {sorted(missing)[0]}")
    named = wanted["services"][WORKER]["image"]
    if named != request.image:
        raise StepError(f"the compose files give workers the image {named}, and not {request.image}")
    return f"{len(wanted['services'])} services, {worker_count(wanted)} workers"


def _image(project: Project, image: str) -> str:
    digest = project.image_digest(image)
    if digest is None:
        try:
            project.docker("pull", "--quiet", image)
        except ProgramError as error:
            raise StepError(f"{image} is neither here nor can it be pulled: {error.reason}", error.log) from None
        digest = project.image_digest(image)
    return f"{image} is {(digest or 'unknown').removeprefix('sha256:')[:12]}"


def _disk(project: Project) -> str:
    root = Path(project.docker("info", "--format", "{{.DockerRootDir}}").strip())
    if not root.is_dir():
        return f"{root} is on another machine and was not looked at"
    free = shutil.disk_usage(root).free
    if free < _LEAST_FREE:
        raise StepError(f"{free / 1e9:.1f} GB are free at {root}; {_LEAST_FREE / 1e9:.0f} GB are needed")
    return f"{free / 1e9:.0f} GB are free at {root}"


def _before(project: Project) -> str:
    workers = project.workers()
    if not workers:
        return "none, so that nothing could be put back"
    first = workers[0]
    if any(worker.digest != first.digest for worker in workers):
        raise StepError("workers of several versions run; bring them to one version first")
    if project.image_digest(first.digest) is None:
        raise StepError(f"the image {first.image} of the running workers is no longer there")
    return f"{len(workers)} workers with {first.image} ({first.digest.removeprefix('sha256:')[:12]})"


def _brokers(project: Project, wanted: Configuration) -> str:
    first_start = not project.workers() and not project.runs(BROKER)
    if BROKER in wanted["services"] and first_start:
        return "not there yet; they are started first"
    return topics_told(project.image_command("topics", "check"))
