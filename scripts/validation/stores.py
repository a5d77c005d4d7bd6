"""Checks the object stores: that an object can be written, read again and removed, and that each endpoint answers."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable

from schemas import Rejection
from scripts.validation.finding import Finding, failed, judged, not_checked, passed
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.endpoint import Endpoint

CHECK = "stores"
_PREFIX = "final-validation"
_BYTES = 4096
_REMEDY = "look at the store; are AUDIO_STORES and its account those of the workers?"


async def check_stores(configuration: StoresConfiguration | None) -> list[Finding]:
    """Check the stores that this environment names.

    Args:
        configuration: The stores; None checks nothing.
    """
    if configuration is None:
        return [not_checked(CHECK, "all", "no AUDIO_STORES")]
    stores = Stores.of(configuration)
    try:
        return await asyncio.to_thread(_findings, stores)
    finally:
        stores.close()


def _findings(stores: Stores) -> list[Finding]:
    pools = ((pool.store, pool.endpoints) for pool in stores.pools)
    return [_round_trip(stores), *(one for store, endpoints in pools for one in _endpoints(store, endpoints))]


def _endpoints(store: str, endpoints: Iterable[Endpoint]) -> list[Finding]:
    problems = {endpoint.address: endpoint.problem() for endpoint in endpoints}
    return [
        judged(CHECK, address, [] if problem is None else [problem.reason], f"answers for {store}", _REMEDY)
        for address, problem in problems.items()
    ]


def _round_trip(stores: Stores) -> Finding:
    """Write, read and remove an object."""
    store, content = stores.pools[0].store, secrets.token_bytes(_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    try:
        reference = stores.put(f"{_PREFIX}/{digest}", content)
        found = stores.read(reference, limit=_BYTES, sha256=digest)
        stores.delete(reference)
    except StoreUnavailableError as error:
        return failed(CHECK, f"{store}, an object", str(error), _REMEDY)
    if isinstance(found, Rejection):
        return failed(CHECK, f"{store}, an object", found.reason, _REMEDY)
    return passed(CHECK, f"{store}, an object", "written, read and removed")
