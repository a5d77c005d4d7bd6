"""A compose project's resolved configuration, as `docker-compose config` prints it."""

import copy
import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml

#: Services of infra/docker/compose.yaml; further brokers are kafka-2 and so on.
WORKER, TOPICS, MONITORING, BROKER = "worker", "topics", "monitoring", "kafka"
_OF_OUR_IMAGE = (WORKER, TOPICS, MONITORING)
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|WEBHOOK|CREDENTIAL|PRIVATE|API_?KEY", re.IGNORECASE)
_SHORTEST_SECRET = 4  # characters: shorter ones occur in ordinary text

Configuration = Mapping[str, Any]


def parsed(text: str) -> Configuration:
    """Read a configuration."""
    configuration: Configuration = yaml.safe_load(text)
    return configuration


def printed(configuration: Configuration) -> str:
    """A configuration as text, equal for equal ones."""
    return yaml.safe_dump(dict(configuration), sort_keys=True)


def environment_of(service: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a service gets."""
    given = service.get("environment") or {}
    pairs = given.items() if isinstance(given, Mapping) else (str(one).partition("=")[::2] for one in given)
    return {name: str(value).replace("$$", "$") for name, value in pairs if value is not None}


def worker_count(configuration: Configuration) -> int:
    """Number of workers."""
    worker = configuration["services"][WORKER]
    return int(worker.get("scale") or (worker.get("deploy") or {}).get("replicas") or 1)


def with_image(configuration: Configuration, image: str) -> Configuration:
    """The configuration with another image of the product."""
    changed: dict[str, Any] = copy.deepcopy(dict(configuration))
    for name in set(_OF_OUR_IMAGE).intersection(changed["services"]):
        changed["services"][name]["image"] = image
    return changed


def with_worker_environment(configuration: Configuration, environment: Mapping[str, str]) -> Configuration:
    """The configuration with other variables of the worker."""
    changed: dict[str, Any] = copy.deepcopy(dict(configuration))
    changed["services"][WORKER]["environment"] = {name: value.replace("$", "$$") for name, value in environment.items()}
    return changed


def secret_values(environments: Collection[Mapping[str, str]]) -> list[str]:
    """The values of variables whose names say that they are secret."""
    return sorted(
        {
            value
            for environment in environments
            for name, value in environment.items()
            if _SECRET.search(name) and not name.endswith("_FILE") and len(value) >= _SHORTEST_SECRET
        },
        key=len,
        reverse=True,
    )
