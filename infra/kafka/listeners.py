"""Listeners of a broker that are reached through proxies: by clients, and by the other nodes of the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.kafka.ports import HOST


@dataclass(frozen=True, slots=True)
class ProxiedListener:
    """A listener of a broker that others reach through a proxy.

    Attributes:
        name: Of the listener; upper-case letters and digits.
        port: Where the broker listens.
        advertised_port: Where others are told to connect.
    """

    name: str
    port: int
    advertised_port: int


@dataclass(frozen=True, slots=True)
class PeerListeners:
    """How the other nodes of the cluster reach a node.

    Attributes:
        brokers: For replication, and for all else that brokers ask of each other.
        controllers: For the controllers' quorum, and for the brokers' requests to the active controller.
    """

    brokers: ProxiedListener
    controllers: ProxiedListener


def properties(
    plain_port: int, controller_port: int, proxied: Sequence[ProxiedListener], peers: PeerListeners | None
) -> str:
    """The settings that take the place of the template's: of a name that occurs twice, Kafka takes the last.

    Args:
        plain_port: Of the listener that everybody may use, without a proxy.
        controller_port: Of the controllers' listener.
        proxied: For clients.
        peers: For the other nodes, None where they reach this one without a proxy.
    """
    if not proxied and peers is None:
        return ""
    ports = {"PLAINTEXT": plain_port, "CONTROLLER": controller_port}
    advertised = {"PLAINTEXT": plain_port}
    for listener in (*proxied, *((peers.brokers, peers.controllers) if peers else ())):
        ports[listener.name] = listener.port
        advertised[listener.name] = listener.advertised_port
    protocols = ",".join(f"{name}:PLAINTEXT" for name in ports)
    lines = [
        f"listeners={_listed(ports)}",
        f"advertised.listeners={_listed(advertised)}",
        f"listener.security.protocol.map={protocols}",
    ]
    if peers is not None:
        lines.append(f"inter.broker.listener.name={peers.brokers.name}")
    return "\n" + "\n".join(lines) + "\n"


def _listed(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
