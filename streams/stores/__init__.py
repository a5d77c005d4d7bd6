"""Object stores: where audio lies that is too large for a record."""

from streams.stores.configuration import StoresConfiguration
from streams.stores.credentials import Credentials, FixedSecret, Secret, SecretFile
from streams.stores.errors import StoreUnavailableError
from streams.stores.reading import ObjectRefusedError
from streams.stores.reference import ObjectReference, StoredObject, content_key
from streams.stores.stores import Stores

__all__ = [
    "Credentials",
    "FixedSecret",
    "ObjectReference",
    "ObjectRefusedError",
    "Secret",
    "SecretFile",
    "StoreUnavailableError",
    "StoredObject",
    "Stores",
    "StoresConfiguration",
    "content_key",
]
