"""Judges how far a StatefulSet has come, from what the server says of it and of its pods."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.deployment.manifests import Manifest

#: Reasons for which a container waits that do not pass by themselves.
_HOPELESS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
}
_RESTARTS = 2  # of a container, until it counts as failed; the first may be the fault of a broker that was restarted
_REVISION = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pod that does not run.

    Attributes:
        pod: Its name.
        reason: What is wrong, in one line.
    """

    pod: str
    reason: str


def is_complete(workload: Manifest) -> bool:
    """Whether all replicas have the present template and are ready."""
    status, wanted = workload.get("status", {}), workload["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
        and status.get("updateRevision") == status.get("currentRevision")
        and all(status.get(count, 0) == wanted for count in ("replicas", "updatedReplicas", "readyReplicas"))
    )


def progress(workload: Manifest) -> str:
    """How far it has come, in a few words."""
    status, wanted = workload.get("status", {}), workload["spec"].get("replicas", 1)
    return f"{status.get('updatedReplicas', 0)} of {wanted} updated, {status.get('readyReplicas', 0)} ready"


def troubles(pods: Sequence[Manifest], revision: str) -> Iterator[Trouble]:
    """The pods of a revision that do not run, and will not."""
    for pod in pods:
        if revision_of(pod) == revision and (reason := trouble_of(pod)) is not None:
            yield Trouble(pod["metadata"]["name"], reason)


def trouble_of(pod: Manifest) -> str | None:
    """Why a pod does not run and will not; None if it does, or may."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container["state"].get("waiting", {})
        if waiting.get("reason") in _HOPELESS:
            return f"{waiting['reason']}: {waiting.get('message', '')}".removesuffix(": ")
        if container["restartCount"] >= _RESTARTS:
            ended = container.get("lastState", {}).get("terminated", {})
            code = ended.get("exitCode", "unknown")
            return f"exit code {code}, started again {container['restartCount']} times"
    return None


def restarts_of(pod: Manifest) -> int:
    """How often its containers were started again."""
    return sum(one["restartCount"] for one in pod.get("status", {}).get("containerStatuses", []))


def revision_of(pod: Manifest) -> str:
    """The revision of the template from which a pod was made."""
    return str(pod["metadata"].get("labels", {}).get(_REVISION, ""))


def is_leaving(pod: Manifest) -> bool:
    """Whether a pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]
