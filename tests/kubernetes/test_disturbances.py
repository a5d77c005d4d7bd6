"""Workers on Kubernetes under continuous traffic: updates, evictions, killed pods and scaling lose nothing."""

import asyncio
import contextlib
import json

import pytest

from tests.support.containers import until
from tests.support.kubernetes import KubectlError
from tests.support.kubernetes_overlay import STATEFUL_SET, WORKER, Installation
from tests.support.traffic import Step

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(3600)]

#: Seconds that an input may wait for its outcome. For a worker that is gone and has not said so, the group waits eight
#: seconds, its session timeout; starting a container and a worker on busy cores takes the rest.
LATEST_S = 60
VICTIM = f"{WORKER}-1"
#: tini is the first process of the container; its child is the worker.
KILL = "kill -9 $(cat /proc/1/task/1/children)"


def check(step: Step) -> None:
    assert list(step.problems) == []
    assert step.inputs > 50
    assert step.longest < LATEST_S


async def test_calls_flow(installation: Installation) -> None:
    async with installation.traffic.during("nothing happens") as step:
        await asyncio.sleep(10)
    check(step)


async def test_a_rolling_update_and_its_undoing(installation: Installation) -> None:
    before = await revision(installation)
    async with installation.traffic.during("rolling update of three workers") as step:
        await installation.act("set", "env", STATEFUL_SET, "AUDIO_CACHE_SIZE=256MB")
        await asyncio.to_thread(installation.rolled_out)
    check(step)
    assert await revision(installation) != before
    async with installation.traffic.during("rollout undo") as step:
        await installation.act("rollout", "undo", STATEFUL_SET)
        await asyncio.to_thread(installation.rolled_out)
    check(step)
    assert await revision(installation) == before


async def revision(installation: Installation) -> str:
    return await installation.act("get", STATEFUL_SET, "--output", "jsonpath={.status.updateRevision}")


async def test_an_evicted_pod(installation: Installation) -> None:
    victim = {VICTIM: installation.identities()[VICTIM]}
    async with installation.traffic.during("a pod is evicted") as step:
        await asyncio.to_thread(evict, installation, VICTIM)
        await asyncio.to_thread(installation.wait_for, 3, instead_of=victim)
    check(step)


def evict(installation: Installation, pod: str) -> None:
    """Ask for an eviction as `kubectl drain` does."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{installation.namespace}/pods/{pod}/eviction"
    installation.cluster.run("create", "--raw", path, "--filename", "-", given=json.dumps(eviction))


async def test_a_pod_that_is_deleted_by_force(installation: Installation) -> None:
    victim = {VICTIM: installation.identities()[VICTIM]}
    async with installation.traffic.during("a pod is deleted without grace") as step:
        await installation.act("delete", "pod", VICTIM, "--force", "--grace-period=0")
        await asyncio.to_thread(installation.wait_for, 3, instead_of=victim)
    check(step)


async def test_a_worker_that_is_killed_starts_again_in_its_pod(installation: Installation) -> None:
    before = installation.identities()
    restarts = restarts_of(installation, VICTIM)
    async with installation.traffic.during("kill -9 of a worker") as step:
        with contextlib.suppress(KubectlError):  # the command ends with its container
            await installation.act("exec", VICTIM, "--", "sh", "-c", KILL)
        await asyncio.to_thread(until, lambda: restarts_of(installation, VICTIM) > restarts, 60, every=0.5)
        await asyncio.to_thread(installation.wait_for, 3)
    check(step)
    assert installation.identities() == before


def restarts_of(installation: Installation, pod: str) -> int:
    return int(installation.pods()[pod]["status"]["containerStatuses"][0]["restartCount"])


async def test_a_drained_node_keeps_to_the_budget(installation: Installation) -> None:
    """There is one node: the drain takes one worker, which has no other place, and must not take a second one."""
    node = installation.pods()[VICTIM]["spec"]["nodeName"]
    mine = f"test={installation.namespace},app.kubernetes.io/component=worker"
    before = installation.identities()
    async with installation.traffic.during("a drained node, then its return") as step:
        try:
            with pytest.raises(KubectlError, match=r"disruption budget|timed out|timeout"):
                await installation.act(
                    "drain",
                    node,
                    "--pod-selector",
                    mine,
                    "--delete-emptydir-data",
                    "--ignore-daemonsets",
                    "--timeout=20s",
                )
            running = installation.identities()
            assert sum(running.get(name) == uid for name, uid in before.items()) == 2
            other = next(name for name, uid in before.items() if running.get(name) == uid)
            with pytest.raises(KubectlError, match="disruption budget"):
                await asyncio.to_thread(evict, installation, other)
        finally:
            await installation.act("uncordon", node)
        await asyncio.to_thread(installation.wait_for, 3)
    check(step)


@pytest.mark.parametrize(("name", "replicas"), [("scaled from 3 to 6", 6), ("scaled from 6 to 3", 3)])
async def test_scaling(installation: Installation, name: str, replicas: int) -> None:
    async with installation.traffic.during(name) as step:
        await installation.act("scale", STATEFUL_SET, f"--replicas={replicas}")
        await asyncio.to_thread(installation.wait_for, replicas)
        await asyncio.sleep(10)  # members that have left without a word are waited for
    check(step)
