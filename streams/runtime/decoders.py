"""Starts the decoder sandbox, and says what confines it."""

import asyncio
from collections.abc import Sequence

import structlog

from streams.runtime.settings import DEMANDED, EndpointSettings
from streams.sandbox import DecoderSandbox, SandboxError
from streams.telemetry.metrics.process import ProcessMetrics

log = structlog.get_logger(__name__)


class DecodersError(Exception):
    """The decoders cannot be started, or not as confined as the settings demand. The message is for the operator."""


async def start_decoders(sandbox: DecoderSandbox, settings: EndpointSettings, metrics: ProcessMetrics) -> None:
    """Start the decoders; log which protections are in force, and set their metric.

    Raises:
        DecodersError: If they cannot be started, or a protection is missing while all are demanded.
    """
    try:
        await asyncio.to_thread(sandbox.start)
    except SandboxError as error:
        raise DecodersError(start_problem(error)) from None
    protections = sandbox.in_force.by_kind
    for kind, holds in protections.items():
        metrics.sandbox_protection.labels(kind).set(holds)
    missing = [kind for kind, holds in protections.items() if not holds]
    if missing and settings.sandbox_protections == DEMANDED:
        sandbox.close()
        raise DecodersError(demand_problem(missing))
    in_force = [kind for kind, holds in protections.items() if holds]
    if missing:
        log.warning("decoders_confined", in_force=in_force, missing=missing)
    else:
        log.info("decoders_confined", in_force=in_force)


def start_problem(error: SandboxError) -> str:
    """Why the decoders cannot be started."""
    return f"the decoders cannot be started: {error}"


def demand_problem(missing: Sequence[str]) -> str:
    """What the settings demand and the machine does not have."""
    return f"AUDIO_SANDBOX_PROTECTIONS={DEMANDED}: this machine's kernel does not offer {', '.join(missing)}"
