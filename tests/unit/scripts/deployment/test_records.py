"""What a deployment keeps on disk and reports."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.deployment import configuration
from scripts.deployment.driver import Ending, ExitCode
from scripts.deployment.errors import DeploymentError, LockedError, StepError
from scripts.deployment.programs import Completed, ProgramError, output_of
from scripts.deployment.project import dotenv
from scripts.deployment.record import Record, Step, new_record
from scripts.deployment.report import advice, as_json, outcome
from scripts.deployment.store import DirectoryStore
from scripts.deployment.target import Check, topics_told
from scripts.deployment.validation import verdict
from tests.unit.scripts.deployment.memory import NEW, OLD

RECORD = new_record("local", OLD, NEW, workers=2, rollback=True, former=["a", "b"])


def test_a_record_is_read_as_it_was_written() -> None:
    record = RECORD.succeeded(1.5, "up").failed(2.0, "no topics", ("last line",))
    assert record.step is Step.RESTORE
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"before": null}'])
def test_what_is_no_record_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(DeploymentError, match="look at what runs"):
        DirectoryStore(tmp_path).load()


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "deploy")
    with store.lock():
        assert store.load() is None
        store.save_settings(OLD.settings, "password: p")
        store.save(RECORD)
    assert store.load() == RECORD
    files = [path for path in store.directory.rglob("*") if path.is_file() and path.name != "lock"]
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_a_record_that_cannot_be_written_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.save(RECORD)
    (tmp_path / ".record.json.new").mkdir()  # where the draft would be
    with pytest.raises(StepError, match=r"record\.json cannot be written: Is a directory"):
        store.save(RECORD.succeeded(1.0, "up"))
    assert store.load() == RECORD


def test_configurations_that_no_record_names_are_removed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for name in (OLD.settings, NEW.settings, "earlier"):
        store.save_settings(name, "x: 1")
    store.save(RECORD)
    assert sorted(path.stem for path in (tmp_path / "settings").iterdir()) == [OLD.settings, NEW.settings]


def test_two_processes_cannot_have_the_lock(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path).lock(), pytest.raises(LockedError), DirectoryStore(tmp_path).lock():
        pass
    with DirectoryStore(tmp_path).lock():
        pass


def test_the_variables_of_a_service_are_read_from_both_forms() -> None:
    wanted = {"A": "1", "B": "a$b"}
    assert configuration.environment_of({"environment": {"A": 1, "B": "a$$b", "C": None}}) == wanted
    assert configuration.environment_of({"environment": ["A=1", "B=a$$b"]}) == wanted
    assert configuration.environment_of({}) == {}


def test_the_image_and_the_variables_of_a_configuration_are_replaced() -> None:
    services = {name: {"image": "one:1"} for name in ("worker", "topics", "monitoring")} | {"kafka": {"image": "kafka"}}
    changed = configuration.with_image({"services": services}, "two:2")
    assert [one["image"] for one in changed["services"].values()] == ["two:2"] * 3 + ["kafka"]
    changed = configuration.with_worker_environment(changed, {"P": "a$b"})
    assert configuration.environment_of(changed["services"]["worker"]) == {"P": "a$b"}
    assert services["worker"] == {"image": "one:1"}, "the original is unchanged"


@pytest.mark.parametrize(
    ("worker", "count"), [({"scale": 3}, 3), ({"deploy": {"replicas": 4}}, 4), ({}, 1), ({"scale": "2"}, 2)]
)
def test_the_number_of_workers(worker: dict[str, object], count: int) -> None:
    assert configuration.worker_count({"services": {"worker": worker}}) == count


def test_secrets_are_known_by_the_names_of_their_variables() -> None:
    environment = {
        "KAFKA_SASL_PASSWORD": "long secret",
        "AUDIO_ADMIN_TOKEN": "token",
        "ALERT_MANAGER_WEBHOOK_URL": "https://hooks.example/1",
        "AUDIO_ADMIN_TOKEN_FILE": "/secrets/token",
        "AUDIO_GROUP": "hotel-audio",
        "SHORT_PASSWORD": "abc",
    }
    assert configuration.secret_values([environment]) == ["https://hooks.example/1", "long secret", "token"]


FINDINGS = [
    {"check": "call", "subject": "audio/flac", "status": "failed", "detail": "a dead letter came back", "remedy": ""},
    {"check": "topic", "subject": "audio.raw", "status": "passed", "detail": "8 partitions", "remedy": ""},
]


def validated(code: int, findings: list[dict[str, str]]) -> Completed:
    failed = sum(one["status"] == "failed" for one in findings)
    report = {"passed": len(findings) - failed, "failed": failed, "seconds": 4.2, "findings": findings}
    return Completed(code, f"a line of the log\n{json.dumps(report, indent=2)}\n", "")


def test_a_validation_that_passes_is_told_in_one_line() -> None:
    assert verdict(validated(0, FINDINGS[1:])) == "1 of 1 checks passed in 4.2 s"


def test_a_validation_that_fails_tells_each_failure() -> None:
    with pytest.raises(StepError, match=r"1 of 2 checks passed in 4\.2 s; call audio/flac: a dead letter") as error:
        verdict(validated(1, FINDINGS))
    assert error.value.log == ("call audio/flac: a dead letter came back",)
    with pytest.raises(StepError, match="exit code 1"):
        verdict(validated(1, FINDINGS[1:]))


def test_a_validation_without_a_report_is_a_failure_with_its_last_lines() -> None:
    with pytest.raises(StepError, match="ended with 1 and without a report") as error:
        verdict(Completed(1, "", "Traceback\nImportError: no\n"))
    assert error.value.log == ("Traceback", "ImportError: no")


def test_missing_topics_are_no_obstacle_and_anything_else_is() -> None:
    assert topics_told(Completed(0, "x\nall topics are there\n", "done")) == "all topics are there"
    assert topics_told(Completed(1, "", "topics: missing: a, b; run x\n")) == "to be made: a, b"
    with pytest.raises(StepError, match=r"^no Kafka broker answers$"):
        topics_told(Completed(1, "", "topics: no Kafka broker answers\n1\n"))
    with pytest.raises(StepError, match="ended with 1"):
        topics_told(Completed(1, "", "1\n"))


def test_a_program_that_fails_tells_its_last_line() -> None:
    with pytest.raises(ProgramError, match=r"^broken$"):
        output_of(["sh", "-c", "echo out; echo broken >&2; exit 3"])
    with pytest.raises(ProgramError, match=r"^ERROR: for nginx$"):
        output_of(["sh", "-c", "echo ERROR: for nginx; echo general; exit 1"])
    with pytest.raises(ProgramError, match="no-such-program is not installed"):
        output_of(["no-such-program"])
    with pytest.raises(ProgramError, match=r"sleep did not end within 0\.1 s"):
        output_of(["sleep", "5"], timeout=0.1)
    assert output_of(["cat"], given="text") == "text"


def test_composes_own_variables_are_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert dotenv(file) == {}
    file.write_text("# a comment=1\nCOMPOSE_PROJECT_NAME=hotel-audio\nQUOTED='a b'\n\n")
    assert dotenv(file) == {"COMPOSE_PROJECT_NAME": "hotel-audio", "QUOTED": "a b"}


def test_after_a_rollback_the_report_says_how_refused_inputs_are_sent_again() -> None:
    record = replace(RECORD, step=Step.VALIDATION).failed(1.0, "refuses")
    ending = Ending(ExitCode.ROLLED_BACK, (Check("disk", ok=True, told="free"),), record)
    assert any(f"dead_letters --since {record.began} --replay" in line for line in advice(ending))
    data = as_json(ending, "compose", dry_run=False)
    assert json.loads(json.dumps(data)) == data | {"steps": [json.loads(json.dumps(one)) for one in data["steps"]]}
    assert (data["exit_code"], data["before"]["image"], data["checks"][0]["told"]) == (1, OLD.image, "free")


def test_the_outcome_is_one_line() -> None:
    assert outcome(Ending(ExitCode.DONE, (), None), dry_run=False).startswith("nothing to do")
    assert outcome(Ending(ExitCode.DONE, (), RECORD), dry_run=True).endswith("this is the plan")
    assert outcome(Ending(ExitCode.DONE, (), RECORD), dry_run=False) == "deployed"
    assert advice(Ending(ExitCode.DONE, (), RECORD)) == []
