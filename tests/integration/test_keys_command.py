"""`keys` and the doctor's lines about the key store, on a genuine Kafka."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from schemas import Record
from schemas.topics import KEYS
from scripts.cli import Cluster
from scripts.commands import doctor, keys
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.key_stores import key_store_at
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import erased_mark
from tests.support.brokers import Broker, Namespace
from tests.support.keys import key_record
from tests.support.softhsm import PIN, SoftHsm

Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def cluster(
    broker: Broker, namespace: Namespace, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Cluster:
    """The environment of one installation, whose topics are not made yet."""
    for name in [name for name in os.environ if name.startswith(("AUDIO_", "KAFKA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUDIO_KEY_STORE", f"file://{path}")
    monkeypatch.setenv("AUDIO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AUDIO_HTTP_PORT", "0")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("AUDIO_TOPIC_PREFIX", namespace.prefix)
    monkeypatch.setenv("AUDIO_GROUP", namespace.group)
    return Cluster(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


@pytest.fixture
def command(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `keys`; returns its exit code, standard output and standard error."""

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(keys.main, arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


async def with_keys(cluster: Cluster, *records: Record) -> None:
    """Make the topics, with these records of keys."""
    await apply_topics(cluster.connection, cluster.prefix, cluster.group)
    producer = cluster.connection.producer(acks="all")
    await producer.start()
    try:
        for record in records:
            await producer.send_and_wait(cluster.topic(KEYS), key=record.key, value=record.value)
    finally:
        await producer.stop()


def of(store: KeyStore, expires_ms: int = 0) -> Record:
    return key_record(store, DataKey.new(), expires_ms=expires_ms)


async def test_a_key_store_is_made_once(command: Command, path: Path) -> None:
    code, out, err = await command("init")
    assert (code, out) == (0, f"{SlotFile(path).id.hex()}\n")
    assert "keep a copy" in err
    content = path.read_bytes()
    code, out, err = await command("init")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "is there already" in err
    assert path.read_bytes() == content


async def test_no_key_store_is_made_where_calls_are_sealed_under_another_one(
    cluster: Cluster, command: Command, path: Path, tmp_path: Path
) -> None:
    other = SlotFile.make(tmp_path / "other")
    await with_keys(cluster, of(other), of(other))
    code, _, err = await command("init")
    assert (code, path.exists()) == (1, False)
    assert f"sealed already, under key store {other.id.hex()} (2 keys): copy that one here" in err
    assert (await command("init", "--beside-others"))[0] == 0
    code, out, _ = await command("status")
    assert code == 1
    assert f"WRONG      living keys are under key store {other.id.hex()} (2 keys)" in out


async def test_no_broker_is_needed_offline(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    code, _, err = await command("init")
    assert (code, path.exists()) == (1, False)
    assert "no Kafka broker answers" in err
    assert (await command("init", "--offline"))[0] == 0
    assert path.exists()


async def test_the_status_counts_keys(cluster: Cluster, command: Command, path: Path, tmp_path: Path) -> None:
    store = SlotFile.make(path)
    erased, early = of(store), of(store)
    store.create(2)
    await with_keys(
        cluster, erased, early, of(store), of(store), of(store, expires_ms=1), Record(erased.key, erased_mark(1))
    )
    file = tmp_path / "status.json"
    code, out, _ = await command("status", "--json", str(file))
    assert code == 0, out
    assert f"id         {store.id.hex()}\nepoch 1    1 living key\nepoch 2    2 living keys\n" in out
    found = json.loads(file.read_text())
    assert (found["epochs"], found["expired"], found["erased"]) == ({"1": 1, "2": 2}, 1, 1)


async def test_an_old_copy_of_the_key_store_is_told(cluster: Cluster, command: Command, path: Path) -> None:
    store = SlotFile.make(path)
    old = path.read_bytes()
    store.create(2)
    await with_keys(cluster, of(store))
    path.write_bytes(old)
    code, out, _ = await command("status")
    assert code == 1
    assert "WRONG      1 living key of epochs that this key store lacks: it is an old copy" in out


async def test_a_status_without_key_store_says_what_to_do(command: Command, path: Path) -> None:
    code, out, err = await command("status")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{path}: No such file or directory; ./scripts/keys init makes one" in err


async def test_the_doctor_looks_at_the_key_store_and_the_keys(
    cluster: Cluster, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def told() -> str:
        await asyncio.to_thread(doctor.main, ["--role", "consumer"])
        return capsys.readouterr().out

    store, name = SlotFile.make(path), cluster.topic(KEYS)
    await with_keys(cluster, of(store))
    text = await told()
    assert f"ok           key store file://{path}: id {store.id.hex()}, 1 epoch, the newest is 1" in text
    assert f"ok           data keys {name}: of the latest, 1 key can be opened" in text

    path.chmod(0o640)
    assert f"warning      key store file://{path}: others can use it, by its mode 640" in await told()

    path.unlink()
    SlotFile.make(path)
    assert f"FAILED       data keys {name}: has keys of key store {store.id.hex()}" in await told()

    path.write_bytes(path.read_bytes()[:-1])
    assert f"FAILED       key store: {path}: has 4095 bytes instead of 4096" in await told()
    path.unlink()
    assert f"FAILED       key store: {path}: No such file or directory" in await told()


@pytest.fixture
def token(
    cluster: Cluster, softhsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], KeyStore]:
    """A token in the place of the file; returns what opens its key store."""
    address = softhsm.new_address(pin=None)
    pin = tmp_path / "pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    monkeypatch.setenv("AUDIO_KEY_STORE", address)
    monkeypatch.setenv("AUDIO_KEY_STORE_PIN_FILE", str(pin))
    return lambda: key_store_at(address, lambda: PIN)


async def test_keys_in_a_token_are_made_shown_and_turned(
    cluster: Cluster, command: Command, token: Callable[[], KeyStore], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = await command("init")
    store = token()
    assert (code, out) == (0, f"{store.id.hex()}\n")
    assert "keep a backup of the token" in err
    assert "is there already" in (await command("init"))[2]

    await with_keys(cluster, of(store), of(store))
    assert f"id         {store.id.hex()}\nepoch 1    2 living keys\n" in (await command("status"))[1]
    code, _, err = await command("turn", "--settling", "0.1")
    assert code == 0, err
    assert store.epochs() == (2,)
    assert "epoch 2    2 living keys\n" in (await command("status"))[1]

    await asyncio.to_thread(doctor.main, ["--role", "consumer"])
    text = capsys.readouterr().out
    assert f": id {store.id.hex()}, 1 epoch, the newest is 2" in text
    assert "of the latest, 4 keys can be opened" in text


async def test_the_doctor_says_what_is_wrong_with_a_token(
    token: Callable[[], KeyStore], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def told(**settings: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            await asyncio.to_thread(doctor.main, ["--role", "consumer"])
        return capsys.readouterr().out

    (tmp_path / "wrong").write_text("0000\n")
    (tmp_path / "wrong").chmod(0o600)
    address = os.environ["AUDIO_KEY_STORE"]
    assert "the token has no key store of this name" in await told()
    assert "the token is not there" in await told(AUDIO_KEY_STORE=address.replace("token=", "token=another"))
    assert "cannot open shared object" in await told(AUDIO_KEY_STORE=f"{address}.missing")
    wrong = await told(AUDIO_KEY_STORE_PIN_FILE=str(tmp_path / "wrong"))
    assert "FAILED       key store: token" in wrong
    assert "refuses the PIN; it is not tried again before it changes" in wrong
    assert "0000" not in wrong
