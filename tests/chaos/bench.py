"""The chaos bench: a genuine cluster and workers, faults in rounds, and the oracle's verdict on each round."""

import asyncio
import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from tests.chaos.cluster import ProxiedCluster
from tests.chaos.errors import ChaosError
from tests.chaos.faults import FAULTS, possible
from tests.chaos.faults.base import Fault
from tests.chaos.faults.state import unmount
from tests.chaos.installation import give_rights, make_key_store, make_topics, publish_policies
from tests.chaos.judgement import Observations, judge
from tests.chaos.key_stores import BenchKeyStores
from tests.chaos.log_pipe import LogPipe
from tests.chaos.object_stores import BenchStores
from tests.chaos.observer import Observer
from tests.chaos.oracle import Oracle
from tests.chaos.plan import Planner
from tests.chaos.pool import WorkerPool
from tests.chaos.reading import Follower
from tests.chaos.recovery import recovered
from tests.chaos.scene import Scene
from tests.chaos.topic_settings import TopicSettings, alter
from tests.chaos.verdict import Injected, Problem, RoundVerdict
from tests.chaos.workers import PRODUCT, Worker
from tests.chaos.workload import POLICIES

WORKERS = 3
_RUNNING_AT_FIRST = 2
_START_WITHIN_S = 60.0
#: A loaded machine recovers slowly; outcomes that can no longer come are found much sooner.
_ANSWERED_WITHIN_S = 180.0
_UP_AGAIN_WITHIN_S = 120.0
_IN_SYNC_WITHIN_S = 120.0
#: Seconds until a committed outcome has been read, at most.
_LATE_S = 3.0


class ChaosBench:
    """A cluster, topics, workers and the oracle; an async context manager.

    Args:
        directory: Holds workers' logs and state, the brokers' data, and evidence.
        seed: Determines workload and faults of every round.
        faults: Names of the faults to use; None takes all that this process has the rights for.
        worker_module: Module that is run as a worker.
        worker_environment: Further settings of the workers.
        brokers: 1 or 3, where no cluster is given.
        cluster: Running brokers to use; they are left running. Topics and group are always new.
        secure: Whether the cluster that is started is secure; then the workers seal.
        sealing: Whether the workers seal.
        topic_settings: Settings of topics that differ from the product's.
        report: Called with a line before each long step.
    """

    def __init__(
        self,
        directory: Path,
        *,
        seed: int,
        faults: Sequence[str] | None = None,
        worker_module: str = PRODUCT,
        worker_environment: Mapping[str, str] = {},
        brokers: int = 3,
        cluster: ProxiedCluster | None = None,
        secure: bool = False,
        sealing: bool = False,
        topic_settings: TopicSettings | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        self.faults = list(faults) if faults is not None else possible(secure=secure)
        self._secure, self._sealing = secure, sealing or secure
        self._planner = Planner(seed, self.faults)
        self._worker_module = worker_module
        self._worker_environment = worker_environment
        self._brokers = brokers
        self._given = cluster
        self._topic_settings = topic_settings or {}
        self._report = report
        self._name = f"chaos-{secrets.token_hex(4)}"
        self._started = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as started:
            cluster = self._given
            if cluster is None:
                own = ProxiedCluster(
                    self.directory / "kafka", self._brokers, WORKERS, self._report, secure=self._secure
                )
                cluster = await started.enter_async_context(own)
            self._servers, prefix = cluster.bootstrap_servers, f"{self._name}."
            await asyncio.to_thread(make_topics, self._servers, prefix, self._name)
            await asyncio.to_thread(alter, self._servers, prefix, self._topic_settings)
            if cluster.secure:
                await asyncio.to_thread(give_rights, self._servers, prefix, self._name)
            keys = await asyncio.to_thread(self._key_stores, prefix) if self._sealing else None
            stores = await self._object_stores(started)
            policies = dict(POLICIES)
            await publish_policies(self._servers, prefix, policies)
            self._oracle = Oracle(self._servers, prefix)
            pool = WorkerPool(
                {number: self._worker(cluster, number, prefix, stores, keys) for number in range(WORKERS)}
            )
            self._scene = Scene(cluster, pool, prefix, self._name, self._oracle, policies, stores, keys)
            started.callback(self._end)
            self._report("starting workers")
            for number in range(_RUNNING_AT_FIRST):
                pool.start(number)
            self._supervisor = asyncio.create_task(pool.supervise())
            started.callback(self._supervisor.cancel)
            late = await pool.all_ready(_START_WITHIN_S)
            if late:
                raise ChaosError(f"not ready in {_START_WITHIN_S:.0f} s: {', '.join(late)}; logs in {self.directory}")
            self._follower = await started.enter_async_context(Follower(self._servers, prefix))
            opener = None if keys is None else keys.opener
            self._observer = Observer(self._servers, prefix, self._name, policies, stores=stores, opener=opener)
            self._started = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def round(self, number: int) -> RoundVerdict:
        """Run one round: inject faults, wait until every input has an outcome, and judge."""
        began = time.monotonic()
        plan = await asyncio.to_thread(self._planner.plan, number)  # proxies go on while sounds are made
        await self._oracle.send_aborted(plan.aborted)
        sending = asyncio.create_task(self._oracle.send(plan.inputs, plan.due))
        try:
            injected = await asyncio.gather(*(self._inject(at, fault) for at, fault in plan.faults))
            await sending
        finally:
            sending.cancel()
        problems = await self._settle()
        problems += [Problem("workers", f"{one.name}: {what}") for _, one in plan.faults for what in one.problems]
        seen, aborted = await self._observer.observe(self._oracle)
        problems += await asyncio.to_thread(judge, seen)
        verdict = RoundVerdict(
            number=number,
            inputs=len(seen.sent),
            faults=recovered(injected, seen.sent, self._follower.arrivals),
            problems=problems,
            aborted=aborted,
            seconds=time.monotonic() - began,
        )
        if problems:
            self._keep_evidence(verdict, seen)
        return verdict

    async def _inject(self, at: float, fault: Fault) -> Injected:
        await asyncio.sleep(at)
        began = time.monotonic()
        try:
            await fault.inject(self._scene)
            await asyncio.sleep(fault.lasts)
        finally:
            await fault.heal(self._scene)
        return Injected(fault.name, fault.what, fault.injected_at or began, time.monotonic())

    async def _settle(self) -> list[Problem]:
        """Wait until all inputs have outcomes, all workers are ready, and all replicas are in sync."""
        if self._supervisor.done():
            self._supervisor.result()
        await self._wait_for_answers()
        late = await self._scene.pool.all_ready(_UP_AGAIN_WITHIN_S)
        problems = [Problem("workers", f"{name} is not up again in {_UP_AGAIN_WITHIN_S:.0f} s") for name in late]
        if not await self._scene.replicated(_IN_SYNC_WITHIN_S):
            raise ChaosError(f"the brokers are not in sync again in {_IN_SYNC_WITHIN_S:.0f} s")
        return problems

    async def _wait_for_answers(self) -> None:
        """Wait until every input has an outcome, or none can come any more."""
        inputs = self._oracle.awaited
        waiting = asyncio.create_task(self._follower.wait_for(inputs, _ANSWERED_WITHIN_S))
        try:
            while not (await asyncio.wait([waiting], timeout=_LATE_S))[0]:
                if await self._observer.all_committed(inputs):
                    await asyncio.wait([waiting], timeout=_LATE_S)  # committed outcomes may not have been read yet
                    return
            waiting.result()
        finally:
            waiting.cancel()

    async def _object_stores(self, started: contextlib.AsyncExitStack) -> BenchStores | None:
        if not any(FAULTS[name].needs_stores for name in self.faults):
            return None
        return await started.enter_async_context(BenchStores(self.directory / "stores"))

    def _key_stores(self, prefix: str) -> BenchKeyStores:
        directory = self.directory / "keys"
        return BenchKeyStores(directory, lambda file: make_key_store(file, self._servers, prefix, self._name))

    def _worker(
        self,
        cluster: ProxiedCluster,
        number: int,
        prefix: str,
        stores: BenchStores | None,
        keys: BenchKeyStores | None,
    ) -> Worker:
        directory = self.directory / f"worker-{number}"
        worker = Worker(
            cluster.servers_of(number),
            prefix,
            self._name,
            directory,
            module=self._worker_module,
            AUDIO_ORDINAL="0",
            AUDIO_REPLICAS_FROM=str(directory / "replicas"),
            **cluster.login,
            **({} if stores is None else stores.environment),
            **({} if keys is None else keys.settings(number)),
            **self._worker_environment,
        )
        worker.replicas.write_text("1")
        worker.log_pipe = LogPipe(worker.log)
        return worker

    def _keep_evidence(self, verdict: RoundVerdict, seen: Observations) -> None:
        """Write verdict and outcomes to files; logs and states of the workers stay where they are."""
        directory = self.directory / "evidence" / f"round-{verdict.number}"
        directory.mkdir(parents=True, exist_ok=True)
        outcomes = [
            {
                "at": f"{one.topic}-{one.partition}@{one.offset}",
                "headers": {name: one.header(name) for name, _ in one.headers},
            }
            for one in seen.outcomes
        ]
        (directory / "verdict.json").write_text(json.dumps(asdict(verdict), indent=1))
        (directory / "outcomes.json").write_text(json.dumps(outcomes, indent=1))
        for log in self.directory.glob("kafka/node-*/broker.log"):
            shutil.copy(log, directory / f"{log.parent.name}.log")

    def _end(self) -> None:
        self._scene.pool.kill_all()
        self._scene.cluster.restore()
        for worker in self._scene.pool.workers.values():
            unmount(worker.state)
