"""Finds variables in the environment that look like settings of ours and are none, so that a typing error is told."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings

_PREFIXES = ("AUDIO_", "KAFKA_")
#: Names of the product's other programs and of later versions, which an operator may have set already.
_OTHER_NAMES = frozenset({
    "AUDIO_API_PORT", "AUDIO_GATEWAY_AUDIOSOCKET", "AUDIO_IMAGE", "AUDIO_RUN_DIR", "AUDIO_VERSION",
})  # fmt: skip
#: Variables of Kafka's own scripts and images. A name that is close to one of ours is none of these.
_OF_KAFKA = re.compile(
    r"KAFKA_(?:\w*_OPTS|OPTS|HOME|DEBUG|VERSION|SCALA_VERSION|CFG_\w+|LOG_DIRS?|LOG4J_\w+|JMX_\w+|HEAP_\w+|NODE_ID|"
    r"BROKER_ID|CLUSTER_ID|PROCESS_ROLES|\w*LISTENERS?|\w*LISTENER_\w+|CONTROLLER_\w+|ZOOKEEPER_\w+|"
    r"INTER_BROKER_\w+|OFFSETS_\w+|TRANSACTION_\w+|AUTO_CREATE_\w+|GROUP_INITIAL_\w+|DEFAULT_\w+|NUM_\w+)"
)
#: Kubernetes gives every container the addresses of the services of its namespace: of one that is called kafka, say.
_SERVICE_LINK = re.compile(r"\w+_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)")
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://.*")
_BROKERS = "KAFKA_BOOTSTRAP_SERVERS"
#: What others call the brokers; a likely mistake only where ours is not set.
_OTHERS_BROKERS = frozenset({
    "KAFKA_BROKER", "KAFKA_BROKERS", "KAFKA_BROKER_LIST", "KAFKA_HOST", "KAFKA_HOSTS", "KAFKA_SERVERS", "KAFKA_URL",
})  # fmt: skip
#: Of two names, by difflib's measure: one is taken for the other; so much so that it is none of Kafka's names.
_SIMILARITY, _HIGH_SIMILARITY = 0.75, 0.85


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable that has no effect.

    Attributes:
        variable: Its name.
        remark: What is wrong with it, in one line that begins with its name.
    """

    variable: str
    remark: str


def without_effect(environ: Mapping[str, str]) -> list[Unknown]:
    """Find the variables with the prefixes of our settings that have no effect.

    Variables of Kafka's own programs, and those that Kubernetes derives from services, are left out.
    """
    known = set(_known())
    suspects = sorted(name for name, value in environ.items() if value and name.startswith(_PREFIXES))
    return [
        Unknown(name, f"{name} {_remark(name)}")
        for name in suspects
        if name not in known and not _is_others(name, environ, known)
    ]


def _known() -> Iterator[str]:
    for one in declared(Settings).values():
        yield one.variable
        if one.file_variable is not None:
            yield one.file_variable
    yield from _OTHER_NAMES


def _is_others(name: str, environ: Mapping[str, str], known: set[str]) -> bool:
    if _SERVICE_LINK.fullmatch(name) or _SERVICE_URL.fullmatch(environ[name]):
        return True
    if name in _OTHERS_BROKERS:
        return bool(environ.get(_BROKERS))
    return _OF_KAFKA.fullmatch(name) is not None and not _likely(name, known, _HIGH_SIMILARITY)


def _remark(name: str) -> str:
    likely = [_BROKERS] if name in _OTHERS_BROKERS else _likely(name, set(_known()))
    return f"is no setting; did you mean {likely[0]}?" if likely else "is no setting, and has no effect"


def _likely(name: str, known: set[str], cutoff: float = _SIMILARITY) -> list[str]:
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
