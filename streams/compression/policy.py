"""A hotel's rules, as the choice reads them."""

from schemas.policy import Policy, parse_policy

__all__ = ["DEFAULT_POLICY", "Policy", "parse_policy"]

#: For hotels that have said nothing: every level and format, level 3 unless there is a reason for another.
DEFAULT_POLICY = Policy(version=0)
