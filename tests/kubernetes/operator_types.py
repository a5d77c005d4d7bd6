"""The types of resources of the operators that we have manifests for, so that the server validates these too."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support.kubernetes import Cluster

#: Go modules at their versions, and the definitions in them.
MODULES = {
    "github.com/kedacore/keda/v2@v2.17.2": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
}
#: Strimzi has its definitions in no registry of packages: these are ours, of the fields that we use, and as strict.
STRIMZI = Path(__file__).with_name("strimzi.yaml")
_DOWNLOAD_TIMEOUT_S = 300


@contextmanager
def operator_types(cluster: Cluster) -> Iterator[None]:
    """Install the types that the cluster lacks; they are removed at the end, with all objects of them."""
    missing = {}
    for definition in _definitions():
        name = yaml.safe_load(definition)["metadata"]["name"]
        if not cluster.has("customresourcedefinition", name):
            missing[f"customresourcedefinition/{name}"] = definition
    try:
        if missing:
            cluster.apply("\n---\n".join(missing.values()))
            cluster.run("wait", "--for=condition=Established", *missing, "--timeout=60s")
        yield
    finally:
        if missing:
            cluster.run("delete", *missing, "--ignore-not-found")


def _definitions() -> Iterator[str]:
    for module, files in MODULES.items():
        directory = _downloaded(module)
        yield from ((directory / file).read_text() for file in files)
    yield from STRIMZI.read_text().split("\n---\n")


def _downloaded(module: str) -> Path:
    if shutil.which("go") is None:
        pytest.fail(f"go is needed to get the types of {module}")
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])
