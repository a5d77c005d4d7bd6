"""The manifests of the HTTP API: a component that others fit."""

import pytest

from scripts.deployment import manifests as deployment
from tests.kubernetes.built_manifests import of_kind, only, with_component
from tests.kubernetes.test_manifests import container, selected, worker

pytestmark = pytest.mark.xdist_group("manifests")  # what is built once serves all tests


def test_an_api_process_gets_requests_when_it_has_its_index() -> None:
    manifests = with_component("api")
    (deployment,) = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]
    one = container(pod)
    assert one["args"] == ["api"]
    assert (one["readinessProbe"]["httpGet"]["path"], one["livenessProbe"]["httpGet"]["path"]) == (
        "/health/ready", "/health/live",
    )  # fmt: skip
    for selector in (
        deployment["spec"]["selector"],
        {"matchLabels": only(manifests, "Service", "hotel-audio-api")["spec"]["selector"]},
        only(manifests, "PodDisruptionBudget", "hotel-audio-api")["spec"]["selector"],
        only(manifests, "NetworkPolicy", "hotel-audio-api")["spec"]["podSelector"],
    ):
        assert selected(selector, pod)
        assert not selected(selector, worker(manifests)["spec"]["template"])
    (variable,) = one["env"]
    mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
    assert variable == {"name": "AUDIO_API_KEYS_FILE", "value": f"{mounts['keys']}/api-keys.json"}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert "emptyDir" in volumes["state"]  # its index is made from the topics


def test_where_there_is_an_api_it_reads_stores_and_key_store_as_workers_do() -> None:
    (deployment,) = of_kind(with_component("api", "stores", "sealing"), "Deployment")
    mounts = {mount["mountPath"] for mount in container(deployment["spec"]["template"])["volumeMounts"]}
    assert mounts >= {"/run/secrets/hotel-audio-stores", "/var/lib/hotel-audio-keys"}
    for name in ("stores", "sealing"):
        assert of_kind(with_component(name), "Deployment") == []


def test_a_deployment_gives_the_new_image_to_all_that_have_the_workers_one() -> None:
    changed = deployment.with_image(with_component("api", "sealing", "local-kafka"), "registry.example/hotel-audio:2")
    images = {
        one["metadata"]["name"]: deployment.container_of(workload)["image"]
        for one in changed
        for workload in deployment.workloads([one])
    }
    assert images == {
        "hotel-audio-api": "registry.example/hotel-audio:2",
        "hotel-audio-key-turn": "registry.example/hotel-audio:2",
        "hotel-audio-topics": "registry.example/hotel-audio:2",
        "hotel-audio-worker": "registry.example/hotel-audio:2",
        "kafka": "hotel-audio-kafka:local",
    }


def test_a_deployment_misses_the_secret_of_the_api() -> None:
    manifests = with_component("api", "secrets")
    assert deployment.missing_secrets(manifests, {"hotel-audio-secrets"}.__contains__) == ["hotel-audio-api-keys"]
    assert deployment.missing_secrets(manifests, {"hotel-audio-secrets", "hotel-audio-api-keys"}.__contains__) == []


def test_the_validation_reaches_the_api_from_both_ends() -> None:
    manifests = with_component("api")
    validation = {"app.kubernetes.io/name": "hotel-audio", "app.kubernetes.io/component": "validation"}
    api = {"app.kubernetes.io/name": "hotel-audio", "app.kubernetes.io/component": "api"}
    leaving = only(manifests, "NetworkPolicy", "hotel-audio-validation-to-api")["spec"]
    assert leaving["podSelector"] == {"matchLabels": validation}
    assert leaving["egress"] == [
        {"to": [{"podSelector": {"matchLabels": api}}], "ports": [{"protocol": "TCP", "port": 8080}]}
    ]
    (rule,) = only(manifests, "NetworkPolicy", "hotel-audio-api")["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": validation}} in rule["from"]
