"""scripts/kafka up --secure: what it prints for each role."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from schemas.access import load_roles
from scripts.commands import kafka
from scripts.processes.secure_kafka import ensure_key_store
from streams.security.sealing.key_stores import key_store_at

Told = Callable[..., dict[str, str]]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Told]:
    """Runs an action; returns the variables that it prints."""
    for name in [name for name in os.environ if name.startswith(("AUDIO_", "KAFKA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUDIO_RUN_DIR", str(tmp_path / "a directory"))
    port = free_ports(1)

    def run(action: str, *options: str) -> dict[str, str]:
        code = kafka.main([action, "--port", str(port), *options])
        out, err = capsys.readouterr()
        assert code == 0, err
        lines = [shlex.split(line) for line in out.splitlines()]
        assert all(first == "export" for first, _ in lines)
        return dict(pair.split("=", 1) for _, pair in lines)

    yield run
    cluster = LocalCluster.found(tmp_path / "a directory" / f"kafka-{port}")
    if cluster is not None:
        cluster.stop()


def test_the_key_store_is_for_the_roles_that_seal_or_open(told: Told) -> None:
    first = told("up", "--secure", "--role", "worker")
    store = key_store_at(first["AUDIO_KEY_STORE"])
    cluster = LocalCluster.found(
        Path(os.environ["AUDIO_RUN_DIR"]) / f"kafka-{first['KAFKA_BOOTSTRAP_SERVERS'].partition(':')[2]}"
    )
    assert cluster is not None
    ensure_key_store(cluster)
    assert (store.epochs(), key_store_at(first["AUDIO_KEY_STORE"]).id) == ((1,), store.id), "it is made once"

    shown = {role: told("status", "--role", role) for role in load_roles()}
    assert {role: given.pop("AUDIO_KEY_STORE", None) == first["AUDIO_KEY_STORE"] for role, given in shown.items()} == {
        "telephony": True, "worker": True, "consumer": True, "operator": True, "api": True, "eraser": True,
        "monitor": False, "admin": False,
    }  # fmt: skip
    assert {given["KAFKA_SASL_USERNAME"] for given in shown.values()} == set(load_roles())
    assert len({frozenset(given) for given in shown.values()}) == 1, "there is nothing else that only some have"
