"""Writes what `tests/kubernetes/schemas` has, without descriptions, from a running cluster and files of definitions.

`python -m tests.kubernetes.collect_schemas CRD_FILE...`: the schemas of Kubernetes' own kinds come from the API server
that kubectl talks to (Kubernetes 1.34), the definitions from KEDA 2.21.0, Prometheus operator 0.85.0 and Strimzi 1.2.0.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).parent / "schemas"
_KINDS = {
    "/api/v1": ("ConfigMap", "Namespace", "Secret", "Service", "ServiceAccount"),
    "/apis/apps/v1": ("Deployment", "StatefulSet"),
    "/apis/autoscaling/v2": ("HorizontalPodAutoscaler",),
    "/apis/batch/v1": ("CronJob", "Job"),
    "/apis/networking.k8s.io/v1": ("NetworkPolicy",),
    "/apis/policy/v1": ("PodDisruptionBudget",),
    "/apis/rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}
_REFERENCE = "#/components/schemas/"


def main(files: Sequence[str]) -> None:
    """Write the files."""
    kept: dict[str, Any] = {}
    for path, kinds in _KINDS.items():
        served = json.loads(subprocess.check_output(["kubectl", "get", "--raw", f"/openapi/v3{path}"]))
        schemas = served["components"]["schemas"]
        for name, schema in schemas.items():
            group_kinds = {(one["version"], one["kind"]) for one in schema.get("x-kubernetes-group-version-kind", ())}
            if any((path.rpartition("/")[2], kind) in group_kinds for kind in kinds) and not name.endswith("List"):
                _keep(name, schemas, kept)
    _write(SCHEMAS / "kubernetes.json", {"components": {"schemas": dict(sorted(kept.items()))}})
    for file in files:
        definition = yaml.safe_load(Path(file).read_text())
        _write(SCHEMAS / "crds" / f"{definition['metadata']['name']}.json", _without_descriptions(definition))


def _keep(name: str, schemas: dict[str, Any], kept: dict[str, Any]) -> None:
    """Keep a schema and those that it refers to."""
    if name not in kept:
        kept[name] = _without_descriptions(schemas[name])
        for other in _references(kept[name]):
            _keep(other, schemas, kept)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].removeprefix(_REFERENCE)
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _references(one)


def _without_descriptions(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _without_descriptions(value)
            for name, value in node.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [_without_descriptions(one) for one in node] if isinstance(node, list) else node


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
