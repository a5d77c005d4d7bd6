"""Registers the adapter of the workers' lag with a cluster, as its source of external metrics."""

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kubernetes import lag_adapter
from tests.support.containers import until
from tests.support.kubernetes import KubectlError
from tests.support.kubernetes_overlay import Installation, confined_pod

_NAME = "lag-adapter"
_WORKERS = "hotel-audio-workers"
_VERSION = "v1beta1.external.metrics.k8s.io"
_FILES = "/adapter"


@contextmanager
def lag_as_external_metric(installation: Installation) -> Iterator[None]:
    """Serve the lag of an installation to the autoscaler; the cluster must have no other source of external metrics."""
    cluster, namespace = installation.cluster, installation.namespace
    assert not cluster.has("apiservice", _VERSION), f"the cluster has a {_VERSION} already"
    try:
        cluster.apply("\n---\n".join(map(json.dumps, _manifests(installation))), "--namespace", namespace)
        installation.kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--timeout=120s")
        until(lambda: _answers(installation), 60, every=1)
        yield
    finally:
        cluster.run("delete", "apiservice", _VERSION, "--ignore-not-found")


def _answers(installation: Installation) -> bool:
    path = f"/apis/{lag_adapter.API}/namespaces/{installation.namespace}/{lag_adapter.METRIC}"
    try:
        return "items" in json.loads(installation.cluster.run("get", "--raw", path))
    except KubectlError:
        return False


def _manifests(installation: Installation) -> list[dict[str, Any]]:
    # Workers answer to Prometheus, in whose place the adapter is.
    labels = {"app.kubernetes.io/name": "prometheus", "test": _NAME}
    files = {"lag_adapter.py": Path(lag_adapter.__file__).read_bytes(), **_certificate()}
    command = ["python3", f"{_FILES}/lag_adapter.py", _WORKERS, installation.namespace]
    command += [f"{_FILES}/tls.crt", f"{_FILES}/tls.key"]
    pod = confined_pod(_NAME, installation.overlay.images["hotel-audio"], labels, command)
    pod["spec"]["volumes"] = [{"name": "files", "secret": {"secretName": _NAME}}]
    container = pod["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "files", "mountPath": _FILES, "readOnly": True}]
    container["readinessProbe"] = {"tcpSocket": {"port": lag_adapter.PORT}, "periodSeconds": 1}
    selector = {"matchLabels": {"test": _NAME}}
    anywhere = {"podSelector": selector, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
    ports = [{"port": 443, "targetPort": lag_adapter.PORT}]
    service = {"group": "external.metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": True}
    service |= {"service": {"name": _NAME, "namespace": installation.namespace}}
    service |= {"groupPriorityMinimum": 100, "versionPriority": 100}
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return [
        _object("v1", "Secret", data=encoded),
        _object("networking.k8s.io/v1", "NetworkPolicy", spec=anywhere),
        _object("v1", "Service", spec={"selector": {"test": _NAME}, "ports": ports}),
        pod,
        _object("apiregistration.k8s.io/v1", "APIService", name=_VERSION, spec=service),
    ]


def _object(version: str, kind: str, *, name: str = _NAME, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _certificate() -> dict[str, bytes]:
    """A certificate that nobody checks, with its key."""
    with tempfile.TemporaryDirectory() as scratch:
        key, certificate = Path(scratch) / "tls.key", Path(scratch) / "tls.crt"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={_NAME}", "-days", "2"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return {file.name: file.read_bytes() for file in (key, certificate)}
