"""The manifests of infra/k8s: they build, fit the servers' schemas, are confined, and work together."""

import copy
import tomllib
from typing import Any

import pytest

from scripts.kubernetes.generated import generated
from scripts.kubernetes.kubectl import ensure_kubectl
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from streams.stores.configuration import parse_locations
from tests.kubernetes.built_manifests import (
    INSTALLATIONS,
    K8S,
    ROOT,
    SOURCES,
    Manifest,
    Manifests,
    alone,
    manifests_of,
    of_kind,
    only,
    overlay,
    pods,
    with_component,
)
from tests.kubernetes.strict_schemas import problems

pytestmark = pytest.mark.xdist_group("manifests")  # what is built once serves all tests

WORKER = "hotel-audio-worker"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def worker(manifests: Manifests) -> Manifest:
    return only(manifests, "StatefulSet", WORKER)


def container(pod: Manifest) -> Manifest:
    (one,) = pod["spec"]["containers"]
    found: Manifest = one
    return found


def selected(selector: Manifest, pod: Manifest) -> bool:
    return set(selector["matchLabels"].items()) <= set(pod["metadata"]["labels"].items())


@pytest.mark.parametrize("source", SOURCES)
def test_manifests_fit_the_schemas_of_their_kinds(source: str) -> None:
    assert manifests_of(source)
    assert [problem for manifest in manifests_of(source) for problem in problems(manifest)] == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("spec", "replica"), 3, "'replica' was unexpected"),
        (("spec", "template", "spec", "containers", 0, "port"), [], "'port' was unexpected"),
        (("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"), "http", "not of type 'integer'"),
        (("metadata", "label"), {}, "'label' was unexpected"),
    ],
)
def test_a_mistake_does_not_fit(path: tuple[Any, ...], value: Any, complaint: str) -> None:
    wrong = copy.deepcopy(worker(overlay("local")))
    place: Any = wrong
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (problem,) = problems(wrong)
    assert complaint in problem


@pytest.mark.parametrize(("component", "kind"), [("keda", "ScaledObject"), ("prometheus-operator", "ServiceMonitor")])
def test_a_mistake_in_an_operators_object_does_not_fit(component: str, kind: str) -> None:
    manifest = of_kind(with_component(component), kind)[0]
    wrong = copy.deepcopy(manifest)
    wrong["spec"]["selectors"] = {}
    assert problems(manifest) == []
    assert len(problems(wrong)) == 1


def test_generated_manifests_are_current() -> None:
    made = generated(K8S, ensure_kubectl(print))
    assert {name: (K8S / name).read_text() for name in made} == made, "run ./scripts/manifests --write"


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_pods_are_restricted(source: str) -> None:
    """The rules of the policy `restricted`, which the namespace enforces, and a root file system that is read-only."""
    (namespace,) = of_kind(manifests_of(source), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(pods(manifests_of(source))) >= 2
    for pod in pods(manifests_of(source)):
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        assert {kind for volume in pod["spec"]["volumes"] for kind in volume if kind != "name"} <= allowed
        assert container(pod)["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_pods_have_no_token_unless_a_component_projects_one(source: str) -> None:
    for account in of_kind(manifests_of(source), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for pod in pods(manifests_of(source)):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_images_are_of_this_version_and_never_the_latest(source: str) -> None:
    images = {container(pod)["image"] for pod in pods(manifests_of(source))}
    assert f"hotel-audio:{VERSION}" in images
    assert [image for image in images if not image.partition(":")[2] or image.endswith(":latest")] == []


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_settings_are_settings_of_the_worker_and_none_is_a_secret(source: str) -> None:
    public = {one.variable for one in declared(Settings).values() if not one.secret}
    assert of_kind(manifests_of(source), "Secret") == []
    (config,) = (one for one in of_kind(manifests_of(source), "ConfigMap") if "settings" in one["metadata"]["name"])
    assert config["data"].keys() <= public
    Settings.from_environment(config["data"])
    for pod in pods(manifests_of(source)):
        if pod["metadata"]["labels"]["app.kubernetes.io/name"] == "hotel-audio":
            assert container(pod)["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]


def test_changed_settings_are_a_rolling_update() -> None:
    names = {
        name: [one["metadata"]["name"] for one in of_kind(overlay(name), "ConfigMap") if "settings" in str(one)]
        for name in ("local", "production")
    }
    assert names["local"] != names["production"]
    assert all(one.startswith("hotel-audio-settings-") for found in names.values() for one in found)


def test_secrets_are_files_that_settings_name() -> None:
    template = worker(overlay("production"))["spec"]["template"]
    (variable,) = container(template)["env"]
    secrets = {one.file_variable for one in declared(Settings).values() if one.secret}
    assert variable["name"] in secrets
    (mounted,) = (one for one in container(template)["volumeMounts"] if one["name"] == "secrets")
    assert variable["value"] == f"{mounted['mountPath']}/admin-token"
    (volume,) = (one for one in template["spec"]["volumes"] if one["name"] == "secrets")
    assert volume["secret"]["secretName"] == "hotel-audio-secrets"


def test_the_worker_is_as_the_owners_ask() -> None:
    for manifests in (overlay("production"), alone()):
        spec = worker(manifests)["spec"]
        one = container(spec["template"])
        assert one["resources"] == {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": "2", "memory": "4Gi"},
        }
        assert "replicas" not in spec  # otherwise every apply would undo what the autoscaler did
        (claim,) = spec["volumeClaimTemplates"]
        mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
        assert mounts[claim["metadata"]["name"]] == "/var/lib/hotel-audio"


def test_kafkas_absence_does_not_kill_a_worker() -> None:
    one = container(worker(overlay("production"))["spec"]["template"])
    paths = {probe: one[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    # A worker that stalls has its own, more telling end: the probe waits longer than that.
    liveness = one["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > Settings().stall_timeout


def test_a_stop_has_the_time_that_the_guide_says() -> None:
    seconds = worker(overlay("production"))["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert f"give it {seconds} (`--stop-timeout`, `terminationGracePeriodSeconds`)" in (
        ROOT / "docs" / "DEPLOYMENT_GUIDE.md"
    ).read_text().replace("\n  ", " ")


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_everything_is_in_one_namespace(source: str) -> None:
    (namespace,) = of_kind(manifests_of(source), "Namespace")
    others = [one["metadata"].get("namespace") for one in manifests_of(source) if one is not namespace]
    assert set(others) == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("source", INSTALLATIONS)
def test_selectors_find_the_workers(source: str) -> None:
    manifests = manifests_of(source)
    spec = worker(manifests)["spec"]
    pod = spec["template"]
    budget = only(manifests, "PodDisruptionBudget", WORKER)
    service = only(manifests, "Service", spec["serviceName"])
    spread = pod["spec"]["topologySpreadConstraints"]
    for selector in (spec["selector"], budget["spec"]["selector"], *(one["labelSelector"] for one in spread)):
        assert selected(selector, pod)
    assert selected({"matchLabels": service["spec"]["selector"]}, pod)
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert pod["spec"]["serviceAccountName"] in {
        one["metadata"]["name"] for one in of_kind(manifests, "ServiceAccount")
    }


def test_the_file_that_works_alone_is_complete() -> None:
    """Every object that another one names is in it, and Kubernetes' own kinds suffice."""
    names = {(one["kind"], one["metadata"]["name"]) for one in alone()}
    assert {kind for kind, _ in names} == {
        "ConfigMap", "HorizontalPodAutoscaler", "Job", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service",
        "ServiceAccount", "StatefulSet",
    }  # fmt: skip
    assert alone()[0]["kind"] == "Namespace"
    namespace = alone()[0]["metadata"]["name"]
    assert {one["metadata"]["namespace"] for one in alone()[1:]} == {namespace}
    for pod in pods(alone()):
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in names
        for source in container(pod)["envFrom"]:
            assert ("ConfigMap", source["configMapRef"]["name"]) in names
        assert "env" not in container(pod)


def test_the_one_right_is_to_read_the_number_of_replicas() -> None:
    manifests = with_component("scale-reader")
    (role,) = of_kind(manifests, "Role")
    assert role["rules"] == [
        {"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "resourceNames": [WORKER], "verbs": ["get"]}
    ]
    (binding,) = of_kind(manifests, "RoleBinding")
    (subject,) = binding["subjects"]
    pod = worker(manifests)["spec"]["template"]
    (account,) = of_kind(manifests, "ServiceAccount")
    assert subject["name"] == pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert subject["namespace"] == account["metadata"]["namespace"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    variables = {one["name"] for one in container(pod)["env"]}
    assert variables == {"AUDIO_ORDINAL", "AUDIO_REPLICAS_FROM", "POD_NAMESPACE"}
    for name in ("local", "production", "staging"):
        assert of_kind(overlay(name), "Role") == []


def test_the_keys_of_the_stores_are_files_that_can_change() -> None:
    manifests = with_component("stores")
    pod = worker(manifests)["spec"]["template"]
    files = {one["name"]: one["value"] for one in container(pod)["env"]}
    assert set(files) == {"AUDIO_STORES_ACCESS_KEY_FILE", "AUDIO_STORES_SECRET_KEY_FILE"}
    (mount,) = (one for one in container(pod)["volumeMounts"] if one["name"] == "stores")
    assert "subPath" not in mount  # such a file would never change
    assert all(file.startswith(f"{mount['mountPath']}/") for file in files.values())
    for settings in of_kind(manifests, "ConfigMap"):
        if (stores := settings["data"].get("AUDIO_STORES")) is not None:
            assert parse_locations(stores)
            return
    raise AssertionError("no AUDIO_STORES")


def test_the_keys_are_turned_daily_and_workers_only_read_them() -> None:
    manifests = with_component("sealing")
    (cron,) = of_kind(manifests, "CronJob")
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert cron["spec"]["schedule"].split()[2:] == ["*", "*", "*"]
    turning, sealing = cron["spec"]["jobTemplate"]["spec"]["template"], worker(manifests)["spec"]["template"]
    assert container(turning)["args"] == ["keys", "turn"]
    (config,) = (one for one in of_kind(manifests, "ConfigMap") if "settings" in one["metadata"]["name"])
    for pod, reads_only in ((turning, False), (sealing, True)):
        (mount,) = (one for one in container(pod)["volumeMounts"] if one["name"] == "keys")
        assert config["data"]["AUDIO_KEY_STORE"].startswith(f"file://{mount['mountPath']}/")
        assert mount.get("readOnly", False) is reads_only
        (volume,) = (one for one in pod["spec"]["volumes"] if one["name"] == "keys")
        assert volume["persistentVolumeClaim"] == {"claimName": "hotel-audio-keys"}
    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in (turning, sealing)}
    assert len(users) == 1  # the file is open to its owner alone
    assert of_kind(manifests, "PersistentVolumeClaim") == []  # what is deleted with the workers must not be the keys
