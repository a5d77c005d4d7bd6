"""What a secure Kafka shows: what accounts do with their rights, what they are refused, the audit and the doctor."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from rich.console import Console

from infra.secret_files import write_secret
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, POLICY, RAW, RECORDINGS
from scripts.cli import CommandError
from scripts.demonstration.acting import CommandOutcome, run_as
from scripts.demonstration.environment import DemoEnvironment
from scripts.demonstration.sealing import SealingReport
from scripts.processes import secure_kafka
from scripts.tables import ReportTable
from streams.clients import CompressedAudioConsumer
from streams.clients.errors import AccessDeniedError
from streams.kafka.connection import KafkaConnection

_WITHIN_S = 60.0
_REFUSED_WITHIN_S = 30.0
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that must not be allowed.

    Attributes:
        account: Who tried it.
        act: What was tried.
        answer: How it was refused; None if it was not.
    """

    account: str
    act: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class SecurityReport:
    """What was tried on a secure Kafka beside the calls.

    Attributes:
        commands: What the accounts did.
        refusals: What they must not do.
        entries: The audit's entries, a line each.
        sealing: What was tried with a hotel that seals; None if nothing was.
    """

    commands: Sequence[CommandOutcome]
    refusals: Sequence[Refusal]
    entries: Sequence[str]
    sealing: SealingReport | None = None

    @property
    def faults(self) -> list[str]:
        """What is not as it has to be, a line each."""
        return [
            *(f"{one.command} of {one.account} failed: {one.summary}" for one in self.commands if one.code),
            *(f"{one.account} was not refused: {one.act}" for one in self.refusals if one.answer is None),
            *([] if self.entries else ["the audit has no entry"]),
            *([] if self.sealing is None else self.sealing.faults),
        ]

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "commands": [asdict(one) for one in self.commands],
            "refused": [asdict(one) for one in self.refusals],
            "audit": list(self.entries),
            "sealing": None if self.sealing is None else self.sealing.as_json(),
        }

    def print(self, console: Console) -> None:
        """The report for people."""
        did = ReportTable("account", "command", "summary", title="What each account does with the rights of its role")
        for one in self.commands:
            did.add_row(one.account, one.command, one.summary)
        refused = ReportTable("account", "tries to", "answer", title="What is refused")
        for refusal in self.refusals:
            refused.add_row(refusal.account, refusal.act, refusal.answer or "ALLOWED")
        for table in (did, refused):
            console.print(table)
            console.print()
        if self.sealing is not None:
            self.sealing.print(console)
        console.print("The audit of this demo", style="italic")
        for entry in self.entries:
            console.print(entry, markup=False, highlight=False, soft_wrap=True)
        console.print()


def give_rights(environment: DemoEnvironment, say: Callable[[str], None]) -> None:
    """Give each role's account its rights, and wait until the brokers know them.

    Raises:
        CommandError: If that is refused, or takes too long.
    """
    say("granting the roles their rights")
    applied = run_as(environment, "admin", "access", "apply")
    if applied.code:
        raise CommandError(f"{applied.command}: {applied.summary}")
    deadline = time.monotonic() + _WITHIN_S
    while (checked := run_as(environment, "admin", "access", "check")).code:
        if time.monotonic() > deadline:
            raise CommandError(f"{checked.command}: {checked.summary}")
        time.sleep(_PAUSE_S)


def look_at_security(environment: DemoEnvironment, say: Callable[[str], None]) -> SecurityReport:
    """Let each account do what it may, try what is not allowed, and verify the audit of it."""
    say("looking at what each account may do, and what it may not")
    acts = (
        ("admin", "access", "check"),
        ("worker", "doctor", "--role", "worker"),
        ("consumer", "listen", "--from-beginning", "--count", "1", "--timeout", f"{_WITHIN_S:g}"),
        ("monitor", "lag"),
        ("operator", "dead_letters"),
    )
    with ThreadPoolExecutor(max_workers=2) as pool:
        commands = list(pool.map(lambda act: run_as(environment, *act), acts))
    refused = asyncio.run(refusals(environment))
    say("signing and verifying the audit")
    key, public, heads = (environment.directory / name for name in ("audit.key", "audit.pub", "heads.jsonl"))
    made = Ed25519PrivateKey.generate()
    write_secret(key, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    shown = run_as(environment, "admin", "audit", "show")
    run_as(
        environment, "admin", "audit", "sign", "--key", key, "--heads", heads
    )  # without it, there is nothing to verify
    verified = run_as(environment, "admin", "audit", "verify", "--public-key", public, "--heads", heads)
    return SecurityReport([*commands, verified], refused, shown.output.splitlines())


async def refusals(environment: DemoEnvironment) -> list[Refusal]:
    """Try what must be refused."""
    secure = environment.secure
    assert secure is not None, "only a secure Kafka refuses anything"  # noqa: S101
    readers = {
        "consumer": (RAW,),
        "telephony": (RAW, RECORDINGS, COMPRESSED, DEAD_LETTER, POLICY, AUDIT),
    }
    tried = [(account, f"read {topic}", topic) for account, topics in readers.items() for topic in topics]
    guess = secure_kafka.variables(secure, "worker") | {
        "KAFKA_SASL_PASSWORD_FILE": "",
        "KAFKA_SASL_PASSWORD": "a guess",
    }
    answers = await asyncio.gather(
        _answer(secure_kafka.connection(guess), environment.cluster.topic(RAW)),
        *(
            _answer(environment.cluster_of(account).connection, environment.cluster.topic(topic))
            for account, _, topic in tried
        ),
    )
    acts = [("worker", "log in with a wrong password"), *((account, act) for account, act, _ in tried)]
    return [Refusal(account, act, answer) for (account, act), answer in zip(acts, answers, strict=True)]


async def _answer(connection: KafkaConnection, topic: str) -> str | None:
    """How reading a topic is refused; None if it is not."""
    try:
        async with (
            asyncio.timeout(_REFUSED_WITHIN_S),
            CompressedAudioConsumer(connection, topic, from_beginning=True) as consumer,
        ):
            await anext(consumer)
    except AccessDeniedError as error:
        return str(error)
    except TimeoutError:
        return None
    return None
