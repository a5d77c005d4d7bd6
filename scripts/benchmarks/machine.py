"""The software versions and the machine of a measurement."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from xml.etree import ElementTree as ET  # nosec B405 # reads our own file alone

from infra.kafka.jars import POM


def environment(libraries: Sequence[str]) -> dict[str, dict[str, object]]:
    """Versions of Kafka, Java, Python and these libraries, and the machine."""
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    kafka = ET.parse(POM).findtext(".//m:dependency[m:artifactId='kafka_2.13']/m:version", None, namespace)  # noqa: S314  # nosec B314 # our own
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr.splitlines()  # noqa: S607
    versions: dict[str, object] = {
        "kafka": kafka,
        "java": java[0] if java else None,
        "python": platform.python_version(),
    }
    versions |= {library: version(library) for library in libraries}
    return {"versions": versions, "machine": {"cpus": os.cpu_count(), "system": platform.platform()}}
