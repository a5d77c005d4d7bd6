"""The status of a running worker for operators, as plain data for JSON."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from streams.kafka.lag import NO_LAG
from streams.runtime.exit_log import ExitLog
from streams.runtime.monitor import Monitor
from streams.runtime.process_metrics import versions
from streams.runtime.readiness import Readiness
from streams.runtime.setting_declaration import shown
from streams.runtime.wiring import Runtime
from streams.telemetry.recent_errors import RecentErrors


class Status:
    """Collects what an operator asks first: readiness, lag, the choice of levels and its reasons, recent errors.

    Args:
        runtime: The worker's parts.
        monitor: Has the lag.
        readiness: The conditions of readiness.
        exits: The exit history.
        errors: The latest warnings and errors.
    """

    def __init__(
        self,
        runtime: Runtime,
        monitor: Monitor,
        readiness: Readiness,
        exits: ExitLog,
        errors: RecentErrors,
    ) -> None:
        self._runtime = runtime
        self._monitor = monitor
        self._readiness = readiness
        self._exits = exits
        self._errors = errors
        self._started = time.time()

    def report(self) -> dict[str, Any]:
        """The current status; a part that fails is replaced by its error."""
        parts: dict[str, Callable[[], object]] = {
            "versions": versions,
            "started": lambda: _time(self._started),
            "ready": self._readiness.now,
            "settings": lambda: shown(self._runtime.settings),
            "partitions": self._partitions,
            "choice": self._choice,
            "cache": self._cache,
            "sandbox": lambda: self._runtime.sandbox.in_force.by_kind,
            "breaker_fill_ratio": lambda: self._runtime.breaker.fill_ratio,
            "last_errors": self._last_errors,
            "exits": self._previous_exits,
        }
        return {name: _value_or_error(part) for name, part in parts.items()}

    def _last_errors(self) -> list[dict[str, Any]]:
        return [asdict(seen) | {"first": _time(seen.first), "last": _time(seen.last)} for seen in self._errors.latest()]

    def _previous_exits(self) -> dict[str, Any]:
        latest = [asdict(end) | {"at": _time(end.at)} for end in self._exits.latest]
        return {"counts": self._exits.counts, "latest": latest}

    def _partitions(self) -> list[dict[str, Any]]:
        lanes = dict(self._runtime.lanes)
        found = []
        for tp in sorted(self._monitor.lags.keys() | lanes.keys()):
            lag, lane = self._monitor.lags.get(tp, NO_LAG), lanes.get(tp)
            found.append(
                {
                    "topic": tp.topic,
                    "partition": tp.partition,
                    "lag_records": lag.records,
                    "lag_seconds": lag.seconds(time.time()),
                    "lag_audio_seconds": lag.records * self._runtime.recorder.mean_seconds,
                    "assigned": lane is not None,
                    "lane_depth": None if lane is None else lane.depth,
                    "committed": None if lane is None else lane.committed,
                }
            )
        return found

    def _choice(self) -> dict[str, Any]:
        """The level from the settings, and its change by load; policies and audio analysis choose within that."""
        pressure = self._runtime.governor.pressure
        level = self._runtime.settings.compression_level
        return {
            "level": "auto" if level is None else level,
            "effort_steps_for_load": pressure.effort_steps,
            "extra_levels_for_load": pressure.extra_levels,
            "lag_objective_seconds": self._runtime.settings.lag_objective,
            "hotels_with_policy": len(self._runtime.policies),
            "results_by_level_and_reason": self._runtime.recorder.choices(),
        }

    def _cache(self) -> dict[str, int]:
        cache = self._runtime.cache
        return {
            "entries": len(cache),
            "bytes": cache.used,
            "budget_bytes": cache.budget,
            "records_to_recover": self._runtime.table.to_recover,
        }


def _value_or_error(part: Callable[[], object]) -> object:
    try:
        return part()
    except Exception as error:  # noqa: BLE001  one part that fails must not hide the others
        return {"error": f"{type(error).__name__}: {error}"}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
