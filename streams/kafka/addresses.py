"""The addresses of brokers, as text."""

import re

HIGHEST_PORT = 65535
_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+):([0-9]{1,9})")


def parse_brokers(text: str) -> str:
    """Brokers from a text such as ``kafka-1:9092, [::1]:9092``, without the blanks.

    Raises:
        ValueError: With the form that is wanted.
    """
    brokers = [broker.strip() for broker in text.split(",")]
    if "://" in text:
        plain = ",".join(broker.partition("://")[2].rstrip("/") if "://" in broker else broker for broker in brokers)
        raise ValueError(f"brokers have no scheme; write {plain}")
    if not all(brokers):
        raise ValueError(f"has a comma too many; write {','.join(filter(None, brokers)) or 'host:port'}")
    for broker in brokers:
        match = _BROKER.fullmatch(broker)
        if match is None:
            raise ValueError("must be host:port, or several separated by commas; an IPv6 address as [::1]:9092")
        if not 1 <= int(match[1]) <= HIGHEST_PORT:
            raise ValueError(f"{match[1]} is not a port; must be between 1 and {HIGHEST_PORT}")
        if not _can_be_looked_up(broker.rpartition(":")[0]):
            raise ValueError("no host has this name; the parts between its dots have 1 to 63 characters")
    return ",".join(brokers)


def _can_be_looked_up(host: str) -> bool:
    """Whether a name has a form that a resolver takes; clients would raise another error than for an unknown one."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
