"""Runs the command `deploy` as an operator does, and judges the traffic meanwhile."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.reading import read
from tests.chaos.records import DEAD_LETTER, ERROR_PREFIX, RAW, ObservedRecord, Place
from tests.chaos.verdict import Problem
from tests.chaos.workers import ROOT
from tests.support.broken_versions import REFUSED
from tests.support.traffic import Step

_TIMEOUT_S = 1500
#: Of the keys of a validation's calls.
_OF_VALIDATION = b"final-validation-"
#: The end of the problem that a validation's prompt in the cache is: the oracle knows its own prompts alone.
_OTHER_PROMPT = "the file is no prompt of this partition"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a run of the command has said.

    Attributes:
        code: Its exit code.
        report: Its report.
        told: Its standard error.
    """

    code: int
    report: Mapping[str, Any]
    told: str

    @property
    def failed_step(self) -> Mapping[str, Any]:
        """The step that failed first."""
        return next(step for step in self.report["steps"] if not step["ok"])


def deploy(*arguments: str, environment: Mapping[str, str]) -> Deployed:
    """Run the command to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "report.json"
        process = start(*arguments, "--json", str(file), environment=environment)
        _, told = process.communicate(timeout=_TIMEOUT_S)
        print(told)
        report = json.loads(file.read_text()) if file.exists() else {}
    return Deployed(process.returncode, report, told)


def start(*arguments: str, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.commands.deploy", *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


async def problems_of(step: Step, servers: str) -> Sequence[Problem]:
    """The problems of a step, without what the calls of validations account for, which the oracle has not sent."""
    log = (await read(servers, [RAW], committed=True)).records
    own = {Place(one.partition, one.offset) for one in log if (one.key or b"").startswith(_OF_VALIDATION)}
    excused = {f"{tuple(place)}: an outcome of an input that was never sent" for place in own}
    return [one for one in step.problems if one.detail not in excused and not one.detail.endswith(_OTHER_PROMPT)]


async def refused(servers: str) -> tuple[list[ObservedRecord], list[str]]:
    """The dead letters of the version that refuses half of all calls, and the names of those that are not intact."""
    log = (await read(servers, [RAW], committed=True)).records
    inputs = {Place(one.partition, one.offset): one for one in log}
    letters = [
        one
        for one in (await read(servers, [DEAD_LETTER], committed=True)).records
        if one.header(f"{ERROR_PREFIX}exception.class.name") == REFUSED
    ]
    damaged = []
    for letter in letters:
        partition, offset = (int(letter.header(ERROR_PREFIX + name) or -1) for name in ("partition", "offset"))
        sent = inputs[Place(partition, offset)]
        kept = letter.headers[: len(sent.headers)]
        if (letter.key, letter.value, kept) != (sent.key, sent.value, sent.headers):
            damaged.append(f"{partition}@{offset}")
    return letters, damaged


async def deploy_meanwhile(*arguments: str, environment: Mapping[str, str]) -> Deployed:
    """Run the command to its end while others go on."""
    return await asyncio.to_thread(deploy, *arguments, environment=environment)
