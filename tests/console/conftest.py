"""A browser for the tests of a module, and the console on an API with samples."""

from collections.abc import Iterator

import pytest

from streams.console.app import Console
from tests.console.browsing import Browsing, browsing, serving
from tests.console.sample_api import OFFERED, SampleApi


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(Console(SampleApi().app, OFFERED)) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def window(browser: Browsing) -> Browsing:
    """An empty window that nobody is logged in to, and in which nothing went wrong yet."""
    browser.page.goto("about:blank")
    browser.complaints.clear()
    browser.context.clear_cookies()
    return browser
