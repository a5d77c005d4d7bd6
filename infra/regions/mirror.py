"""The configuration of MirrorMaker 2, and the command line that runs it."""

import shutil
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.kafka.errors import LocalKafkaError
from infra.kafka.jars import ensure_jars, silent

_HERE = Path(__file__).parent
_LOGGING = _HERE.parent / "kafka" / "log4j2.properties"
#: As for the local broker (infra/kafka/start-broker.sh), for the same reason.
_OPTIONS = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_PROGRAM = "org.apache.kafka.connect.mirror.MirrorMaker"
#: Topic of the target cluster in which Kafka Connect notes which records of the source were copied.
PROGRESS_TOPIC = "mm2-offsets.source.internal"


@dataclass(frozen=True, slots=True)
class Mirror:
    """What is mirrored.

    Attributes:
        source: Brokers of the region that is copied, as ``host:port[,host:port...]``.
        target: Brokers of the other region.
        topics: Full names of the topics.
        replication: Replicas of the mirror's own topics.
        tasks: Largest number of tasks, over which the partitions are divided.
        rest: ``host:port`` at which the processes of one mirror reach each other.
    """

    source: str
    target: str
    topics: Sequence[str]
    replication: int
    tasks: int
    rest: str

    def properties(self) -> str:
        """The configuration, as `connect-mirror-maker.sh` reads it."""
        template = string.Template((_HERE / "mirror.properties").read_text(encoding="utf-8"))
        return template.substitute(
            source=self.source,
            target=self.target,
            topics=", ".join(name.replace(".", "[.]") for name in self.topics),
            replication=self.replication,
            tasks=self.tasks,
            rest=self.rest,
        )


def command(configuration: Path, report: Callable[[str], None] = silent) -> list[str]:
    """The command line that mirrors in the foreground; Kafka's jars are downloaded first if they are missing.

    Args:
        configuration: File with the properties.
        report: Called with a message before a slow step.

    Raises:
        LocalKafkaError: If Java is missing, or the jars cannot be had.
    """
    java = shutil.which("java")
    if java is None:
        raise LocalKafkaError("Java is not installed; MirrorMaker needs version 17 or newer")
    jars = ensure_jars(report, _HERE / "pom.xml")
    return [java, *_OPTIONS, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{jars}/*", _PROGRAM, str(configuration)]
