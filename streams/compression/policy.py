"""A hotel's rules, as the choice reads them."""

from dataclasses import dataclass, fields

from schemas.policy import Policy, parse_policy

__all__ = ["DEFAULT_POLICY", "AssumedPolicy", "Policy", "assumed", "parse_policy"]

#: For hotels that have said nothing: every level and format, level 3 unless there is a reason for another.
DEFAULT_POLICY = Policy(version=0)


@dataclass(frozen=True, slots=True)
class AssumedPolicy(Policy):
    """Stands for a policy that cannot be read now, and may be a legal hold."""


def assumed(last_known: Policy) -> AssumedPolicy:
    """What to go by while a policy cannot be read: nothing may be lost, in a format that was wanted.

    Args:
        last_known: The policy that was in force.
    """
    values = {field.name: getattr(last_known, field.name) for field in fields(last_known)}
    return AssumedPolicy(**values | {"legal_hold": True})
