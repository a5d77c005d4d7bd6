"""Deploys to Kubernetes with kubectl: the target of `deploy kubernetes`."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from scripts.deployment import manifests as k8s
from scripts.deployment.cluster_store import ClusterStore
from scripts.deployment.errors import StepError
from scripts.deployment.jobs import run_job
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.kubernetes_checks import kubernetes_checks, pods_of
from scripts.deployment.manifests import TOPICS, WORKER, Manifest
from scripts.deployment.record import Record, Version, new_record, settings_digest
from scripts.deployment.rollout import is_complete, is_leaving, progress, restarts_of, revision_of, troubles
from scripts.deployment.target import Check, Request, Tell
from scripts.deployment.validation import verdict

_POLL_S = 1.0
_PATIENCE_S = 600.0  # of a rollout as a whole, for each worker
_VALIDATION = "hotel-audio-validation"
#: What a rollback does not delete although the version before had none: it holds nothing up, or holds data.
_KEPT = ("ConfigMap", "Job", "Namespace", "PersistentVolumeClaim", "Secret")


class KubernetesTarget:
    """The namespace of an overlay. Its lock and its record are in that namespace.

    Args:
        kubectl: For the namespace.
        rendered: The overlay's manifests, with the image after.
        timeout: Seconds that a worker may take to become ready, once its pod has begun.
        tell: Shows progress.
    """

    def __init__(self, kubectl: Kubectl, rendered: Sequence[Manifest], timeout: float, tell: Tell) -> None:
        self._kubectl = kubectl
        self._store = ClusterStore(kubectl)
        self._rendered = rendered
        self._timeout = timeout
        self._tell = tell

    def lock(self) -> AbstractContextManager[None]:
        """Keep other deployments of the namespace away."""
        return self._store.lock()

    def load(self) -> Record | None:
        """The record of the last deployment."""
        return self._store.load()

    def save(self, record: Record) -> None:
        """Replace the record."""
        self._store.save(record)

    def secrets(self) -> list[str]:
        """Nothing: the manifests name Secrets, whose values are never read."""
        return []

    def checks(self, request: Request) -> Iterator[Check]:
        """Look whether a deployment can succeed, and can be taken back."""
        return kubernetes_checks(self._kubectl, self._rendered, request)

    def plan(self, request: Request) -> Record | None:
        """A record of what is to be done; None if everything is as requested."""
        live = self._kubectl.get("statefulset", WORKER)
        if live is not None and is_complete(live) and not self._kubectl.differs(*k8s.without(self._rendered, "Job")):
            return None
        before = None
        if live is not None:
            image = str(k8s.container_of(live)["image"])
            before = Version(image, self._running_digest(), settings_digest(k8s.printed(self._before(live))))
        after = Version(request.image, "", settings_digest(k8s.printed(self._rendered)))
        workload = k8s.named(self._rendered, "StatefulSet", WORKER)
        workers = workload["spec"].get("replicas") or (live or workload)["spec"].get("replicas", 1)
        former = [] if live is None else [str(live["status"].get("currentRevision", ""))]
        return new_record(request.environment, before, after, workers=workers, rollback=request.rollback, former=former)

    def _running_digest(self) -> str:
        for pod in pods_of(self._kubectl):
            for container in pod["status"].get("containerStatuses", []):
                return f"sha256:{str(container['imageID']).rpartition('sha256:')[2]}"
        return ""

    def _before(self, live: Manifest) -> list[Manifest]:
        """What runs: every object that the overlay has as well, and the settings that the workers use."""
        found = self._kubectl.live(*k8s.without(self._rendered, "Job", "Namespace", "Secret"))
        known = {k8s.reference(one) for one in found}
        maps = [self._kubectl.get("configmap", name) for name in k8s.config_maps(live)]
        found += [one for one in maps if one is not None and k8s.reference(one) not in known]
        kept = [k8s.as_applied(one) for one in found]
        if ("StatefulSet", WORKER) in known and not self._fixes_replicas():
            k8s.named(kept, "StatefulSet", WORKER)["spec"].pop("replicas", None)  # an autoscaler's
        return kept

    def _fixes_replicas(self) -> bool:
        return "replicas" in k8s.named(self._rendered, "StatefulSet", WORKER)["spec"]

    def begin(self, record: Record) -> None:
        """Keep the manifests after, and all of what runs."""
        kept = {record.after.settings: k8s.printed(self._rendered)}
        live = self._kubectl.get("statefulset", WORKER)
        if record.before is None or live is None:
            self._kubectl.apply(*(one for one in self._rendered if one["kind"] == "Namespace"))
        else:
            kept[record.before.settings] = k8s.printed(self._before(live))
        self._store.save(record, kept)

    def services(self, record: Record) -> str:
        """Apply everything but the workers and the Job that makes topics."""
        others = [
            one
            for one in self._store.manifests(record.after.settings)
            if k8s.reference(one) not in {("StatefulSet", WORKER), ("Job", TOPICS)}
        ]
        self._kubectl.apply(*others)
        return f"{len(others)} objects applied"

    def topics(self, record: Record) -> str:
        """Create missing topics, by the Job of the version after."""
        job = k8s.named(self._store.manifests(record.after.settings), "Job", TOPICS)
        done = run_job(self._kubectl, job, self._timeout)
        lines = (done.output + done.errors).splitlines()
        if done.code != 0:
            raise StepError(lines[-1] if lines else "the Job failed", tuple(lines[-15:]))
        created = sum(line.startswith("created") for line in lines)
        return f"{created} created, {sum(line.startswith('checked') for line in lines)} there"

    def workers(self, record: Record) -> str:
        """Apply the StatefulSet, which replaces the workers one by one, and watch it."""
        self._kubectl.apply(k8s.named(self._store.manifests(record.after.settings), "StatefulSet", WORKER))
        return self._rolled_out()

    def _rolled_out(self) -> str:
        told, since, begin = "", time.monotonic(), time.monotonic()
        while True:
            live = self._workload()
            if (now := progress(live)) != told:
                told, since = now, time.monotonic()
                self._tell(f"workers: {told}")
            if is_complete(live):
                return told
            pods = pods_of(self._kubectl)
            for trouble in troubles(pods, live["status"].get("updateRevision", "")):
                raise StepError(f"the pod {trouble.pod} does not run: {trouble.reason}", self._kubectl.log(trouble.pod))
            if time.monotonic() - since > self._timeout or time.monotonic() - begin > _PATIENCE_S * max(len(pods), 1):
                slow = self._slow_pod(pods, live)
                log = self._kubectl.log(slow) if slow else ()
                raise StepError(f"no progress for {time.monotonic() - since:.0f} s: {told}", log)
            time.sleep(_POLL_S)

    def _slow_pod(self, pods: Sequence[Manifest], live: Manifest) -> str | None:
        revision = live["status"].get("updateRevision", "")
        new = [str(pod["metadata"]["name"]) for pod in pods if revision_of(pod) == revision and not is_leaving(pod)]
        return new[-1] if new else None

    def _workload(self) -> Manifest:
        if (live := self._kubectl.get("statefulset", WORKER)) is None:
            raise StepError(f"the StatefulSet {WORKER} is gone")
        return live

    def validation(self, record: Record) -> str:
        """Run the validation of the image after, as a Job."""
        pods = [pod for pod in pods_of(self._kubectl) if not is_leaving(pod)]
        restarts = {pod["metadata"]["name"]: restarts_of(pod) for pod in pods}
        addresses = [pod["status"]["podIP"] for pod in pods]
        options = [part for address in addresses for part in ("--worker-url", f"http://{address}:8080")]
        manifests = self._store.manifests(record.after.settings)
        job = k8s.one_off(manifests, _VALIDATION, ["final-validation", *options, "--json", "-"], inline=False)
        told = verdict(run_job(self._kubectl, job, self._timeout))
        for pod in pods_of(self._kubectl):
            name = str(pod["metadata"]["name"])
            if restarts_of(pod) > restarts.get(name, 0):
                raise StepError(f"the worker in {name} ended during the validation", self._kubectl.log(name))
        return told

    def restore(self, record: Record) -> str:
        """Put the version before back.

        All workers of the version after are stopped at once: records wait in Kafka, while a version that does not
        work may refuse them. Those of the version before that still run take over.
        """
        if record.before is None:
            raise StepError("there is no version before")
        before = self._store.manifests(record.before.settings)
        self._kubectl.apply(*before)
        known = {k8s.reference(one) for one in before}
        for one in k8s.without(self._store.manifests(record.after.settings), *_KEPT):
            if k8s.reference(one) not in known:
                self._kubectl.delete(one["kind"], one["metadata"]["name"])
        return f"{len(before)} objects applied as they were, {self._stop_others()} workers stopped"

    def _stop_others(self) -> int:
        """Delete the pods of every other revision, until there are none; returns their number.

        A pod that is deleted in an unfinished rollout may come back in the revision before it, the wrong one here.
        """
        end = time.monotonic() + self._timeout
        stopped: set[str] = set()
        while True:
            live = self._workload()
            pods, revision = pods_of(self._kubectl), live["status"].get("updateRevision")
            is_observed = live["status"].get("observedGeneration", 0) >= live["metadata"]["generation"]
            others = [pod for pod in pods if revision_of(pod) != revision]
            if is_observed and not others:
                return len(stopped)
            names = [str(pod["metadata"]["name"]) for pod in others if is_observed and not is_leaving(pod)]
            if names:
                self._tell(f"restore: stops {', '.join(names)}")
                self._kubectl.run("delete", "pod", *names, "--ignore-not-found", "--wait=false")
                stopped |= set(names)
            if time.monotonic() > end:
                raise StepError(f"pods of the version after remain: {', '.join(names)}")
            time.sleep(_POLL_S)

    def restored(self, record: Record) -> str:
        """Wait until all workers of the version before are ready."""
        told, image = self._rolled_out(), k8s.container_of(self._workload())["image"]
        if record.before is None or image != record.before.image:
            raise StepError(f"the workers have the image {image}")
        return told
