"""A worker's pod as it runs: no rights, and nothing to write to but its volumes, which survive it."""

import pytest

from tests.support.kubernetes import KubectlError
from tests.support.kubernetes_overlay import WORKER, Installation

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(3600)]

POD = f"{WORKER}-0"
MEMBER = "/var/lib/hotel-audio/state/member-id"


def shell(installation: Installation, script: str, pod: str = POD) -> str:
    return installation.kubectl("exec", pod, "--", "sh", "-c", script).strip()


def test_the_process_has_no_rights(installation: Installation) -> None:
    status = dict(line.split(":\t", 1) for line in shell(installation, "cat /proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"  # a filter


def test_only_its_volumes_can_be_written(installation: Installation) -> None:
    for directory in ("/", "/opt/hotel-audio", "/usr", "/etc"):
        assert "Read-only file system" in shell(installation, f"touch {directory}/x 2>&1; true")
    for directory in ("/tmp", "/var/lib/hotel-audio"):  # noqa: S108  of the container
        shell(installation, f"touch {directory}/x && rm {directory}/x")


def test_it_knows_nothing_of_kubernetes(installation: Installation) -> None:
    assert shell(installation, "ls /var/run/secrets 2>/dev/null; env | grep KAFKA_.*_HOST; true") == ""
    account = f"system:serviceaccount:{installation.namespace}:{WORKER}"
    for what in ("get pods", "get secrets", "list configmaps", "get statefulsets", "create pods"):
        with pytest.raises(KubectlError, match=r"^kubectl .* no$"):
            installation.kubectl("auth", "can-i", *what.split(), f"--as={account}")


def test_the_namespace_refuses_pods_with_rights(installation: Installation) -> None:
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        installation.kubectl("run", "root", "--image", "any", "--privileged")


def test_state_survives_a_restart(installation: Installation) -> None:
    before = shell(installation, f"cat {MEMBER}")
    victim = {POD: installation.identities()[POD]}
    installation.kubectl("delete", "pod", POD)
    installation.wait_for(3, instead_of=victim)
    assert shell(installation, f"cat {MEMBER}") == before
    assert len({shell(installation, f"cat {MEMBER}", f"{WORKER}-{number}") for number in range(3)}) == 3
