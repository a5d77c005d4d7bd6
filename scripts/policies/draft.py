"""A hotel's new policy, from a file or from options, and how it differs from the one in force. Pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import Policy, PolicyEvent, Record, Rejection
from schemas.policy import policy_content, policy_problems
from scripts.recordings.formats import FORMATS

#: The JSON properties that have options, and the options.
OPTIONS = {
    "floorLevel": "--floor-level",
    "ceilingLevel": "--ceiling-level",
    "defaultLevel": "--default-level",
    "accept": "--accept",
    "legalHold": "--legal-hold",
    "minQuality": "--min-quality",
    "maxBytesPerMinute": "--max-bytes-per-minute",
    "cacheChannels": "--cache-channels",
    "archive": "--archive",
    "sealed": "--sealed",
    "retentionDays": "--retention-days",
}
#: What an option takes instead of a value, to have no such rule.
NONE = "none"

_LISTS = {"accept", "cacheChannels"}
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_WORDS = re.compile("|".join(OPTIONS))


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy that breaks no rule, or what is wrong with it.

    Attributes:
        policy: The policy, or None.
        problems: Every broken rule in one line each, in the words of the file or of the options.
    """

    policy: Policy | None
    problems: tuple[str, ...] = ()


def from_file(text: bytes, hotel_id: str, version: int) -> Draft:
    """Read a policy from a file's JSON; its version is replaced, and the hotel may be left out.

    Args:
        text: The file.
        hotel_id: The hotel.
        version: The version that the policy gets.
    """
    content = policy_content(text)
    if isinstance(content, Rejection):
        return Draft(None, (content.message,))
    if content.get("hotel", hotel_id) != hotel_id:
        return Draft(None, (f"hotel: is {json.dumps(content['hotel'])}, and --hotel is {json.dumps(hotel_id)}",))
    return _checked(content, hotel_id, version, str)


def from_options(given: Mapping[str, str | bool | None], present: Policy | None, hotel_id: str, version: int) -> Draft:
    """Change the policy in force by options; what no option names stays.

    Args:
        given: For each JSON property the option's text, or None where it was not given.
        present: The policy in force, or None.
        hotel_id: The hotel.
        version: The version that the policy gets.
    """
    content = {} if present is None else _listed(present)
    for name, text in given.items():
        if text == NONE:
            content.pop(name, None)
            if name == "cacheChannels":
                content[name] = []  # without the property there would be a channel
        elif text is not None:
            content[name] = text if isinstance(text, bool) else _value(name, text)
    return _checked(content, hotel_id, version, lambda message: _WORDS.sub(lambda found: OPTIONS[found[0]], message))


def differences(present: Policy | None, new: Policy | None) -> list[tuple[str, str, str]]:
    """The rules that differ: the rule's name, its value now and its new value, each in plain words."""
    old, other = _described(present), _described(new)
    return [(name, old[name], other[name]) for name in old if old[name] != other[name]]


def described(policy: Policy) -> str:
    """A policy in one line: its rules that are not the default ones."""
    usual, own = _described(None), _described(policy)
    rules = [f"{name} {value}" for name, value in own.items() if value != usual[name]]
    return ", ".join(rules) or "no rules"


def _checked(content: Mapping[str, Any], hotel_id: str, version: int, worded: Callable[[str], str]) -> Draft:
    whole = {"version": version, "hotel": hotel_id, **content} | {"version": version}
    problems = policy_problems(whole)
    if problems:
        return Draft(None, tuple(worded(problem.message) for problem in problems))
    event = PolicyEvent.from_record(Record(hotel_id.encode(), json.dumps(whole).encode()))
    return Draft(None, (event.message,)) if isinstance(event, Rejection) else Draft(event.policy)


def _listed(policy: Policy) -> dict[str, Any]:
    """The JSON properties with lists as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in policy.properties().items()}


def _value(name: str, text: str) -> Any:  # noqa: ANN401  whatever JSON has
    if name in _LISTS:
        names = [part.strip() for part in text.split(",") if part.strip()]
        return [FORMATS.get(part, part) for part in names]
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def _described(policy: Policy | None) -> dict[str, str]:
    return dict(all_rules(Policy(version=1) if policy is None else policy))


def all_rules(policy: Policy) -> Iterator[tuple[str, str]]:
    """Each rule of a policy and its value, in plain words."""
    yield "floor level", str(policy.floor_level)
    yield "ceiling level", str(policy.ceiling_level)
    yield "default level", str(policy.default_level)
    yield "accept", ", ".join(policy.accept) or "all"
    yield "legal hold", "yes" if policy.legal_hold else "no"
    yield "min quality", "of the level" if policy.min_quality is None else f"{policy.min_quality:g}"
    most = policy.max_bytes_per_minute
    yield "max bytes per minute", "no limit" if most is None else f"{most:,}"
    yield "cache channels", ", ".join(policy.cache_channels) or NONE
    yield "archive", "yes" if policy.archive else "no"
    yield "sealed", "yes" if policy.sealed else "no"
    yield "retention days", "no limit" if policy.retention_days is None else str(policy.retention_days)
