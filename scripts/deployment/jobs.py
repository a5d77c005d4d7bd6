"""Runs a Job to its end, and reads what it has printed."""

import time
from contextlib import suppress

from scripts.deployment.errors import StepError
from scripts.deployment.kubectl import Kubectl
from scripts.deployment.manifests import Manifest
from scripts.deployment.programs import Completed
from scripts.deployment.rollout import trouble_of

_POLL_S = 0.5


def run_job(kubectl: Kubectl, job: Manifest, timeout: float) -> Completed:
    """Run a Job in place of one that had its name.

    Args:
        kubectl: For its namespace.
        job: Its manifest.
        timeout: Seconds.

    Returns:
        What its last pod has printed, in both streams together; the exit code is 0 or 1.

    Raises:
        StepError: If its pod cannot run, or it does not end in time.
    """
    name, end = str(job["metadata"]["name"]), time.monotonic() + timeout
    kubectl.delete("job", name)
    kubectl.apply(job)
    selector = f"batch.kubernetes.io/job-name={name}"
    while True:
        if (code := _exit_code(kubectl.get("job", name))) is not None:
            return Completed(code, _output(kubectl, selector), "")
        pods = kubectl.listed("pods", selector)
        for pod in pods:
            if (reason := trouble_of(pod)) is not None:
                log = kubectl.log(str(pod["metadata"]["name"]))
                raise StepError(f"the Job {name} does not run: {reason}", log)
        if time.monotonic() > end:
            log = kubectl.log(str(pods[-1]["metadata"]["name"])) if pods else ()
            raise StepError(f"the Job {name} did not end within {timeout:g} s", log)
        time.sleep(_POLL_S)


def _exit_code(job: Manifest | None) -> int | None:
    """0 or 1 for a Job that has ended; None for one that runs."""
    status = {} if job is None else job.get("status", {})
    if status.get("succeeded"):
        return 0
    failed = any(one["type"] == "Failed" and one["status"] == "True" for one in status.get("conditions", []))
    return 1 if failed else None


def _output(kubectl: Kubectl, selector: str) -> str:
    pods = sorted(kubectl.listed("pods", selector), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    with suppress(StepError):  # its node may be gone
        return kubectl.run("logs", str(pods[-1]["metadata"]["name"])) if pods else ""
    return ""
