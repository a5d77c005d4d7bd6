"""The configuration of MirrorMaker 2 that the command prints."""

import re

import pytest

from schemas.topics import load_topics
from scripts.commands import mirror


def test_the_printed_configuration_names_both_clusters_and_exactly_the_shared_topics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [
        "properties",
        "--bootstrap-servers",
        "a:1,b:2",
        "--to",
        "c:3",
        "--topic-prefix",
        "eu.",
        "--replication",
        "2",
    ]
    assert mirror.main(arguments) == 0
    printed = capsys.readouterr().out
    settings = dict(re.findall(r"^([\w.>-]+) = (.*)$", printed, re.MULTILINE))
    assert (settings["source.bootstrap.servers"], settings["target.bootstrap.servers"]) == ("a:1,b:2", "c:3")
    assert {value for name, value in settings.items() if name.endswith("replication.factor")} == {"2"}
    patterns = settings["topics"].split(", ")
    copied = [one for one in names("eu.") if any(re.fullmatch(pattern, one) for pattern in patterns)]
    assert copied == [f"eu.{spec.name}" for spec in load_topics() if spec.scope == "shared"]
    assert not any(re.fullmatch(pattern, one) for pattern in patterns for one in [*names("us."), "eu.audioxraw"])
    assert "$" not in printed


@pytest.mark.parametrize(
    ("to", "message"),
    [("b:2,c:3", "b:2 is also a broker of the cluster that is copied"), ("kafka.lisbon", "must be host:port")],
)
def test_a_cluster_is_not_mirrored_to_itself_or_to_what_is_no_address(
    to: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        mirror.main(["properties", "--bootstrap-servers", "a:1,b:2", "--to", to])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def names(prefix: str) -> list[str]:
    return [spec.resolve(prefix, "group") for spec in load_topics()]


def test_one_direction_is_mirrored_and_names_stay(capsys: pytest.CaptureFixture[str]) -> None:
    assert mirror.main(["properties", "--to", "c:3"]) == 0
    printed = capsys.readouterr().out
    assert "target->source.enabled = false" in printed
    assert "IdentityReplicationPolicy" in printed
