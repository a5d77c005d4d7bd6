"""The roles at the brokers and their rights, read from ``access.yaml``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

from schemas.topics import topic

FILE = "schemas/access.yaml"

Resource = Literal["topic", "group", "transactional_id", "cluster"]
Operation = Literal["Read", "Write", "Create", "Alter", "Describe", "DescribeConfigs", "AlterConfigs"]
_ANY_END = "*"
_WORKER = "worker"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One operation on one resource that the brokers allow an account.

    Attributes:
        account: Its name; Kafka's principal is ``User:`` and this.
        resource: What kind of thing it is about.
        name: The thing's name on the cluster, or the beginning of the names.
        prefixed: Whether it holds for all names with this beginning.
        operation: What is allowed.
    """

    account: str
    resource: Resource
    name: str
    prefixed: bool
    operation: Operation

    def __str__(self) -> str:
        end = _ANY_END if self.prefixed else ""
        return f"{self.account} {self.operation} {self.resource} {self.name}{end}"


@dataclass(frozen=True, slots=True)
class Right:
    """What a role may do with one resource; names as in the file."""

    resource: Resource
    name: str
    operations: tuple[Operation, ...]

    def grants(self, account: str, prefix: str, group: str) -> Iterator[Grant]:
        """What it is on a cluster."""
        if self.resource == "topic":
            name = topic(self.name).resolve(prefix, group)
        else:
            name = self.name.format(account=account, prefix=prefix, group=group)
        for operation in self.operations:
            yield Grant(account, self.resource, name.removesuffix(_ANY_END), name.endswith(_ANY_END), operation)


@dataclass(frozen=True, slots=True)
class Role:
    """What the holders of an account do.

    Attributes:
        name: The role's name.
        description: What it does, in a line or two.
        rights: All that it may do.
    """

    name: str
    description: str
    rights: tuple[Right, ...]

    @property
    def topics(self) -> list[str]:
        """Logical names of the topics that it uses."""
        return [right.name for right in self.rights if right.resource == "topic"]

    def grants(self, account: str, prefix: str, group: str) -> list[Grant]:
        """All that an account with this role may do.

        Args:
            account: Its name.
            prefix: Prefix of every topic's name.
            group: The workers' consumer group.
        """
        return [grant for right in self.rights for grant in right.grants(account, prefix, group)]


def granted(accounts: Iterable[tuple[str, str]], prefix: str, group: str) -> set[Grant]:
    """All that accounts with roles may do.

    Args:
        accounts: Pairs of a role's name and the name of an account that has it.
        prefix: Prefix of every topic's name.
        group: The workers' consumer group.

    Raises:
        ValueError: If an account's name is a beginning of a group of the workers, in which it could read then.
    """
    grants = {one for role, account in accounts for one in load_roles()[role].grants(account, prefix, group)}
    of_workers = {one.name for one in load_roles()[_WORKER].grants("", prefix, group) if one.resource == "group"}
    for one in grants:
        if one.resource == "group" and one.prefixed and any(name.startswith(one.name) for name in of_workers):
            raise ValueError(
                f"the account {one.account} could read in the workers' group {group}, or in that of the archive, whose"
                " name begins with the account's: choose another name"
            )
    return grants


@cache
def load_roles() -> dict[str, Role]:
    """Return every role by its name.

    Raises:
        ValueError: If the file in this package is invalid; the message names it.
    """
    return parse_roles((files(__package__) / "access.yaml").read_text(encoding="utf-8"))


def parse_roles(text: str) -> dict[str, Role]:
    """Parse the text of a file of roles.

    Raises:
        ValueError: If it is invalid; the message names the file.
    """
    try:
        roles = [_role(**entry) for entry in yaml.safe_load(text)]
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{FILE}: {error}") from error
    return {role.name: role for role in roles}


def _role(role: str, description: str, rights: list[dict[str, Any]]) -> Role:
    return Role(role, description, tuple(_right(**right) for right in rights))


def _right(allow: list[Operation], **thing: str) -> Right:
    [(resource, name)] = thing.items()
    if resource not in get_args(Resource) or not set(allow) <= set(get_args(Operation)):
        raise ValueError(f"{resource} {name} with {', '.join(allow)} is no right")
    if resource == "topic":
        topic(name)  # raises KeyError for a topic that is not declared
    return Right(resource, name, tuple(allow))  # type: ignore[arg-type]  # checked above
