"""The manifests of infra/k8s as kubectl builds them."""

import tempfile
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from scripts.kubernetes.kubectl import built, ensure_kubectl

ROOT = Path(__file__).parents[2]
K8S = ROOT / "infra" / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (K8S / "components").iterdir())
#: Components that change what another one has.
ON_TOP_OF = {"burst": ("hpa", "partitions")}

Manifest = dict[str, Any]
Manifests = tuple[Manifest, ...]


@cache
def overlay(name: str) -> Manifests:
    """What an overlay makes."""
    return _loaded(built(ensure_kubectl(print), K8S / "overlays" / name))


@cache
def with_component(*names: str) -> Manifests:
    """What the base makes in another namespace, with components and with those that a component needs."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [one for name in names for one in (*ON_TOP_OF.get(name, ()), name)]
        added = [relpath(K8S / "components" / one, Path(scratch).resolve()) for one in wanted]
        kustomization = {
            "namespace": "elsewhere",
            "resources": [relpath(K8S / "base", Path(scratch).resolve())],
            "components": added,
        }
        (Path(scratch) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return _loaded(built(ensure_kubectl(print), Path(scratch)))


@cache
def strimzi() -> Manifests:
    """Topics and users for Strimzi."""
    return _loaded(built(ensure_kubectl(print), K8S / "strimzi"))


@cache
def alone() -> Manifests:
    """The file that works alone."""
    return _loaded((K8S / "audio-scaling-config.yaml").read_text())


#: What makes manifests: all, and those that install workers.
INSTALLATIONS = (
    *(f"overlays/{name}" for name in OVERLAYS),
    *(f"components/{name}" for name in COMPONENTS),
    "audio-scaling-config.yaml",
)
SOURCES = (*INSTALLATIONS, "strimzi")


def manifests_of(source: str) -> Manifests:
    """The manifests that one of `SOURCES` makes."""
    folder, _, name = source.partition("/")
    if name:
        return overlay(name) if folder == "overlays" else with_component(name)
    return strimzi() if source == "strimzi" else alone()


def of_kind(manifests: Manifests, kind: str) -> list[Manifest]:
    """The manifests of one kind."""
    return [one for one in manifests if one["kind"] == kind]


def only(manifests: Manifests, kind: str, name: str) -> Manifest:
    """The one manifest of a kind and a name."""
    (found,) = (one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)
    return found


def pods(manifests: Manifests) -> list[Manifest]:
    """The templates of all pods."""
    repeated = [one["spec"]["jobTemplate"] for one in of_kind(manifests, "CronJob")]
    once = [one for kind in ("StatefulSet", "Deployment", "Job") for one in of_kind(manifests, kind)]
    return [one["spec"]["template"] for one in once + repeated]


def _loaded(text: str) -> Manifests:
    return tuple(yaml.safe_load_all(text))
