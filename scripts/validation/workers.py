"""Checks workers by their HTTP endpoints: health, metrics, status."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from scripts.cli import counted
from scripts.validation.exposition import Sample, parse
from scripts.validation.finding import Finding, judged, not_checked
from scripts.validation.web import Web, WebError

CHECK = "worker"
_OK, _UNAVAILABLE = 200, 503
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_REMEDY = "read the worker's log, and look at its /health/ready; is it running, and is this its URL?"


@dataclass(frozen=True, slots=True)
class WorkerAnswers:
    """What a worker's endpoints have told.

    Attributes:
        url: Its address.
        problems: What is wrong, in one line each.
        release: Version of the product; None if it was not told.
        partitions: Number of partitions that it owns; None if its metrics are closed, as nginx closes them to others.
    """

    url: str
    problems: Sequence[str]
    release: str | None = None
    partitions: int | None = 0


async def check_workers(web: Web, urls: Sequence[str], token: str | None) -> list[Finding]:
    """Ask all workers for health, metrics and, with a token, for their status.

    Args:
        web: How endpoints are asked.
        urls: Their addresses, such as ``http://127.0.0.1:8080``; that of a load balancer counts as one.
        token: Opens the status (``AUDIO_ADMIN_TOKEN``); None does not ask for it.
    """
    if not urls:
        return [not_checked(CHECK, "health and metrics", "no --worker-url")]
    answers = await asyncio.gather(*(_ask(web, url.rstrip("/"), token) for url in urls))
    closed = [
        not_checked(CHECK, f"{_place(one)}/metrics", "closed to this address; workers' own addresses show them")
        for one in answers
        if one.partitions is None
    ]
    return [*(_judged(one) for one in answers), *closed, _releases(answers)]


def ready_problem(status: int, conditions: Mapping[str, object]) -> str | None:
    """What is wrong with the answer of ``/health/ready``; None if the worker is ready."""
    if status == _OK and conditions.get("ready") is True:
        return None
    missing = [name for name, holds in conditions.items() if holds is False and name != "ready"]
    if status == _UNAVAILABLE and missing:
        return f"is not ready: {', '.join(missing)}"
    return f"/health/ready answers {status} and not that the worker is ready"


def metrics_problems(metrics: Mapping[str, Sequence[Sample]]) -> list[str]:
    """What is wrong with a worker's metrics, in one line each."""
    if len(metrics.get("audio_build_info", ())) != 1:
        return ["/metrics has no audio_build_info: this is no worker"]
    unmet = [one.labels.get("condition", "?") for one in metrics.get("audio_ready", ()) if one.value != 1]
    problems = [f"audio_ready is not 1: {', '.join(unmet)}"] if unmet else []
    counts = {name: _value(metrics, name) for name in ("audio_partitions_unservable", "audio_topics_missing")}
    problems += [f"{name} is {value:g} and must be 0" for name, value in counts.items() if value != 0]
    if not metrics.get("audio_lag_seconds"):
        problems.append("/metrics has no audio_lag_seconds: the worker does not know the lag")
    return problems


async def _ask(web: Web, url: str, token: str | None) -> WorkerAnswers:
    try:
        live, ready, exposition = await asyncio.gather(
            web.get(f"{url}/health/live"), web.get(f"{url}/health/ready"), web.get(f"{url}/metrics")
        )
        problems = [] if live.status == _OK else [f"/health/live answers {live.status}"]
        conditions = ready.json()
        if problem := ready_problem(ready.status, conditions if isinstance(conditions, dict) else {}):
            problems.append(problem)
        problems += await _status_problems(web, url, token)
        if exposition.status == _FORBIDDEN:
            return WorkerAnswers(url, problems, partitions=None)
        metrics = parse(exposition.text)
        problems += metrics_problems(metrics)
    except WebError as error:
        return WorkerAnswers(url, [str(error)])
    [build, *_] = metrics.get("audio_build_info", [Sample({}, 0)])
    owned = sum(one.value for one in metrics.get("audio_partition_assigned", ()))
    return WorkerAnswers(url, problems, build.labels.get("version"), round(owned))


async def _status_problems(web: Web, url: str, token: str | None) -> list[str]:
    if token is None:
        return []
    page = await web.get(f"{url}/admin/audio/status", {"Authorization": f"Bearer {token}"})
    if page.status == _UNAUTHORIZED:
        return ["/admin/audio/status refuses AUDIO_ADMIN_TOKEN: it is not the worker's"]
    if page.status != _OK:  # the worker has no token, or a proxy closes what is for operators
        return []
    status = page.json()
    failing = [name for name, part in status.items() if isinstance(part, dict) and part.keys() == {"error"}]
    return [f"the status has errors in {', '.join(failing)}"] if failing else []


def _value(metrics: Mapping[str, Sequence[Sample]], name: str) -> float:
    return sum(one.value for one in metrics.get(name, ()))


def _judged(answers: WorkerAnswers) -> Finding:
    detail = "ready" if answers.partitions is None else f"ready, {counted(answers.partitions, 'partition')}"
    return judged(CHECK, _place(answers), answers.problems, detail, _REMEDY)


def _place(answers: WorkerAnswers) -> str:
    return urlsplit(answers.url).netloc


def _releases(answers: Sequence[WorkerAnswers]) -> Finding:
    """Whether all workers have the same release."""
    known = {one.release for one in answers if one.release is not None}
    if not known:
        return not_checked(CHECK, "release", "no worker has told its release")
    problems = [f"workers have different releases: {', '.join(sorted(known))}"] if len(known) > 1 else []
    return judged(CHECK, "release", problems, ", ".join(known), "finish the update, or roll it back")
