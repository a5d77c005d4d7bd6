"""The autoscaler adds workers while calls wait, and removes them afterwards; it sees the lag that workers report."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kubernetes.external_metrics import lag_as_external_metric
from tests.support import kubernetes_overlay
from tests.support.kubernetes import Cluster
from tests.support.kubernetes_overlay import STATEFUL_SET, WORKER, Installation, patch_of

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(3600)]

HPA = "agente-audio-hpa"
FEWEST, MOST = 3, 6
#: Inputs that wait when the workers come, and more that are sent while their age is smaller than this, in seconds.
BACKLOG, MORE, ENOUGH_S = 5000, 1000, 15.0
LOOK_S = 5.0
SCALED_WITHIN_S, SHRUNK_WITHIN_S, ANSWERED_WITHIN_S = 900.0, 900.0, 900.0
#: What is different on one node with two cores: workers slow enough to lag, no more of them than these cores can start,
#: a scale-down after one quiet minute instead of ten, and lag alone: processor time is short for everybody.
PATCHES = (
    patch_of(
        "StatefulSet",
        WORKER,
        ("replace", "/spec/template/spec/containers/0/resources/limits", {"cpu": "300m", "memory": "1Gi"}),
    ),
    patch_of(
        "HorizontalPodAutoscaler",
        HPA,
        ("replace", "/spec/maxReplicas", MOST),
        ("remove", "/spec/metrics/0", None),
        ("replace", "/spec/behavior/scaleDown/stabilizationWindowSeconds", 60),
        ("replace", "/spec/behavior/scaleDown/policies/0/periodSeconds", 30),
    ),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen after some seconds: workers wanted and ready, and the lag as the autoscaler knows it."""

    at: float
    wanted: int
    ready: int
    lag: float | None


@pytest.fixture(scope="module")
def scaled(cluster: Cluster, images: Mapping[str, str]) -> Iterator[Installation]:
    """An installation with the autoscaler, and with the lag as its metric."""
    prefix = "hotel-audio-scaled"
    with (
        kubernetes_overlay.installed(
            cluster, images, prefix, components=["hpa", "scale-reader"], patches=PATCHES
        ) as made,
        lag_as_external_metric(made),
    ):
        yield made


async def test_replicas_follow_the_lag(scaled: Installation) -> None:
    looks: list[Look] = []
    begin = time.monotonic()

    async def watch(within: float, *, until_wanted: int, more: int = 0) -> None:
        """Look until this number of workers is wanted, and all of them are ready; meanwhile keep a backlog."""
        end = time.monotonic() + within
        while True:
            looks.append(await asyncio.to_thread(look, scaled, begin))
            if looks[-1].wanted == looks[-1].ready == until_wanted:
                return
            assert time.monotonic() < end, table(looks)
            if more and looks[-1].ready and looks[-1].lag is not None and looks[-1].lag < ENOUGH_S:
                await scaled.traffic.burst(more)
            await asyncio.sleep(LOOK_S)

    await watch(SCALED_WITHIN_S, until_wanted=FEWEST)
    async with scaled.traffic.during("no worker, then three with a backlog", answered_within=ANSWERED_WITHIN_S) as step:
        await scaled.act("scale", STATEFUL_SET, "--replicas=0")
        await scaled.traffic.burst(BACKLOG)
        await scaled.act("scale", STATEFUL_SET, f"--replicas={FEWEST}")
        await watch(SCALED_WITHIN_S, until_wanted=MOST, more=MORE)
    print(table(looks))
    assert list(step.problems) == []
    async with scaled.traffic.during("few calls, and workers that are removed") as step:
        await watch(SHRUNK_WITHIN_S, until_wanted=FEWEST)
    print(table(looks))
    assert list(step.problems) == []


async def test_removed_workers_leave_their_group(scaled: Installation, tmp_path: Path) -> None:
    """With `scale-reader`, the partitions of workers that are scaled away do not wait for their sessions."""
    await scaled.act("delete", "hpa", HPA)
    await scaled.act("scale", STATEFUL_SET, f"--replicas={MOST}")
    await asyncio.to_thread(scaled.wait_for, MOST)
    surplus = [f"{WORKER}-{number}" for number in range(FEWEST, MOST)]
    logs = [tmp_path / name for name in surplus]
    followed = [scaled.log(name, file) for name, file in zip(surplus, logs, strict=True)]
    async with scaled.traffic.during("scaled from 6 to 3, workers leave") as step:
        await scaled.act("scale", STATEFUL_SET, f"--replicas={FEWEST}")
        await asyncio.to_thread(scaled.wait_for, FEWEST)
    for process in followed:
        process.wait(60)
    assert list(step.problems) == []
    texts = [file.read_text() for file in logs]
    # On busy cores the API server may not answer in the two seconds that a worker waits for it.
    assert all("group_left" in text or "replicas_unknown" in text for text in texts)
    left = sum("group_left" in text for text in texts)
    print(f"{left} of {len(surplus)} workers have left their group")
    assert left


def look(installation: Installation, begin: float) -> Look:
    found = installation.cluster.read("--namespace", installation.namespace, "get", "hpa", HPA)["status"]
    shown = [metric["external"]["current"] for metric in found.get("currentMetrics") or () if "external" in metric]
    wanted = int(found.get("desiredReplicas", 0))
    ready = sum(kubernetes_overlay.is_ready(pod) for pod in installation.pods().values())
    lag = shown[0].get("value") if shown else None
    return Look(time.monotonic() - begin, wanted, ready, None if lag is None else quantity(lag))


def quantity(text: str) -> float:
    """A number as Kubernetes writes it."""
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def table(looks: list[Look]) -> str:
    """Every look that differs from the one before."""
    rows = ["seconds  wanted  ready  lag (s)"]
    for before, one in zip([None, *looks], looks, strict=False):
        if before is None or (before.wanted, before.ready, before.lag) != (one.wanted, one.ready, one.lag):
            lag = "?" if one.lag is None else f"{one.lag:.1f}"
            rows.append(f"{one.at:7.0f} {one.wanted:7d} {one.ready:6d} {lag:>8}")
    return "\n".join(rows)
