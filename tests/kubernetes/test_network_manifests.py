"""Who may talk to whom, by the manifests; `test_network_policies` tries it."""

import pytest

from tests.kubernetes.built_manifests import INSTALLATIONS, Manifest, manifests_of, of_kind, only, overlay

pytestmark = pytest.mark.xdist_group("manifests")


def ports(rules: list[Manifest]) -> set[object]:
    return {port["port"] for rule in rules for port in rule["ports"]}


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_everything_is_denied_that_is_not_allowed(source: str) -> None:
    policy = only(manifests_of(source), "NetworkPolicy", "default-deny")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_workers_reach_dns_and_kafka_alone() -> None:
    rules = only(overlay("production"), "NetworkPolicy", "hotel-audio-to-kafka")["spec"]["egress"]
    assert ports(rules) == {53, 9092}
    assert all(rule["to"] for rule in rules)  # an empty list would be everything


def test_only_prometheus_nginx_and_the_validation_reach_workers() -> None:
    policies = of_kind(overlay("production"), "NetworkPolicy")
    rules = [rule for policy in policies for rule in policy["spec"].get("ingress", ())]
    assert ports(rules) == {"http"}
    assert all(rule["from"] for rule in rules)  # an empty list would be everybody
    named = {frozenset(labels(peer["podSelector"])) for rule in rules for peer in rule["from"]}
    assert named == {
        frozenset({"prometheus"}),
        frozenset({"ingress-nginx"}),
        frozenset({"prometheus", "nginx"}),
        frozenset({"hotel-audio", "validation"}),
    }


def labels(selector: Manifest) -> set[str]:
    """The values of labels that a selector asks for."""
    listed = (value for one in selector.get("matchExpressions", ()) for value in one["values"])
    return {*selector.get("matchLabels", {}).values(), *listed}


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_kafkas_address_has_the_port_that_is_open(source: str) -> None:
    maps = of_kind(manifests_of(source), "ConfigMap")
    (config,) = (one for one in maps if "settings" in one["metadata"]["name"])
    assert config["data"]["KAFKA_BOOTSTRAP_SERVERS"].endswith(":9092")
