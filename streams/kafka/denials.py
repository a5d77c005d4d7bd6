"""What brokers do not allow an account, as a line for people: aiokafka's errors have numbers, and Java's text."""

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

_RESOURCES: dict[type[KafkaError], str] = {
    TopicAuthorizationFailedError: "topic",
    GroupAuthorizationFailedError: "group",
    TransactionalIdAuthorizationFailed: "transactional id",
}
#: What to do about it.
REMEDY = "schemas/access.yaml says which role may, and ./scripts/access apply grants it"


def denial_of(error: BaseException) -> str | None:
    """What is not allowed, as a part of a line; None for an error of another kind."""
    if isinstance(error, ClusterAuthorizationFailedError):
        return "this account lacks a right to the cluster itself"
    resource = _RESOURCES.get(type(error))
    if resource is None:
        return None
    names = ", ".join(sorted(_names(error.args)))
    return f"this account lacks a right to the {resource} {names}".rstrip()


def _names(arguments: tuple[object, ...]) -> set[str]:
    """The names in an error's arguments, each a name or a set of them."""
    return {
        str(name)
        for argument in arguments
        if argument
        for name in (argument if isinstance(argument, set | frozenset | list | tuple) else [argument])
    }
