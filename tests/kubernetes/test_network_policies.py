"""NetworkPolicies as they are enforced: who reaches a worker and the broker, and whom a worker reaches."""

import json
from collections.abc import Iterator

import pytest

from tests.support.containers import until
from tests.support.kubernetes_overlay import WORKER, Installation, confined_pod

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(3600)]

POD = f"{WORKER}-0"
#: Whether a TCP connection is possible, as a program: HOST PORT; it prints `open`, or the name of the error.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4).close()
    print("open")
except OSError as error:
    print(type(error).__name__)
"""
#: Pods with this label may send wherever they like, so that the answer is that of the other side's policy.
FREE = {"test-sends": "anywhere"}
EGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "test-sends-anywhere"},
    "spec": {"podSelector": {"matchLabels": FREE}, "policyTypes": ["Egress"], "egress": [{}]},
}
#: The probing pods, by name: their labels.
PROBES = {
    "prometheus": {"app.kubernetes.io/name": "prometheus", **FREE},
    "other": {"app.kubernetes.io/name": "other", **FREE},
    "no-way-out": {"app.kubernetes.io/name": "prometheus"},
}


class Probes:
    """Pods that try to connect.

    Args:
        installation: What they connect to.
        outside: Another namespace, in which `other` is too.
    """

    def __init__(self, installation: Installation, outside: str) -> None:
        self.installation = installation
        self.outside = outside
        pods = installation.cluster.read("--namespace", installation.namespace, "get", "pods")["items"]
        addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods if "podIP" in pod["status"]}
        self.worker, self.broker = (addresses[POD], 8080), (addresses["kafka-0"], 9092)

    def connect(self, pod: str, address: tuple[str, int], *, namespace: str | None = None) -> str:
        """What becomes of a connection from a pod: `open`, or the error."""
        where = namespace or self.installation.namespace
        command = ("exec", pod, "--", "python3", "-c", CONNECT, address[0], str(address[1]))
        return self.installation.cluster.run("--namespace", where, *command).strip()


@pytest.fixture(scope="module")
def probes(installation: Installation) -> Iterator[Probes]:
    cluster, image = installation.cluster, installation.overlay.images["hotel-audio"]
    made = [confined_pod(f"probe-{name}", image, labels, ["sleep", "3600"]) for name, labels in PROBES.items()]
    with cluster.namespace("hotel-audio-outside") as outside:
        cluster.apply(json.dumps(made[1]), "--namespace", outside)
        cluster.apply("\n---\n".join(map(json.dumps, [EGRESS, *made])), "--namespace", installation.namespace)
        names = [f"pod/probe-{name}" for name in PROBES]
        try:
            installation.kubectl("wait", "--for=condition=Ready", *names, "--timeout=120s")
            cluster.run("--namespace", outside, "wait", "--for=condition=Ready", names[1], "--timeout=120s")
            yield Probes(installation, outside)
        finally:
            installation.kubectl("delete", *names, "networkpolicy/test-sends-anywhere")


def test_prometheus_reads_workers(probes: Probes) -> None:
    until(lambda: probes.connect("probe-prometheus", probes.worker) == "open", 60)


def test_others_reach_the_broker_but_no_worker(probes: Probes) -> None:
    until(lambda: probes.connect("probe-other", probes.broker) == "open", 60)
    assert probes.connect("probe-other", probes.worker) == "TimeoutError"


def test_who_is_not_named_sends_nothing(probes: Probes) -> None:
    assert probes.connect("probe-no-way-out", probes.worker) == "TimeoutError"
    assert probes.connect("probe-no-way-out", probes.broker) == "TimeoutError"


def test_other_namespaces_reach_neither(probes: Probes) -> None:
    assert probes.connect("probe-other", probes.worker, namespace=probes.outside) == "TimeoutError"
    assert probes.connect("probe-other", probes.broker, namespace=probes.outside) == "TimeoutError"


def test_a_worker_reaches_the_broker_alone(probes: Probes) -> None:
    api = probes.installation.cluster.read("get", "service", "kubernetes")["spec"]["clusterIP"]
    other = probes.installation.pods()[f"{WORKER}-1"]["status"]["podIP"]
    assert probes.connect(POD, probes.broker) == "open"
    assert probes.connect(POD, (other, 8080)) == "TimeoutError"
    assert probes.connect(POD, (api, 443)) == "TimeoutError"
