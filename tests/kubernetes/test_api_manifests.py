"""The manifests of the HTTP API: a component that others fit."""

import pytest

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
