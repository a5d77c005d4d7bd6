"""Deploys with compose on one machine: the target of `deploy compose`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from scripts.deployment import configuration
from scripts.deployment.compose_checks import compose_checks
from scripts.deployment.configuration import BROKER, MONITORING, TOPICS, WORKER, Configuration, worker_count
from scripts.deployment.errors import StepError
from scripts.deployment.project import Container, Project
from scripts.deployment.record import Record, Version, new_record, settings_digest
from scripts.deployment.rolling import Complete, Failed, Health, Start, Stop, Worker, next_move
from scripts.deployment.store import DirectoryStore
from scripts.deployment.target import Check, Request, Tell
from scripts.deployment.validation import verdict

_POLL_S = 0.5
#: Ports in the project's network.
_SERVERS = (("prometheus", 9090), ("alertmanager", 9093), ("grafana", 3000))


class ComposeTarget:
    """The system of one compose project. Its lock, record and configurations are in a directory of this machine.

    Args:
        project: The project.
        store: Where the record is kept.
        profiles: Compose profiles that are active.
        timeout: Seconds that a worker may take to become ready.
        tell: Shows progress.
    """

    def __init__(
        self, project: Project, store: DirectoryStore, profiles: Sequence[str], timeout: float, tell: Tell
    ) -> None:
        self._project = project
        self._store = store
        self._profiles = set(profiles)
        self._timeout = timeout
        self._tell = tell
        self._wanted: Configuration | None = None

    def lock(self) -> AbstractContextManager[None]:
        """Keep other deployments on this machine away."""
        return self._store.lock()

    def load(self) -> Record | None:
        """The record of the last deployment."""
        return self._store.load()

    def save(self, record: Record) -> None:
        """Replace the record."""
        self._store.save(record)

    def secrets(self) -> list[str]:
        """Values that no report may show."""
        services = () if self._wanted is None else self._wanted["services"].values()
        return configuration.secret_values([configuration.environment_of(service) for service in services])

    def checks(self, request: Request) -> Iterator[Check]:
        """Look whether a deployment can succeed, and can be taken back."""
        return compose_checks(self._project, self._resolved, request)

    def plan(self, request: Request) -> Record | None:
        """A record of what is to be done; None if everything is as requested."""
        wanted = self._resolved()
        digest = self._project.image_digest(request.image) or ""
        after = Version(request.image, digest, settings_digest(configuration.printed(wanted)))
        workers, count = self._project.workers(), worker_count(wanted)
        before = self._running(self.load(), workers)
        states = {self._project.health(worker)[0] for worker in workers}
        if before == after and len(workers) == count and states == {Health.READY}:
            return None
        former = [worker.id for worker in workers]
        return new_record(request.environment, before, after, workers=count, rollback=request.rollback, former=former)

    def _running(self, last: Record | None, workers: Sequence[Container]) -> Version | None:
        """The version that runs: the recorded one if the workers are as it says, otherwise one made of theirs."""
        if not workers:
            return None
        known = None if last is None else last.running
        if known is not None and self._store.settings_file(known.settings).exists():
            environment = configuration.environment_of(self._configuration(known)["services"][WORKER])
            if all(one.digest == known.digest and environment.items() <= one.environment.items() for one in workers):
                return known
        first = workers[0]
        return Version(first.image, first.digest, settings_digest(self._adopted(first)))

    def _adopted(self, worker: Container) -> str:
        """The configuration of workers that this command did not start: today's, with their image and variables."""
        of_image = self._project.image_environment(worker.digest)
        own = {name: value for name, value in worker.environment.items() if of_image.get(name) != value}
        changed = configuration.with_image(self._resolved(), worker.digest)
        return configuration.printed(configuration.with_worker_environment(changed, own))

    def begin(self, record: Record) -> None:
        """Keep the configurations before and after."""
        self._store.save_settings(record.after.settings, configuration.printed(self._resolved()))
        if (before := record.before) is None:
            return
        if not self._store.settings_file(before.settings).exists():
            self._store.save_settings(before.settings, self._adopted(self._project.workers()[0]))
        elif self._project.image_digest(before.image) != before.digest:  # the name has gone over to another image
            pinned = configuration.with_image(self._configuration(before), before.digest)
            self._store.save_settings(before.settings, configuration.printed(pinned))

    def services(self, record: Record) -> str:
        """Start brokers that are missing, and bring monitoring and nginx to the configuration after."""
        return self._bring_up(record.after)

    def topics(self, record: Record) -> str:
        """Create missing topics, with the image after."""
        lines = self._project.run_service(TOPICS, file=self._store.settings_file(record.after.settings)).splitlines()
        created = sum(line.startswith("created") for line in lines)
        return f"{created} created, {len(lines) - created} there"

    def workers(self, record: Record) -> str:
        """Replace the workers one by one: a new one is ready before an old one is stopped."""
        since = time.monotonic()
        while True:
            workers = [self._seen(one, record) for one in self._project.workers()]
            match next_move(workers, record.workers):
                case Start(total):
                    self._tell(f"workers: starts new one {sum(one.is_new for one in workers) + 1} of {record.workers}")
                    self._project.start_workers(total, self._store.settings_file(record.after.settings))
                    since = time.monotonic()
                case Stop(worker):
                    self._tell(f"workers: stops {worker.id[:12]}")
                    self._project.remove([worker.id])
                case Failed(worker):
                    reason = f"the new worker {worker.id[:12]} does not run: {worker.told}"
                    raise StepError(reason, self._project.log(worker.id))
                case Complete():
                    return f"{record.workers} new, {len(record.former)} replaced"
                case _ if time.monotonic() - since > self._timeout:
                    slow = next(one.id for one in workers if one.is_new and one.health is not Health.READY)
                    reason = f"the new worker {slow[:12]} is not ready after {self._timeout:g} s"
                    raise StepError(reason, self._project.log(slow))
                case _:
                    time.sleep(_POLL_S)

    def _seen(self, container: Container, record: Record) -> Worker:
        health, told = self._project.health(container)
        return Worker(container.id, container.id not in record.former, health, told)

    def validation(self, record: Record) -> str:
        """Run the validation of the image after, in the project's network."""
        workers, running = self._project.workers(), self._project.services()
        options = [part for one in workers for part in ("--worker-url", one.url)]
        for service, port in _SERVERS:
            if service in running:
                options += [f"--{service}-url", f"http://{service}:{port}"]
        file = self._store.settings_file(record.after.settings)
        told = verdict(self._project.image_command("final-validation", *options, "--json", "-", file=file))
        restarts = {one.id: one.restarts for one in workers}
        for one in self._project.workers():
            if not one.running or one.restarts > restarts.get(one.id, 0):
                raise StepError(f"the worker {one.id[:12]} ended during the validation", self._project.log(one.id))
        return told

    def restore(self, record: Record) -> str:
        """Put the version before back.

        All workers of the version after are stopped at once: records wait in Kafka, while a version that does not
        work may refuse them. Those of the version before that still run take over.
        """
        before, ids = _required(record.before), [worker.id for worker in self._project.workers()]
        new = [one for one in ids if one not in record.former]
        self._tell(f"restore: stops {len(new)} of the version after")
        self._project.remove(new)
        self._project.start_workers(len(record.former), self._store.settings_file(before.settings))
        self._bring_up(before)
        return f"{len(new)} stopped, {len(record.former) - (len(ids) - len(new))} started"

    def restored(self, record: Record) -> str:
        """Wait until all workers of the version before are ready."""
        digest, end = _required(record.before).digest, time.monotonic() + self._timeout
        while True:
            workers = self._project.workers()
            states = [self._project.health(one)[0] for one in workers]
            if any(one.digest != digest for one in workers):
                raise StepError("not every worker has the image of the version before")
            ready = states.count(Health.READY)
            if ready == len(workers) == len(record.former):
                return f"{ready} workers are ready"
            if Health.FAILED in states or time.monotonic() > end:
                lost = [one.id for one, state in zip(workers, states, strict=True) if state is not Health.READY]
                log = self._project.log(lost[0]) if lost else ()
                raise StepError(f"{ready} of {len(record.former)} workers are ready", log)
            time.sleep(_POLL_S)

    def _bring_up(self, version: Version) -> str:
        file, services = self._store.settings_file(version.settings), self._configuration(version)["services"]
        names = [name for name in services if name not in {WORKER, TOPICS, MONITORING} and self._active(services[name])]
        brokers = [name for name in names if name.startswith(BROKER)]
        others = [name for name in names if name not in brokers]
        if brokers:  # what runs stays as it is: to make the only broker anew would stop everything
            self._project.compose("up", "--detach", "--no-deps", "--no-recreate", *brokers, file=file)
        if MONITORING in services:
            self._project.run_service(MONITORING, file=file)
        if others:
            self._project.compose("up", "--detach", "--no-deps", *others, file=file)
        return f"{', '.join(names) or 'none'} up"

    def _active(self, service: Mapping[str, Any]) -> bool:
        profiles = service.get("profiles") or []
        return not profiles or not self._profiles.isdisjoint(profiles)

    def _resolved(self) -> Configuration:
        if self._wanted is None:
            self._wanted = configuration.parsed(self._project.compose("config"))
        return self._wanted

    def _configuration(self, version: Version) -> Configuration:
        file = self._store.settings_file(version.settings)
        try:
            return configuration.parsed(file.read_text())
        except OSError as error:
            raise StepError(f"{file} cannot be read: {error.strerror}") from None


def _required(version: Version | None) -> Version:
    """The version before, which every record that is rolled back has."""
    if version is None:
        raise StepError("there is no version before")
    return version
