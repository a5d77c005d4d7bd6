"""The files of infra/k8s that are generated, with their content."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from scripts.kubernetes.kubectl import built
from scripts.kubernetes.prometheus_operator import prometheus_rule
from scripts.kubernetes.strimzi import Manifest, kafka_topics, kafka_users

_WRITTEN_BY = "{source} `./scripts/manifests --write` writes this file.\n"
_ALONE = """\
# The workers on Kubernetes with everything that they need beside Kafka, in one file for `kubectl apply --filename`.
# First set two things in it: KAFKA_BOOTSTRAP_SERVERS in the ConfigMap, and the image's name as your registry has it.
# Settings that change later: `kubectl --namespace hotel-audio rollout restart statefulset/hotel-audio-worker`.
#
# """


def generated(directory: Path, kubectl: str) -> dict[str, str]:
    """The content of each file, by its name.

    Args:
        directory: infra/k8s.
        kubectl: The program.

    Raises:
        KubectlError: If the manifests cannot be rendered.
    """
    alone = _ALONE + _WRITTEN_BY.format(source="Rendered from infra/k8s/overlays/scaling.")
    return {
        "components/prometheus-operator/rules.yaml": _file("infra/prometheus/*.rules.yml", [prometheus_rule()]),
        "strimzi/topics.yaml": _file("schemas/topics.yaml", kafka_topics()),
        "strimzi/users.yaml": _file("schemas/topics.yaml and scripts/kubernetes/strimzi.py", kafka_users()),
        "audio-scaling-config.yaml": alone + built(kubectl, directory / "overlays" / "scaling"),
    }


def _file(source: str, manifests: Iterable[Manifest]) -> str:
    class Dumper(yaml.SafeDumper):
        """With a representation of its own for texts."""

    Dumper.add_representer(str, _text)
    text: str = yaml.dump_all(manifests, Dumper=Dumper, sort_keys=False, width=120)
    return "# " + _WRITTEN_BY.format(source=f"From {source}.") + text


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Write a text of several lines, which queries are, as such."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)
