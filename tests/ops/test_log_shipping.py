"""The examples for Filebeat and Logstash are well formed, and agree with each other and with the workers' logs."""

import re
from pathlib import Path

import yaml

LOGGING = Path(__file__).parents[2] / "infra" / "logging"
#: Options of Filebeat's ndjson parser, from its reference.
NDJSON_OPTIONS = {
    "target", "overwrite_keys", "expand_keys", "add_error_key", "message_key", "document_id", "ignore_decoding_error",
}  # fmt: skip


def test_filebeat_takes_each_line_as_an_event() -> None:
    filebeat = yaml.safe_load((LOGGING / "filebeat.yml").read_text())
    assert filebeat.keys() == {"filebeat.inputs", "processors", "output.elasticsearch"}
    (source,) = filebeat["filebeat.inputs"]
    assert (source["type"], source.keys()) == ("filestream", {"type", "id", "paths", "parsers"})
    ((name, parser),) = source["parsers"][0].items()
    assert name == "ndjson"
    assert parser.keys() <= NDJSON_OPTIONS
    assert (parser["target"], parser["expand_keys"], parser["overwrite_keys"]) == ("", True, True)


def test_logstash_listens_where_filebeat_is_told_to_send() -> None:
    pipeline = re.sub(r"#.*", "", (LOGGING / "logstash.conf").read_text())
    assert re.findall(r"^(\w+) \{", pipeline, re.MULTILINE) == ["input", "filter", "output"]
    assert pipeline.count("{") == pipeline.count("}")
    (port,) = re.findall(r"port => (\d+)", pipeline)
    assert f'hosts: ["127.0.0.1:{port}"]' in (LOGGING / "filebeat.yml").read_text()
