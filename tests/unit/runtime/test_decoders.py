"""A worker says how its decoders are confined, and does not start if that is less than was demanded."""

import pytest
from structlog.testing import capture_logs

from streams.runtime.decoders import DecodersError, start_decoders
from streams.runtime.settings import Settings
from streams.sandbox import DecoderSandbox
from streams.telemetry.metrics import Metrics
from tests.support import foreign_library

UNFILTERED = f"{foreign_library.__name__}:decode"


def settings(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def shown(metrics: Metrics, kind: str) -> float | None:
    return metrics.registry.get_sample_value("audio_sandbox_protection", {"kind": kind})


async def test_what_is_in_force_is_logged_and_shown() -> None:
    metrics, sandbox = Metrics(), DecoderSandbox(0)
    with capture_logs() as lines:
        await start_decoders(sandbox, settings(), metrics)
    sandbox.close()
    (line,) = lines
    assert line["event"] == "decoders_confined"
    assert {"files", "system_calls"} <= set(line["in_force"])
    assert {*line["in_force"], *line.get("missing", ())} == {"files", "network", "signals", "system_calls"}
    assert (shown(metrics, "files"), shown(metrics, "system_calls")) == (1, 1)


async def test_a_missing_protection_is_a_warning() -> None:
    metrics, sandbox = Metrics(), DecoderSandbox(0, decoder=UNFILTERED)
    with capture_logs() as lines:
        await start_decoders(sandbox, settings(), metrics)
    sandbox.close()
    assert [line["log_level"] for line in lines] == ["warning"]
    assert "system_calls" in lines[0]["missing"]
    assert shown(metrics, "system_calls") == 0


async def test_where_all_are_demanded_a_missing_one_prevents_the_start() -> None:
    with pytest.raises(DecodersError, match=r"^AUDIO_SANDBOX_PROTECTIONS=all: .* system_calls$"):
        await start_decoders(
            DecoderSandbox(0, decoder=UNFILTERED), settings(AUDIO_SANDBOX_PROTECTIONS="all"), Metrics()
        )


async def test_decoders_that_cannot_be_started_are_an_error() -> None:
    with pytest.raises(DecodersError, match="the decoders cannot be started"):
        await start_decoders(DecoderSandbox(0, decoder="tests.support.misbehaving:nothing"), settings(), Metrics())
