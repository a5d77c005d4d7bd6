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


def test_only_prometheus_and_nginx_reach_workers() -> None:
    manifests = overlay("production")
    entries = [one for one in of_kind(manifests, "NetworkPolicy") if one["spec"].get("ingress")]
    (policy,) = entries
    assert ports(policy["spec"]["ingress"]) == {"http"}
    (rule,) = policy["spec"]["ingress"]
    named = {
        value
        for peer in rule["from"]
        for value in (
            *peer["podSelector"].get("matchLabels", {}).values(),
            *(value for one in peer["podSelector"].get("matchExpressions", ()) for value in one["values"]),
        )
    }
    assert named == {"prometheus", "nginx", "ingress-nginx"}


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_kafkas_address_has_the_port_that_is_open(source: str) -> None:
    maps = of_kind(manifests_of(source), "ConfigMap")
    (config,) = (one for one in maps if "settings" in one["metadata"]["name"])
    assert config["data"]["KAFKA_BOOTSTRAP_SERVERS"].endswith(":9092")
