"""The manifests that scale the workers: the autoscaler, KEDA, the burst, and the partitions that feed the workers."""

from typing import Any

import pytest
import yaml

from schemas.topics import RAW, topic
from scripts.kubernetes.strimzi import PARTITIONS
from streams.runtime.settings import Settings
from streams.telemetry.metrics import Metrics
from tests.kubernetes.built_manifests import (
    K8S,
    Manifest,
    Manifests,
    alone,
    manifests_of,
    of_kind,
    overlay,
    with_component,
)

pytestmark = pytest.mark.xdist_group("manifests")

NAME = "agente-audio-hpa"


def autoscaler(manifests: Manifests) -> Manifest:
    (found,) = of_kind(manifests, "HorizontalPodAutoscaler")
    return found


def partitions(manifests: Manifests) -> int:
    """What `topics apply` makes."""
    (job,) = of_kind(manifests, "Job")
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[:2] == ["topics", "apply"]
    return int(arguments[3]) if arguments[2:3] == ["--partitions"] else topic(RAW).partitions


@pytest.mark.parametrize("source", ["overlays/production", "audio-scaling-config.yaml"])
def test_the_autoscaler_is_as_the_owners_ask(source: str) -> None:
    one = autoscaler(manifests_of(source))
    assert one["metadata"]["name"] == NAME
    assert (one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) == (3, 20)
    assert one["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": "hotel-audio-worker",
    }
    cpu, lag = one["spec"]["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert lag["external"]["target"] == {"type": "Value", "value": f"{Settings().lag_objective:g}"}


def test_a_burst_has_fifty_workers() -> None:
    assert autoscaler(with_component("burst"))["spec"]["maxReplicas"] == 50


@pytest.mark.parametrize(
    "source", ["overlays/production", "overlays/staging", "audio-scaling-config.yaml", "components/burst"]
)
def test_every_worker_can_have_a_partition(source: str) -> None:
    manifests = manifests_of(source)
    assert autoscaler(manifests)["spec"]["maxReplicas"] <= partitions(manifests)


def test_strimzi_makes_as_many_partitions_as_the_job() -> None:
    assert partitions(overlay("production")) == partitions(alone()) == PARTITIONS


def test_the_number_of_workers_does_not_follow_the_pauses_that_its_changes_make() -> None:
    """Calls wait 5 s at most in a rebalance, 10 s where a worker goes without leaving its group, as measured."""
    behavior = autoscaler(overlay("production"))["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] > 2 * 5
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    (step,) = behavior["scaleDown"]["policies"]
    assert step["type"] == "Pods"
    assert step["periodSeconds"] > 10 * 10


def test_keda_scales_like_the_autoscaler_and_under_its_name() -> None:
    hpa = autoscaler(overlay("production"))["spec"]
    (scaled,) = of_kind(with_component("keda"), "ScaledObject")
    spec = scaled["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (hpa["minReplicas"], hpa["maxReplicas"])
    assert spec["scaleTargetRef"] == hpa["scaleTargetRef"]
    made = spec["advanced"]["horizontalPodAutoscalerConfig"]
    assert made == {"name": NAME, "behavior": hpa["behavior"]}
    cpu, lag = spec["triggers"]
    assert cpu["metadata"]["value"] == str(hpa["metrics"][0]["resource"]["target"]["averageUtilization"])
    assert lag["metadata"]["threshold"] == hpa["metrics"][1]["external"]["target"]["value"]
    assert "audio_lag_seconds" in lag["metadata"]["query"]
    assert of_kind(with_component("keda"), "HorizontalPodAutoscaler") == []


def test_the_metric_of_the_autoscaler_is_made_from_one_that_workers_export() -> None:
    adapter: Any = yaml.safe_load((K8S / "components" / "hpa" / "prometheus-adapter.yaml").read_text())
    (rule,) = adapter["rules"]["external"]
    metric = autoscaler(overlay("production"))["spec"]["metrics"][1]["external"]["metric"]["name"]
    assert rule["name"]["as"] == metric
    series = rule["seriesQuery"].partition("{")[0]
    assert series in {family.name for family in Metrics().registry.collect()}
