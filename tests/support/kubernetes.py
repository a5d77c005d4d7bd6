"""A genuine Kubernetes for tests: a given one, or the one that the build machine can start beside the checkout."""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.workers import ROOT
from tests.support import service_images
from tests.support.containers import built_image, require_engine

_PROGRAM = ROOT.parent / "shared" / "cluster"
#: What starts the cluster and loads images into it, unless the settings KUBECONFIG and CLUSTER_LOAD_IMAGE are given.
_LOAD_IMAGE = "CLUSTER_LOAD_IMAGE"
_START_TIMEOUT_S = 2400
_COMMAND_TIMEOUT_S = 180
_LOAD_TIMEOUT_S = 300
_RECONNECT_S = 0.2


class KubectlError(Exception):
    """kubectl has failed; the message is its command line and what it has printed."""


class Cluster:
    """A cluster that answers.

    Args:
        environment: Variables with which kubectl finds it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def run(self, *arguments: str, given: str | None = None, timeout: float = _COMMAND_TIMEOUT_S) -> str:
        """Run kubectl; returns what it prints.

        Args:
            arguments: Of kubectl.
            given: Text for its standard input.
            timeout: Seconds.

        Raises:
            KubectlError: If it fails.
        """
        done = subprocess.run(
            ["kubectl", *arguments],
            input=given,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {shlex.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def read(self, *arguments: str) -> Any:
        """Run kubectl with JSON as its output; returns what it prints, decoded."""
        return json.loads(self.run(*arguments, "--output", "json"))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start kubectl in the background."""
        command = ["kubectl", *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def apply(self, manifests: str, *options: str) -> str:
        """Apply manifests, as their text is; the server refuses unknown fields."""
        return self.run("apply", "--server-side", "--force-conflicts", "--filename", "-", *options, given=manifests)

    def has(self, *arguments: str) -> bool:
        """Whether `kubectl get` finds an object."""
        return self.run("get", *arguments, "--ignore-not-found", "--output", "name").strip() != ""

    @contextmanager
    def namespace(self, prefix: str, *, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """A namespace that nothing else uses; it is deleted with all its contents at the end, and its volumes freed."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        self.apply(json.dumps(_object("v1", "Namespace", name, labels=dict(labels or {}))))
        try:
            yield name
        finally:
            self.remove_namespace(name)

    def remove_namespace(self, name: str) -> None:
        """Delete a namespace, and make the volumes that its pods had claimed claimable again."""
        self.run("delete", "namespace", name, "--wait", "--ignore-not-found", "--timeout", f"{_COMMAND_TIMEOUT_S}s")
        for volume in self.read("get", "persistentvolumes")["items"]:
            claim = volume["spec"].get("claimRef", {})
            local = volume["spec"].get("local", {}).get("path")
            if claim.get("namespace") == name and local is not None:
                self._free(volume["metadata"]["name"], Path(local))

    def _free(self, volume: str, directory: Path) -> None:
        """Empty a local volume and forget its claim; without a provisioner nobody else does."""
        for entry in directory.iterdir() if directory.is_dir() else ():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        forget = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
        self.run("patch", "persistentvolume", volume, "--type", "json", "--patch", forget)

    def load(self, image: str, engine: str) -> str:
        """Give the node an image of the local engine; returns the name by which pods have it."""
        name = f"localhost/{image}" if engine == "podman" else image
        known = {known for node in self.read("get", "nodes")["items"] for known in _images(node)}
        if not {name, f"docker.io/library/{name}"} & known:
            with tempfile.TemporaryDirectory() as scratch:
                archive = f"{scratch}/image.tar"
                subprocess.run(
                    [engine, "save", "--output", archive, name],
                    check=True,
                    capture_output=True,
                    timeout=_LOAD_TIMEOUT_S,
                )
                command = shlex.split(os.environ.get(_LOAD_IMAGE, f"{_PROGRAM} load-image"))
                subprocess.run([*command, archive], check=True, capture_output=True, timeout=_LOAD_TIMEOUT_S)
        return name

    @contextmanager
    def forwarded(self, namespace: str, target: str, local: int, remote: int) -> Iterator[None]:
        """Forward a port of this machine's loopback to a pod or service; renewed whenever the connection breaks."""
        over = threading.Event()
        arguments = ("--namespace", namespace, "port-forward", target, f"{local}:{remote}")
        thread = threading.Thread(target=self._forward, args=(over, arguments), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _forward(self, over: threading.Event, arguments: tuple[str, ...]) -> None:
        while not over.is_set():
            process = self.start(*arguments)
            try:
                while process.poll() is None and not over.wait(_RECONNECT_S):
                    pass
            finally:
                process.kill()
                process.wait()
            over.wait(_RECONNECT_S)


def _images(node: Mapping[str, Any]) -> Iterator[str]:
    for image in node["status"].get("images", []):
        yield from image.get("names", [])


def _object(version: str, kind: str, name: str, *, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": dict(labels)}}


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster that answers: that of KUBECONFIG, or the build machine's own, which is ended if it was started here.

    Where there is none, tests are skipped; in CI they fail if the machine has the program that starts one.
    """
    given = dict(os.environ)
    if "KUBECONFIG" in given and _answers(given):
        yield Cluster(given)
        return
    if not _PROGRAM.exists():
        if os.environ.get("CI") == "true" and "KUBECONFIG" in given:
            pytest.fail("the cluster of KUBECONFIG does not answer")
        pytest.skip("no Kubernetes: KUBECONFIG names none that answers, and this machine starts none of its own")
    was_up = "kube-apiserver: not running" not in _program("status")
    if not was_up:
        print("starting Kubernetes; the first time, its programs are compiled: 10 to 25 minutes", file=sys.__stderr__)
    environment = given | _exports(_program("up"))
    try:
        yield Cluster(environment)
    finally:
        if not was_up:
            _program("down")


def _answers(environment: Mapping[str, str]) -> bool:
    if shutil.which("kubectl", path=environment.get("PATH")) is None:
        return False
    command = ["kubectl", "get", "--raw", "/readyz", "--request-timeout", "10s"]
    return subprocess.run(command, env=dict(environment), capture_output=True, check=False).returncode == 0


def _program(action: str) -> str:
    done = subprocess.run(
        [str(_PROGRAM), action], capture_output=True, text=True, timeout=_START_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"cluster {action}: {done.stderr[-3000:]}"
    return done.stdout


def _exports(printed: str) -> dict[str, str]:
    """The variables that `cluster up` prints for a shell."""
    shell = ["bash", "-c", f'{printed}\nprintf \'%s\\n%s\' "$KUBECONFIG" "$PATH"']
    kubeconfig, path = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.split("\n")
    return {"KUBECONFIG": kubeconfig, "PATH": path}


@contextmanager
def product_image(cluster: Cluster) -> Iterator[str]:
    """Build the product's image and load it; returns its name for pods."""
    engine = require_engine()
    with built_image(engine) as image:
        yield cluster.load(image.name, engine)


def kafka_image(cluster: Cluster) -> str:
    """Build the image of infra/kafka, unless the engine has it already, and load it; returns its name for pods."""
    engine = require_engine()
    return cluster.load(service_images.kafka_image(engine), engine)
