"""Keeps the record of a deployment, and the manifests that it needs, in a ConfigMap; a Lease keeps others away."""

import base64
import gzip
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.deployment.errors import DeploymentError, LockedError, StepError
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.manifests import Manifest
from scripts.deployment.record import Record

NAME = "hotel-audio-deployment"
_RECORD = "record.json"
_LEASE_S, _RENEW_S = 30, 10
_MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"
_LABELS = {"app.kubernetes.io/name": "hotel-audio"}


class ClusterStore:
    """A ConfigMap and a Lease in a namespace.

    Args:
        kubectl: For the namespace.
    """

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._holder = f"{socket.gethostname()}/{os.getpid()}"
        self._lost = threading.Event()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the Lease, and renew it until the end. One that a killed process left is free after 30 s.

        Raises:
            LockedError: If another process has it.
        """
        if self._kubectl.get("namespace", self._kubectl.namespace) is None:  # a first deployment
            yield
            return
        self._acquire()
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(over,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()
            with suppress(StepError):  # it expires
                self._kubectl.delete("lease", NAME)

    def _acquire(self) -> None:
        held = self._kubectl.get("lease", NAME)
        try:
            if held is None:
                self._kubectl.run("create", "--filename=-", given=json.dumps(self._lease()))
                return
            if not _is_free(held):
                raise LockedError(f"another deployment is under way, by {held['spec']['holderIdentity']}")
            self._kubectl.run("replace", "--filename=-", given=json.dumps(self._lease(held)))
        except StepError as error:
            raise LockedError(f"another deployment began at this moment: {error.reason}") from None

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(_RENEW_S):
            try:
                held = self._kubectl.get("lease", NAME)
                if held is None or held["spec"]["holderIdentity"] != self._holder:
                    self._lost.set()
                    return
                self._kubectl.run("replace", "--filename=-", given=json.dumps(self._lease(held)))
            except StepError:
                continue  # the server is away; the next attempt is soon enough, or somebody else has the Lease by then

    def _lease(self, held: Manifest | None = None) -> Manifest:
        metadata = {"name": NAME, "labels": _LABELS}
        if held is not None:
            metadata["resourceVersion"] = held["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": _LEASE_S,
                "renewTime": datetime.now(UTC).strftime(_MICROSECONDS),
            },
        }

    def load(self) -> Record | None:
        """The record; None if there is none yet.

        Raises:
            DeploymentError: If it cannot be read.
        """
        found = self._kubectl.get("configmap", NAME)
        if found is None:
            return None
        try:
            return Record.from_json(found["data"][_RECORD])
        except (KeyError, ValueError) as error:
            message = f"ConfigMap {NAME}: {error}; look at what runs, then delete it"
            raise DeploymentError(message) from None

    def save(self, record: Record, manifests: dict[str, str] | None = None) -> None:
        """Replace the record; manifests, by their digest, are added, and those that it does not name are removed.

        Raises:
            StepError: If the server does not take it, or somebody else has taken the Lease.
        """
        if self._lost.is_set():
            raise StepError("the lock was lost: another deployment has it")
        kept = [version.settings for version in (record.before, record.after) if version is not None]
        texts = {name: text for name in kept if (text := (manifests or {}).get(name) or self._text(name)) is not None}
        self._kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": NAME, "namespace": self._kubectl.namespace, "labels": _LABELS},
                "data": {_RECORD: record.to_json()},
                "binaryData": {name: _packed(text) for name, text in texts.items()},
            }
        )

    def manifests(self, name: str) -> list[Manifest]:
        """Manifests by their digest.

        Raises:
            StepError: If they are not kept.
        """
        if (text := self._text(name)) is None:
            raise StepError(f"ConfigMap {NAME} has no manifests {name}")
        manifests: list[Manifest] = json.loads(text)
        return manifests

    def _text(self, name: str) -> str | None:
        found = self._kubectl.get("configmap", NAME)
        packed = None if found is None else found.get("binaryData", {}).get(name)
        return None if packed is None else gzip.decompress(base64.b64decode(packed)).decode()


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _is_free(held: Manifest) -> bool:
    """Whether a Lease has expired, or its holder was a process of this machine that has ended."""
    host, _, process = held["spec"]["holderIdentity"].partition("/")
    if host == socket.gethostname() and not Path(f"/proc/{process}").exists():
        return True
    renewed = datetime.strptime(held["spec"]["renewTime"], _MICROSECONDS).replace(tzinfo=UTC)
    return datetime.now(UTC) - renewed > timedelta(seconds=held["spec"]["leaseDurationSeconds"])
