"""The manifests of an overlay, as data. They name the workers' StatefulSet and the Job that makes the topics."""

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import yaml

from scripts.deployment.errors import StepError

Manifest = dict[str, Any]

WORKER, TOPICS = "hotel-audio-worker", "hotel-audio-topics"
_COMPONENT = "app.kubernetes.io/component"
#: Set by the server, or by others, and no part of what was applied.
_OF_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_SECONDS_KEPT = 600  # of a Job that has ended, for whoever reads its log


def parsed(text: str) -> list[Manifest]:
    """Read manifests from YAML."""
    return [one for one in yaml.safe_load_all(text) if one]


def printed(manifests: Iterable[Manifest]) -> str:
    """Manifests as text, equal for equal ones."""
    return json.dumps(list(manifests), sort_keys=True)


def applicable(manifests: Iterable[Manifest]) -> str:
    """Manifests as kubectl takes them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """The manifest of a kind with a name.

    Raises:
        StepError: If there is none.
    """
    for one in manifests:
        if (one["kind"], one["metadata"]["name"]) == (kind, name):
            return one
    raise StepError(f"the overlay has no {kind} {name}")


def with_image(manifests: Sequence[Manifest], image: str) -> list[Manifest]:
    """The manifests with another image of the Job that makes the topics, and of all that have the workers' image."""
    changed = copy.deepcopy(list(manifests))
    former = container_of(named(changed, "StatefulSet", WORKER))["image"]
    container_of(named(changed, "Job", TOPICS))["image"] = image
    for workload in workloads(changed):
        if container_of(workload)["image"] == former:
            container_of(workload)["image"] = image
    return changed


def workloads(manifests: Iterable[Manifest]) -> list[Manifest]:
    """The manifests that make pods; of a CronJob, the Job that it makes."""
    jobs = (one["spec"]["jobTemplate"] if one["kind"] == "CronJob" else one for one in manifests)
    return [one for one in jobs if "template" in one.get("spec", {})]


def container_of(workload: Manifest) -> dict[str, Any]:
    """The first container of a workload."""
    container: dict[str, Any] = workload["spec"]["template"]["spec"]["containers"][0]
    return container


def without(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """The manifests but for some kinds."""
    return [one for one in manifests if one["kind"] not in kinds]


def reference(manifest: Manifest) -> tuple[str, str]:
    """What names an object within a namespace: kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]


def as_applied(live: Manifest) -> Manifest:
    """A live object, so that it can be applied again: without what the server has added to it."""
    kept = {key: copy.deepcopy(value) for key, value in live.items() if key != "status"}
    for field in _OF_SERVER:
        kept["metadata"].pop(field, None)
    return kept


def one_off(manifests: Sequence[Manifest], name: str, arguments: Sequence[str], *, inline: bool) -> Manifest:
    """A Job that runs a command of the image once, with the settings and confinement of the Job for topics.

    Args:
        manifests: Those of the version.
        name: The Job's name; its last word is the component.
        arguments: The command.
        inline: Whether settings are written into the Job, as their ConfigMap is not applied yet.
    """
    job = copy.deepcopy(named(manifests, "Job", TOPICS))
    job["metadata"] = {
        "name": name,
        "namespace": job["metadata"]["namespace"],
        "labels": {**job["metadata"].get("labels", {}), _COMPONENT: name.rpartition("-")[2]},
    }
    job["spec"] |= {"backoffLimit": 0, "ttlSecondsAfterFinished": _SECONDS_KEPT}
    template = job["spec"]["template"]
    template["metadata"]["labels"] |= job["metadata"]["labels"]
    template["spec"]["restartPolicy"] = "Never"
    container = container_of(job)
    container["args"] = list(arguments)
    container["resources"] = copy.deepcopy(container_of(named(manifests, "StatefulSet", WORKER))["resources"])
    if inline:
        container["env"] = [*_variables(manifests, job), *container.get("env", [])]
        container["envFrom"] = [one for one in container.get("envFrom", []) if "configMapRef" not in one]
    return job


def _variables(manifests: Sequence[Manifest], workload: Manifest) -> list[dict[str, str]]:
    maps = [named(manifests, "ConfigMap", name) for name in config_maps(workload)]
    return [{"name": name, "value": value} for one in maps for name, value in one.get("data", {}).items()]


def config_maps(workload: Manifest) -> list[str]:
    """Names of the ConfigMaps from which a workload takes variables."""
    given = container_of(workload).get("envFrom", [])
    return [one["configMapRef"]["name"] for one in given if "configMapRef" in one]


def secrets_of(workload: Manifest) -> set[str]:
    """Names of the Secrets that a workload cannot start without."""
    container = container_of(workload)
    sources = [one["secretRef"] for one in container.get("envFrom", []) if "secretRef" in one]
    volumes = [one["secret"] for one in workload["spec"]["template"]["spec"].get("volumes", []) if "secret" in one]
    required = [one for one in (*sources, *volumes) if not one.get("optional")]
    return {one.get("name") or one["secretName"] for one in required}


def missing_secrets(manifests: Sequence[Manifest], is_there: Callable[[str], bool]) -> list[str]:
    """Names of the Secrets without which some pod cannot start, and that neither manifests nor namespace have."""
    made = {str(one["metadata"]["name"]) for one in manifests if one["kind"] == "Secret"}
    needed = {name for workload in workloads(manifests) for name in secrets_of(workload)}
    return sorted(name for name in needed - made if not is_there(name))
