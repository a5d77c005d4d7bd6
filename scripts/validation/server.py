"""The findings of checks that ask one server, also where it does not answer as it should."""

import asyncio
from collections.abc import Awaitable, Mapping

from scripts.validation.finding import Finding, failed
from scripts.validation.web import WebError


async def findings_of(server: str, option: str, checks: Mapping[str, Awaitable[Finding]]) -> list[Finding]:
    """Run checks at the same time.

    Args:
        server: The program, which is also the kind of the checks.
        option: The option that has named its address.
        checks: By what each looks at.
    """
    return list(await asyncio.gather(*(_answered(server, option, *check) for check in checks.items())))


async def _answered(server: str, option: str, subject: str, check: Awaitable[Finding]) -> Finding:
    try:
        return await check
    except WebError as error:
        return failed(server, subject, str(error), f"is {server} running, and is {option} its address?")
    except (KeyError, TypeError, AttributeError):
        return failed(server, subject, f"answers something else than {server} does", f"check {option}")
