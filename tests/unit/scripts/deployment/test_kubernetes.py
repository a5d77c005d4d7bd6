"""What a deployment makes of manifests, and of what a server says of pods."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from scripts.deployment import manifests as k8s
from scripts.deployment.cluster_store import ClusterStore
from scripts.deployment.errors import DeploymentError, LockedError, StepError
from scripts.deployment.jobs import run_job
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.manifests import Manifest
from scripts.deployment.programs import ProgramError
from scripts.deployment.record import new_record
from scripts.deployment.rollout import is_complete, troubles
from tests.chaos.workers import ROOT
from tests.unit.scripts.deployment.memory import NEW, OLD

BASE = ROOT / "infra" / "k8s" / "base"


@pytest.fixture
def manifests() -> list[Manifest]:
    """The workers and the Job of the base, with settings, as an overlay renders them."""
    texts = [(BASE / name).read_text() for name in ("worker.yaml", "topics.yaml")]
    settings = {"kind": "ConfigMap", "metadata": {"name": "hotel-audio-settings"}, "data": {"AUDIO_GROUP": "g"}}
    found = [*(one for text in texts for one in k8s.parsed(text)), settings]
    for one in found:
        one["metadata"]["namespace"] = "hotel-audio"
    return found


def test_workers_and_topics_get_the_image_and_nothing_else_does(manifests: list[Manifest]) -> None:
    before = k8s.printed(manifests)
    changed = k8s.with_image(manifests, "registry.example/hotel-audio:2")
    images = [k8s.container_of(one)["image"] for one in k8s.without(changed, "ConfigMap")]
    assert images == ["registry.example/hotel-audio:2"] * 2
    assert k8s.printed(manifests) == before
    assert k8s.printed(changed).replace("registry.example/hotel-audio:2", "hotel-audio") == before


def test_an_overlay_without_workers_is_told() -> None:
    with pytest.raises(StepError, match="the overlay has no StatefulSet hotel-audio-worker"):
        k8s.with_image([], "hotel-audio:2")


@pytest.mark.parametrize("inline", [True, False])
def test_a_one_off_job_is_confined_as_the_others_and_tried_once(manifests: list[Manifest], inline: bool) -> None:
    job = k8s.one_off(manifests, "hotel-audio-validation", ["final-validation"], inline=inline)
    pod, container = job["spec"]["template"], k8s.container_of(job)
    assert (job["metadata"]["name"], job["metadata"]["namespace"]) == ("hotel-audio-validation", "hotel-audio")
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "validation"
    assert (job["spec"]["backoffLimit"], pod["spec"]["restartPolicy"]) == (0, "Never")
    assert container["args"] == ["final-validation"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    if inline:
        assert ({"name": "AUDIO_GROUP", "value": "g"} in container["env"], container["envFrom"]) == (True, [])
    else:
        assert container["envFrom"] == [{"configMapRef": {"name": "hotel-audio-settings"}}]


def test_what_the_server_adds_is_not_applied_again() -> None:
    live = {
        "kind": "Service",
        "metadata": {"name": "a", "labels": {"x": "y"}, "uid": "1", "resourceVersion": "2", "managedFields": []},
        "spec": {"clusterIP": "None"},
        "status": {},
    }
    applied = k8s.as_applied(live)
    assert applied == {"kind": "Service", "metadata": {"name": "a", "labels": {"x": "y"}}, "spec": live["spec"]}
    assert live["metadata"]["uid"] == "1"  # type: ignore[index]  # a literal of several types


def test_secrets_that_a_worker_needs_are_found(manifests: list[Manifest]) -> None:
    workload = k8s.named(manifests, "StatefulSet", k8s.WORKER)
    assert k8s.secrets_of(workload) == set()
    k8s.container_of(workload)["envFrom"] += [
        {"secretRef": {"name": "a"}},
        {"secretRef": {"name": "b", "optional": True}},
    ]
    workload["spec"]["template"]["spec"]["volumes"].append({"name": "s", "secret": {"secretName": "c"}})
    assert k8s.secrets_of(workload) == {"a", "c"}
    assert k8s.config_maps(workload) == ["hotel-audio-settings"]


def workload(replicas: int, updated: int, ready: int, *, current: str = "old", generation: int = 2) -> Manifest:
    counts = {"replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready}
    status = {"observedGeneration": 2, "updateRevision": "new", "currentRevision": current, **counts}
    return {"metadata": {"generation": generation}, "spec": {"replicas": replicas}, "status": status}


def test_a_rollout_is_complete_when_every_replica_is_new_and_ready() -> None:
    assert is_complete(workload(3, 3, 3, current="new"))
    assert not is_complete(workload(3, 2, 3))
    assert not is_complete(workload(3, 3, 2, current="new"))
    assert not is_complete(workload(3, 3, 3, current="new", generation=3)), "it has not been seen yet"


def pod(name: str, revision: str, **container: Any) -> Manifest:
    status = {"restartCount": 0, "state": {"running": {}}, **container}
    labels = {"controller-revision-hash": revision}
    return {"metadata": {"name": name, "labels": labels}, "status": {"containerStatuses": [status]}}


def test_pods_that_will_not_run_are_found_at_once() -> None:
    ended = {"terminated": {"exitCode": 3}}
    pods = [
        pod("fine", "new"),
        pod("once", "new", restartCount=1, lastState=ended),
        pod("crashing", "new", restartCount=2, lastState=ended),
        pod("image", "new", state={"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
        pod("starting", "new", state={"waiting": {"reason": "ContainerCreating"}}),
        pod("other", "old", restartCount=9, lastState=ended),
        {"metadata": {"name": "pending", "labels": {"controller-revision-hash": "new"}}, "status": {}},
    ]
    found = {one.pod: one.reason for one in troubles(pods, "new")}
    assert found == {"crashing": "exit code 3, started again 2 times", "image": "ErrImagePull: not found"}


class MemoryKubectl(Kubectl):
    """kubectl on objects in memory, as far as the record and Jobs need it."""

    def __init__(self, job_status: Mapping[str, Any] | None = None, log: Sequence[str] = ()) -> None:
        super().__init__("hotel-audio", 1.0)
        self.objects: dict[tuple[str, str], Manifest] = {("namespace", "hotel-audio"): {}}
        self.job_status = dict(job_status or {})
        self.lines = log
        self.pods: list[Manifest] = []

    def get(self, kind: str, name: str) -> Manifest | None:
        return self.objects.get((kind, name))

    def listed(self, kind: str, selector: str) -> list[Manifest]:
        return self.pods

    def apply(self, *manifests: Manifest, options: tuple[str, ...] = ()) -> None:
        for one in manifests:
            status = {"status": self.job_status} if one["kind"] == "Job" else {}
            self.objects[one["kind"].lower(), one["metadata"]["name"]] = {**one, **status}

    def delete(self, kind: str, *names: str) -> None:
        for name in names:
            self.objects.pop((kind, name), None)

    def run(self, *arguments: str, given: str = "") -> str:
        if arguments[0] == "logs":
            return "\n".join(self.lines)
        made = json.loads(given)
        key = made["kind"].lower(), made["metadata"]["name"]
        if (arguments[0] == "create") == (key in self.objects):
            raise ProgramError("Conflict")
        self.objects[key] = {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}
        return ""


def test_record_and_manifests_are_kept_in_the_cluster() -> None:
    kubectl = MemoryKubectl()
    store = ClusterStore(kubectl)
    record = new_record("staging", OLD, NEW, workers=3, rollback=True, former=["r1"])
    with store.lock():
        assert store.load() is None
        store.save(record, {OLD.settings: '[{"kind": "a"}]', NEW.settings: "[]", "earlier": "[]"})
        store.save(record.succeeded(1.0, "applied"))
    loaded = ClusterStore(kubectl).load()
    assert loaded == record.succeeded(1.0, "applied")
    assert store.manifests(OLD.settings) == [{"kind": "a"}]
    with pytest.raises(StepError, match="has no manifests earlier"):
        store.manifests("earlier")
    assert kubectl.get("lease", "hotel-audio-deployment") is None, "the lock is given back"


def test_a_damaged_record_is_told() -> None:
    kubectl = MemoryKubectl()
    kubectl.objects["configmap", "hotel-audio-deployment"] = {"data": {"record.json": "{}"}}
    with pytest.raises(DeploymentError, match="look at what runs"):
        ClusterStore(kubectl).load()


def test_two_cannot_deploy_at_once_and_a_killed_ones_lock_is_taken_over() -> None:
    kubectl = MemoryKubectl()
    with ClusterStore(kubectl).lock(), pytest.raises(LockedError, match="under way"), ClusterStore(kubectl).lock():
        pass
    with ClusterStore(kubectl).lock():
        lease = kubectl.objects["lease", "hotel-audio-deployment"]
    for change in ({"holderIdentity": "elsewhere/1", "renewTime": "2026-01-01T00:00:00.000000Z"},):
        kubectl.objects["lease", "hotel-audio-deployment"] = {**lease, "spec": {**lease["spec"], **change}}
        with ClusterStore(kubectl).lock():
            held = kubectl.objects["lease", "hotel-audio-deployment"]
        assert held["spec"]["holderIdentity"] == lease["spec"]["holderIdentity"]
    busy = {**lease["spec"], "holderIdentity": "elsewhere/1"}
    kubectl.objects["lease", "hotel-audio-deployment"] = {**lease, "spec": busy}
    with pytest.raises(LockedError, match="by elsewhere/1"), ClusterStore(kubectl).lock():
        pass


JOB: Manifest = {"kind": "Job", "metadata": {"name": "hotel-audio-topics"}}
CREATED = {"creationTimestamp": "2026-01-01T00:00:00Z"}


def test_a_job_is_run_to_its_end() -> None:
    kubectl = MemoryKubectl({"succeeded": 1}, ["created audio.raw"])
    kubectl.pods = [{"metadata": {"name": "p", **CREATED}, "status": {}}]
    done = run_job(kubectl, JOB, 1.0)
    assert (done.code, done.output) == (0, "created audio.raw")
    kubectl = MemoryKubectl({"conditions": [{"type": "Failed", "status": "True"}]})
    assert run_job(kubectl, JOB, 1.0).code == 1


def test_a_job_whose_pod_cannot_run_or_that_does_not_end_is_a_failure() -> None:
    kubectl = MemoryKubectl(log=["the last line"])
    kubectl.pods = [pod("p", "", state={"waiting": {"reason": "ErrImagePull"}})]
    with pytest.raises(StepError, match="does not run: ErrImagePull") as error:
        run_job(kubectl, JOB, 1.0)
    assert error.value.log == ("the last line",)
    kubectl.pods = []
    with pytest.raises(StepError, match=r"did not end within 0\.01 s"):
        run_job(kubectl, JOB, 0.01)
