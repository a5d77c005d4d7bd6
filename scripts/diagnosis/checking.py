"""Runs checks one after the other; what depends on one that has failed is not checked, and says so."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aiokafka.errors import KafkaError

from schemas.access import Role
from scripts.validation.finding import Finding, Report, Status, failed, not_checked
from scripts.validation.topics import topic_failure
from streams.kafka.connection import KafkaConnection
from streams.kafka.denials import REMEDY, denial_of
from streams.kafka.topic_errors import TopicError
from streams.runtime.api_settings import ApiSettings
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.setting_declaration import SettingsError
from streams.runtime.settings import EndpointSettings, Settings

#: The roles of processes, which have a machine, a state directory and an endpoint to be checked.
WORKER, API = "worker", "api"
PROCESSES = (WORKER, API)
_WITHIN = 30.0  # seconds for one check


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at.

    Attributes:
        environ: The environment, with the command's options in it.
        role: Whose account is used, and whose rights are needed.
        settings: What the environment gives; those of a worker or API process for the roles of that name. None if it
            cannot be used.
    """

    environ: Mapping[str, str]
    role: Role
    settings: ClusterSettings | None

    @classmethod
    def of(cls, environ: Mapping[str, str], role: Role) -> "Installation":
        """Read an environment."""
        try:
            settings: ClusterSettings | None = declaration_of(role).from_environment(environ)
        except SettingsError:
            settings = None
        return cls(environ, role, settings)

    @property
    def valid(self) -> ClusterSettings:
        """The settings, for what is only checked where they can be used."""
        if self.settings is None:
            raise TypeError("this check needs the check of the settings")
        return self.settings

    @property
    def worker(self) -> Settings:
        """The settings of a worker, for what is only checked with that role."""
        if not isinstance(self.settings, Settings):
            raise TypeError("this check is of a worker's machine, and needs the check of the settings")
        return self.settings

    @property
    def process(self) -> EndpointSettings:
        """The settings of a worker or an API process, for what is only checked with these roles."""
        if not isinstance(self.settings, EndpointSettings):
            raise TypeError("this check is of a process's machine, and needs the check of the settings")
        return self.settings

    @property
    def connection(self) -> KafkaConnection:
        """How the role connects."""
        return self.valid.connection


def declaration_of(role: Role) -> type[ClusterSettings]:
    """The settings that the holder of a role has."""
    return {WORKER: Settings, API: ApiSettings}.get(role.name, ClusterSettings)


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of check.

    Attributes:
        name: What it is about, in a word or two.
        run: Finds out; may raise errors of Kafka, which are explained.
        needs: Names of the checks without which it makes no sense.
        roles: Names of the roles that it is about; empty for all.
    """

    name: str
    run: Callable[[Installation], Awaitable[Sequence[Finding]]]
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


async def diagnose(
    checks: Sequence[Check], installation: Installation, report: Callable[[str], None] = lambda _: None
) -> Report:
    """Run all checks that concern a role.

    Args:
        checks: In an order in which each comes after what it needs.
        installation: What is looked at.
        report: Called with the name of each check when it begins.
    """
    begun = time.monotonic()
    findings: list[Finding] = []
    bad: dict[str, str] = {}
    for check in checks:
        if check.roles and installation.role.name not in check.roles:
            continue
        report(check.name)
        if (missing := next((bad[need] for need in check.needs if need in bad), None)) is not None:
            bad[check.name] = missing
            findings.append(not_checked(check.name, "", because(missing)))
            continue
        found = await _made(check, installation)
        if any(one.status is Status.FAILED for one in found):
            bad[check.name] = check.name
        findings += found
    return Report(findings, time.monotonic() - begun)


def because(check: str) -> str:
    """Why something was not checked."""
    return f"because the check of {check} failed"


def any_will_do(findings: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The findings about several of a kind of which one is enough: with one that is sound, the others only warn."""
    enough = any(all(one.status is not Status.FAILED for one in group) for group in findings)
    lesser = Status.WARNING if enough else Status.FAILED
    return [replace(one, status=lesser) if one.status is Status.FAILED else one for group in findings for one in group]


async def _made(check: Check, installation: Installation) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(_WITHIN):
            return await check.run(installation)
    except TimeoutError:
        return [failed(check.name, "", f"no answer within {_WITHIN:g} s", "look at the network and at the brokers")]
    except TopicError as error:
        return [topic_failure("", error)]
    except KafkaError as error:
        denial = denial_of(error)
        return [failed(check.name, "", denial or f"Kafka: {error}", REMEDY if denial else "look at the brokers' logs")]
