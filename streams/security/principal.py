"""Who makes a request, and what that person may do."""

from dataclasses import dataclass
from typing import Literal

from streams.security.roles import ROLES, Permission, Role

Method = Literal["api-key", "jwt", "admin-token", "kafka"]
#: How files and tokens write that somebody may see all hotels.
ALL_HOTELS = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose credential was checked.

    Attributes:
        holder: Who it is: the API key's holder, or the subject of the token. An opaque id, the same for all credentials
            of a person.
        credential: Which credential: an API key's id, or the token's; never the secret.
        method: What kind of credential.
        role: The person's role.
        hotels: The hotels that the person may see; None for all.
    """

    holder: str
    credential: str
    method: Method
    role: Role
    hotels: frozenset[str] | None

    def may(self, permission: Permission, hotel: str | None = None) -> bool:
        """Whether something is allowed.

        Args:
            permission: What it is.
            hotel: Whose calls it is about; None for those of all hotels, or for the installation as a whole.
        """
        return permission in ROLES[self.role] and (self.hotels is None or hotel in self.hotels)


def hotels_of(value: object) -> frozenset[str] | None:
    """The hotels from a file or a token: a list of ids, or ``"*"`` for all, which is None.

    Raises:
        ValueError: If it is neither.
    """
    if value == ALL_HOTELS:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f'"hotels" has to be "{ALL_HOTELS}" or a list of hotel ids')
    return frozenset(value)
