"""What is looked at before a deployment to Kubernetes. A Job of the new image looks for brokers and topics."""

import json
from collections.abc import Iterator, Sequence

from scripts.deployment import manifests as k8s
from scripts.deployment.errors import StepError
from scripts.deployment.jobs import run_job
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.manifests import WORKER, Manifest
from scripts.deployment.programs import ProgramError
from scripts.deployment.rollout import is_complete, progress
from scripts.deployment.target import Check, Request, checked, topics_told

_PREFLIGHT = "hotel-audio-preflight"
_WORKERS = "app.kubernetes.io/name=hotel-audio,app.kubernetes.io/component=worker"


def pods_of(kubectl: Kubectl) -> list[Manifest]:
    """The workers' pods."""
    return kubectl.listed("pods", _WORKERS)


def kubernetes_checks(kubectl: Kubectl, rendered: Sequence[Manifest], request: Request) -> Iterator[Check]:
    """Look whether a deployment can succeed, and can be taken back.

    Args:
        kubectl: For the namespace.
        rendered: The overlay's manifests, with the image after.
        request: What is to be deployed.
    """
    yield (server := checked("cluster", lambda: _server(kubectl)))
    if not server.ok:
        return
    is_new = kubectl.get("namespace", kubectl.namespace) is None
    yield (settings := checked("settings", lambda: _settings(kubectl, rendered, is_new=is_new)))
    yield checked("disk", lambda: _disk(kubectl))
    yield checked("version before", lambda: _before(kubectl))
    if settings.ok:
        yield checked("image, brokers and topics", lambda: _brokers(kubectl, rendered, request, is_new=is_new))


def _server(kubectl: Kubectl) -> str:
    version = json.loads(kubectl.run("version", "--output=json"))["serverVersion"]["gitVersion"]
    return f"Kubernetes {version} answers"


def _settings(kubectl: Kubectl, rendered: Sequence[Manifest], *, is_new: bool) -> str:
    if is_new:
        return f"{len(rendered)} manifests; the namespace {kubectl.namespace} is to be made"
    kubectl.apply(*k8s.without(rendered, "Job"), options=("--dry-run=server",))
    missing = k8s.missing_secrets(rendered, lambda name: kubectl.get("secret", name) is not None)
    if missing:
        raise StepError(f"the namespace {kubectl.namespace} has no Secret {missing[0]}")
    return f"the server accepts all {len(rendered)} manifests"


def _disk(kubectl: Kubectl) -> str:
    try:
        nodes = json.loads(kubectl.run("get", "nodes", "--output=json"))["items"]
    except ProgramError as error:
        if "Forbidden" in error.reason:
            return "not looked at: this user may not see nodes"
        raise
    full = [
        node["metadata"]["name"]
        for node in nodes
        if any(one["type"] == "DiskPressure" and one["status"] == "True" for one in node["status"]["conditions"])
    ]
    if full:
        raise StepError(f"nodes are short of disk space: {', '.join(full)}")
    return f"{len(nodes)} nodes without pressure"


def _before(kubectl: Kubectl) -> str:
    live = kubectl.get("statefulset", WORKER)
    if live is None:
        return "none, so that nothing could be put back"
    if not is_complete(live):
        raise StepError(f"the workers are not as their StatefulSet says ({progress(live)}); wait, or repair that first")
    return f"{live['spec'].get('replicas', 1)} workers with {k8s.container_of(live)['image']}"


def _brokers(kubectl: Kubectl, rendered: Sequence[Manifest], request: Request, *, is_new: bool) -> str:
    if is_new or kubectl.get("statefulset", WORKER) is None:
        return "not looked at before a first deployment"
    job = k8s.one_off(rendered, _PREFLIGHT, ["topics", "check"], inline=True)
    try:
        return topics_told(run_job(kubectl, job, request.timeout))
    finally:
        kubectl.delete("job", _PREFLIGHT)
