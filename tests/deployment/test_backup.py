"""Policies are exported and restored by the commands that the guide gives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.workers import ROOT
from tests.support.brokers import Broker, Namespace

GUIDE = (ROOT / "docs" / "deployment" / "RECOVERY.md").read_text()
#: The commands of the section, in the order of its text.
EXPORT, RESTORE, *_ = re.findall(r"(?:^    .*\n)+", GUIDE[GUIDE.index("## Backup") :], re.MULTILINE)


def run(commands: str, directory: Path, broker: Broker, prefix: str) -> str:
    """Run commands of the guide in bash."""
    command = f"{sys.executable} -P -m scripts.commands.policy"
    settings = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "AUDIO_TOPIC_PREFIX": prefix}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("./scripts/policy", command)],
        cwd=directory,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("jq") is None, reason="the guide's command needs jq")
async def test_exported_policies_are_restored_into_an_empty_topic(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    new = f"{namespace.prefix}new."
    for prefix in (namespace.prefix, new):
        await apply_topics(KafkaConnection(broker.bootstrap_servers), prefix, namespace.group)
    set_ = "./scripts/policy set --no-wait --hotel"
    run(f"{set_} lisbon --ceiling-level 4\n{set_} court --legal-hold", tmp_path, broker, namespace.prefix)
    run(EXPORT, tmp_path, broker, namespace.prefix)
    run(RESTORE, tmp_path, broker, new)
    shown = run("./scripts/policy show", tmp_path, broker, new)
    assert re.search(r"lisbon .*ceiling level 4", shown)
    assert re.search(r"court .*legal hold", shown)
