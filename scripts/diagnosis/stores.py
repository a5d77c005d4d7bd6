"""Checks the object stores: that each endpoint answers, and that an object can be written, read and removed."""

import asyncio
import secrets

from schemas import Rejection
from scripts.diagnosis.checking import Installation, any_will_do
from scripts.validation.finding import Finding, failed, passed
from streams.runtime.state_directory import try_directory
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.configuration import DirectoryLocation, Location
from streams.stores.endpoint import endpoints_of

CHECK = "object store"
_CONTENT = b"written by the doctor, and removed at once"
_REMEDY = "is it running, and are AUDIO_STORES, its bucket and AUDIO_STORES_ACCESS_KEY and ..._SECRET_KEY right?"


async def check_stores(installation: Installation) -> list[Finding]:
    """Ask every endpoint, and write to the first store, into which workers write."""
    configuration = installation.process.store_configuration
    found = [one for location in configuration.locations for one in await _endpoints(location, configuration)]
    first = configuration.locations[0]
    if any(one.remedy for one in found) or (isinstance(first, DirectoryLocation) and not first.directory.is_dir()):
        return found  # without its endpoints, or before its directory was made, there is nothing to write to
    return [*found, await asyncio.to_thread(_try, configuration, first.uri)]


async def _endpoints(location: Location, configuration: StoresConfiguration) -> list[Finding]:
    if isinstance(location, DirectoryLocation) and not location.directory.exists():
        return [_to_be_made(location)]
    endpoints = endpoints_of(location, configuration)
    problems = await asyncio.gather(*(asyncio.to_thread(one.problem) for one in endpoints))
    return any_will_do(
        [
            [
                passed(CHECK, one.address, "answers")
                if problem is None
                else failed(CHECK, one.address, problem.reason, _REMEDY)
            ]
            for one, problem in zip(endpoints, problems, strict=True)
        ]
    )


def _to_be_made(location: DirectoryLocation) -> Finding:
    try:
        try_directory(location.directory)
    except OSError as error:
        return failed(CHECK, location.uri, f"cannot be created: {error.strerror}", _REMEDY)
    return passed(CHECK, location.uri, "a directory that is made when the first object is stored")


def _try(configuration: StoresConfiguration, store: str) -> Finding:
    """Write an object that nobody else knows, read it and remove it."""
    stores = Stores.of(configuration)
    try:
        reference = stores.put(f"doctor-{secrets.token_hex(16)}", _CONTENT)
        read = stores.read(reference, limit=len(_CONTENT))
        stores.delete(reference)
    except StoreUnavailableError as error:
        return failed(CHECK, f"{store} object", str(error), _REMEDY)
    finally:
        stores.close()
    if isinstance(read, Rejection):
        return failed(CHECK, f"{store} object", f"was written, and then: {read.message}", _REMEDY)
    return passed(CHECK, f"{store} object", "was written, read and removed")
