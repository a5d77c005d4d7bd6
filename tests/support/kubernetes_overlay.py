"""The overlay `local` in a namespace of its own, as the tests of Kubernetes apply it, with its Kafka within reach."""

import asyncio
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.kafka.ports import HOST, free_ports
from infra.kafka.readiness import wait_until_ready
from tests.chaos.workers import ROOT
from tests.support.containers import until
from tests.support.kubernetes import Cluster, KubectlError
from tests.support.traffic import Traffic

K8S = ROOT / "infra" / "k8s"
WORKER = "hotel-audio-worker"
STATEFUL_SET = f"statefulset/{WORKER}"
GROUP = "hotel-audio"
_WORKERS = "app.kubernetes.io/component=worker"
#: Of the broker, in its pod; its name for itself is that of the forwarded port on this machine.
_LOOPBACK_PORT = 29092
_LISTENERS = {
    "listeners": f"LOOPBACK://{HOST}:{_LOOPBACK_PORT}",
    "advertised.listeners": f"LOOPBACK://{HOST}:{{port}}",
    "listener.security.protocol.map": "LOOPBACK:PLAINTEXT",
}
_BROKER_PROPERTIES = ROOT / "infra" / "kafka" / "broker.properties"
_READY_TIMEOUT_S = 300
_LOOK_S = 0.5


@dataclass(frozen=True)
class Overlay:
    """What the tests change in the overlay `local`.

    Attributes:
        namespace: Where it goes.
        images: Names of images for pods, by the name in the manifests.
        kafka_port: Port of this machine by which tests reach the broker.
        replicas: Number of workers.
        components: Folders of `infra/k8s/components` to be added.
        patches: Further patches, as kustomize takes them.
    """

    namespace: str
    images: Mapping[str, str]
    kafka_port: int
    replicas: int = 3
    components: Sequence[str] = ()
    patches: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def manifests(self, cluster: Cluster) -> str:
        """The manifests, by kubectl's own kustomize."""
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch)
            (directory / "broker.properties").write_text(_broker_properties(self.kafka_port))
            (directory / "kustomization.yaml").write_text(yaml.safe_dump(self._kustomization(directory)))
            return cluster.run("kustomize", scratch)

    def _kustomization(self, directory: Path) -> dict[str, Any]:
        return {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.namespace,
            "resources": [os.path.relpath(K8S / "overlays" / "local", directory.resolve())],
            "components": [os.path.relpath(K8S / "components" / name, directory.resolve()) for name in self.components],
            "images": [_image(name, full) for name, full in self.images.items()],
            "replicas": [{"name": WORKER, "count": self.replicas}],
            # A drain selects pods by their label, and must not touch those of others.
            "labels": [{"pairs": {"test": self.namespace}, "includeTemplates": True}],
            "configMapGenerator": [{"name": "kafka-listeners", "files": ["broker.properties"]}],
            # kustomize moves a RoleBinding to another namespace, but not whom it binds.
            "patches": [_SMALL, _KAFKA, _bound_in(self.namespace), *self.patches],
        }


def patch_of(kind: str, name: str, *operations: tuple[str, str, Any]) -> dict[str, Any]:
    """A patch for kustomize of (operation, path, value)."""
    text = yaml.safe_dump([{"op": op, "path": path, "value": value} for op, path, value in operations])
    return {"target": {"kind": kind, "name": name}, "patch": text}


_CONTAINER = "/spec/template/spec/containers/0"
#: All of it has to find place on a node with two cores.
_SMALL = patch_of(
    "StatefulSet", WORKER, ("replace", f"{_CONTAINER}/resources/requests", {"cpu": "50m", "memory": "256Mi"})
)
_KAFKA = patch_of(
    "StatefulSet",
    "kafka",
    ("add", "/spec/template/spec/volumes/-", {"name": "listeners", "configMap": {"name": "kafka-listeners"}}),
    (
        "add",
        f"{_CONTAINER}/volumeMounts/-",
        {"name": "listeners", "mountPath": "/opt/kafka/broker.properties", "subPath": "broker.properties"},
    ),
)


def _bound_in(namespace: str) -> dict[str, Any]:
    return patch_of("RoleBinding", "hotel-audio-scale-reader", ("replace", "/subjects/0/namespace", namespace))


def _image(name: str, full: str) -> dict[str, str]:
    new_name, _, tag = full.rpartition(":")
    return {"name": name, "newName": new_name, "newTag": tag}


def _broker_properties(port: int) -> str:
    """The broker's properties with one more listener, for clients that come by a forwarded port."""
    text = _BROKER_PROPERTIES.read_text()
    for name, more in _LISTENERS.items():
        text, count = re.subn(rf"(?m)^{re.escape(name)}=.*$", rf"\g<0>,{more.format(port=port)}", text)
        assert count == 1, f"{_BROKER_PROPERTIES} has no {name}"
    return text


class Installation:
    """The overlay, applied.

    Args:
        cluster: Where.
        overlay: With what changes.
    """

    def __init__(self, cluster: Cluster, overlay: Overlay) -> None:
        self.cluster = cluster
        self.overlay = overlay
        self.namespace = overlay.namespace
        self.servers = f"{HOST}:{overlay.kafka_port}"
        self.traffic = Traffic(self.servers, "", GROUP)

    def kubectl(self, *arguments: str, timeout: float = _READY_TIMEOUT_S + 30) -> str:
        """Run kubectl in this namespace; returns what it prints."""
        return self.cluster.run("--namespace", self.namespace, *arguments, timeout=timeout)

    async def act(self, *arguments: str) -> str:
        """Run kubectl in this namespace while others go on; returns what it prints."""
        return await asyncio.to_thread(self.kubectl, *arguments)

    def apply(self) -> None:
        """Apply the manifests, again if it was applied before."""
        self.cluster.apply(self.overlay.manifests(self.cluster))

    def rolled_out(self) -> None:
        """Wait until all workers run in their present version and are ready."""
        try:
            self.kubectl("rollout", "status", STATEFUL_SET, f"--timeout={_READY_TIMEOUT_S}s")
        except KubectlError as error:
            raise AssertionError(self.describe()) from error

    def pods(self) -> dict[str, dict[str, Any]]:
        """The workers' pods, by name."""
        found = self.cluster.read("--namespace", self.namespace, "get", "pods", "--selector", _WORKERS)
        return {pod["metadata"]["name"]: pod for pod in found["items"]}

    def identities(self) -> dict[str, str]:
        """What tells a pod from its successor of the same name, by name."""
        return {name: pod["metadata"]["uid"] for name, pod in self.pods().items()}

    def wait_for(self, replicas: int, *, instead_of: Mapping[str, str] | None = None) -> None:
        """Wait until there are this many workers and all are ready.

        Args:
            replicas: Number of workers.
            instead_of: Pods, by name, that must be gone.
        """
        gone = set((instead_of or {}).values())

        def there() -> bool:
            pods = self.pods().values()
            fresh = [pod for pod in pods if is_ready(pod) and pod["metadata"]["uid"] not in gone]
            return len(pods) == len(fresh) == replicas

        until(there, _READY_TIMEOUT_S, self.describe, every=_LOOK_S)

    def log(self, pod: str, file: Path) -> subprocess.Popen[bytes]:
        """Write a pod's log to a file, in the background, until the pod ends."""
        command = ["kubectl", "--namespace", self.namespace, "logs", "--follow", pod]
        with file.open("wb") as output:
            return subprocess.Popen(command, env=self.cluster.environment, stdout=output)

    def describe(self) -> str:
        """The state of the workers' pods, for people."""
        return self.kubectl("get", "pods", "--output", "wide") + self.kubectl(
            "describe", "pods", "--selector", _WORKERS
        )


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has the condition Ready and is not about to end."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


@contextlib.contextmanager
def installed(cluster: Cluster, images: Mapping[str, str], prefix: str, **changes: Any) -> Iterator[Installation]:
    """Apply the overlay in a new namespace, wait until it is ready, and delete all of it at the end.

    Args:
        cluster: Where.
        images: Names of images for pods, by the name in the manifests.
        prefix: Of the namespace's name.
        changes: Further fields of `Overlay`.
    """
    with cluster.namespace(prefix) as namespace:
        overlay = Overlay(namespace, images, free_ports(1), **changes)
        made = Installation(cluster, overlay)
        made.apply()
        wait = f"--timeout={_READY_TIMEOUT_S}s"
        made.kubectl("rollout", "status", "statefulset/kafka", wait)
        with cluster.forwarded(namespace, "statefulset/kafka", overlay.kafka_port, _LOOPBACK_PORT):
            asyncio.run(wait_until_ready({"bootstrap_servers": made.servers}, 1, _READY_TIMEOUT_S))
            made.rolled_out()
            yield made


def confined_pod(name: str, image: str, labels: Mapping[str, str], command: Sequence[str]) -> dict[str, Any]:
    """A pod that the profile `restricted` allows.

    Args:
        name: Its name.
        image: Name of its image for pods.
        labels: Its labels.
        command: What it runs.
    """
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": list(command),
                    "securityContext": security,
                }
            ],
        },
    }
