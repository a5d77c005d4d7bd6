"""Waits until workers have a change of a policy in force, and says what is known of them."""

import argparse
import asyncio
import os

from aiokafka.errors import KafkaError

from scripts.cli import Cluster, counted, say
from scripts.policies.workers import Answer, await_in_force
from streams.kafka.connected_client import connected_client
from streams.kafka.protocol.group_owners import fetch_member_hosts
from streams.policies.history import Change
from streams.runtime.endpoint_url import endpoint_url
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings

EXIT_DONE = 0
#: The change was sent, and not every worker has said that it is in force there.
EXIT_UNCONFIRMED = 3

_MEMBERS_S = 10.0  # for the group to finish a rebalance
_PAUSE_S = 0.5
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where a worker listens, and where it answers


async def wait_for_workers(cluster: Cluster, options: argparse.Namespace, change: Change) -> int:
    """Wait until all workers have a change in force; print what they said.

    Returns:
        `EXIT_DONE` if every member of the group was asked and has it in force, or if there is no worker; otherwise
        `EXIT_UNCONFIRMED`.
    """
    what = "the removal" if change.policy is None else f"version {change.policy.version}"
    if options.no_wait:
        say("policy", "no worker was asked; they read the topic all the time, and apply it within a second")
        return EXIT_DONE
    members = await _member_count(cluster)
    urls = list(dict.fromkeys(options.worker or [_usual_url()]))
    if members == 0 and options.worker is None:
        print(f"{change.hotel_id}: no worker of the group {cluster.group} runs; the next one starts with {what}")
        return EXIT_DONE
    say("policy", f"waiting for {', '.join(urls)}, at most {options.timeout:g} s")
    version = None if change.policy is None else change.policy.version
    answers = await await_in_force(urls, change.hotel_id, change.position, version, options.timeout)
    return _told(cluster, change.hotel_id, what, answers, members)


def _told(cluster: Cluster, hotel: str, what: str, answers: list[Answer], members: int | None) -> int:
    confirmed = [answer for answer in answers if answer.problem is None]
    for answer in answers:
        if answer.problem is not None:
            say("policy", f"{answer.url} {answer.problem}")
    if len(confirmed) == len(answers) and members is not None and len(confirmed) >= members:
        print(f"{hotel}: {what} is in force in {counted(len(confirmed), 'worker')}, all of the group {cluster.group}")
        return EXIT_DONE
    size = "an unknown number of members" if members is None else counted(members, "member")
    group = f"the group {cluster.group} has {size}"
    print(f"{hotel}: {what} was sent; {counted(len(confirmed), 'worker')} said that it is in force; {group}")
    say("policy", "name each worker's address with --worker to hear from all")
    return EXIT_UNCONFIRMED


def _usual_url() -> str:
    """Where a worker with this environment answers."""
    settings = declared(Settings)
    host, port, certificate = (
        settings[name].value(os.environ) for name in ("http_host", "http_port", "http_tls_certfile")
    )
    host = _ANY_HOST.get(str(host), str(host))
    return endpoint_url(host, int(str(port)), tls=certificate is not None)


async def _member_count(cluster: Cluster) -> int | None:
    """Number of workers in the consumer group; None if its coordinator does not say."""
    try:
        async with connected_client(cluster.connection) as client, asyncio.timeout(_MEMBERS_S):
            while (hosts := await fetch_member_hosts(client, cluster.group)) is None:  # noqa: ASYNC110  brokers set no event
                await asyncio.sleep(_PAUSE_S)
            return len(hosts)
    except (KafkaError, TimeoutError):
        return None
