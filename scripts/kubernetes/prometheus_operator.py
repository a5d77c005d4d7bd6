"""The rules of infra/prometheus as the Prometheus operator's PrometheusRule."""

from pathlib import Path
from typing import Any

import yaml

_RULES = Path(__file__).resolve().parents[2] / "infra" / "prometheus"
#: The autoscaler's lower limit (infra/k8s/components/hpa).
_WORKERS_MINIMUM = 3
_MINIMUM_RULE = "audio_workers_minimum"


def prometheus_rule() -> dict[str, Any]:
    """The manifest, with the groups of all files in their order."""
    groups = [
        group for file in sorted(_RULES.glob("*.rules.yml")) for group in yaml.safe_load(file.read_text())["groups"]
    ]
    for rule in (rule for group in groups for rule in group["rules"]):
        if rule.get("record") == _MINIMUM_RULE:
            rule["expr"] = f"vector({_WORKERS_MINIMUM})"
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "hotel-audio", "labels": {"app.kubernetes.io/name": "hotel-audio"}},
        "spec": {"groups": groups},
    }
