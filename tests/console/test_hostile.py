"""Ids, reasons and calls that somebody chose to break pages."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from streams.console.app import Console
from tests.console.browsing import Browsing, serving
from tests.console.sample_api import KEY, OFFERED, REFUSAL, SampleApi, recording, result

pytestmark = pytest.mark.xdist_group("console")

TEXTS = {
    "markup": "<img src=x onerror=alert(1)>\"'{{7*7}}</script><script>alert(2)</script>",
    "long": "L" * 255,
    "direction": "\u202e\u0645\u0643\u202d \u200fabc",
    "emoji": "📞🏨 zoe\u0301",
    "percent": "%2e%2e%2f",
    "slashes": "../a/b?c#d&e=f",
}
MANY = 10_000


@pytest.fixture(scope="module")
def browser(browser: Browsing) -> Browsing:
    browser.page.on("dialog", lambda dialog: browser.complaints.append(dialog.message))
    return browser


def call_named(text: str) -> list[dict[str, Any]]:
    """A call with this text wherever one may be, and one of its segments refused."""
    refusal = {**REFUSAL, "reason": text * 3, "code": text, "field": text}
    return [
        recording(1, text, text, 0, hotel=text, result=result(reason=text, codec=text)),
        recording(2, text, "agent", 5, hotel=text, state="dead", result=None, refusal=refusal),
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_from_outside_is_shown_as_it_is_and_moves_nothing(window: Browsing, name: str) -> None:
    text = TEXTS[name]
    with serving(Console(SampleApi(call_named(text)).app, OFFERED)) as address:
        window.page.goto(address)
        expect(window.page.locator("[data-row]")).to_have_text(text)
        window.page.locator("[data-row]").click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text(text)
        check(window)
        window.page.get_by_role("link", name="Erase this call").click()
        expect(window.page.locator(".facts")).to_contain_text(text)
        check(window)
        for path in (
            "/dead-letters",
            f"/policies/{httpx.QueryParams({'a': text})!s}".replace("a=", "").replace("+", "%20"),
        ):
            window.page.goto(address + path)
            expect(window.page.locator("main")).to_contain_text(text)
            check(window)


def check(window: Browsing) -> None:
    """Nothing is wider than the window, no policy was broken, and no element came from outside."""
    window.page.wait_for_load_state("load")  # with its styles, which the text does not wait for
    assert window.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert window.page.locator("main img, main script").count() == 0
    assert window.complaints == []


def test_a_call_of_many_segments_is_drawn_in_blocks_and_listed_in_parts(window: Browsing) -> None:
    page = window.page
    segments = [recording(at, "big", "guest" if at % 2 else "agent", at // 2 * 12.5) for at in range(MANY)]
    refused = {"state": "dead", "result": None, "refusal": REFUSAL}
    segments[7000] |= refused
    with serving(Console(SampleApi(segments).app, OFFERED)) as address:
        page.goto(f"{address}/calls/big?hotel=seaside")
        expect(page.locator("tbody tr")).to_have_count(200)
        assert page.locator(".timeline a").count() <= 2 * 300
        expect(page.get_by_text("Part 1 of 50, of 10,000 segments.")).to_be_visible()
        page.get_by_role("link", name="Later segments").click()
        expect(page.get_by_text("Part 2 of 50")).to_be_visible()
        page.locator(".timeline a[aria-label*=refused]").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Part 36 of 50")).to_be_visible()
        expect(page.locator("#player")).to_contain_text("It was refused")
        assert window.accessibility() == []


@pytest.mark.parametrize(
    "following", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_nobody_is_led_elsewhere_after_logging_in(following: str) -> None:
    with serving(Console(SampleApi(key=KEY).app, OFFERED)) as address, httpx.Client(base_url=address) as client:
        page = client.get("/login", params={"next": following})
        assert page.headers["content-security-policy"].count("frame-ancestors 'none'") == 1
        token = re.findall('name="csrf" value="([0-9a-f]+)"', page.text)[0]
        entered = client.post("/login", data={"csrf": token, "key": KEY, "next": following})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")


def test_a_key_that_was_withdrawn_ends_its_sessions(window: Browsing) -> None:
    api = SampleApi(key=KEY)
    with serving(Console(api.app, OFFERED)) as address:
        window.page.goto(f"{address}/dead-letters")
        window.page.get_by_label("API key").fill(KEY)
        window.page.keyboard.press("Enter")
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Dead letters")
        cookie = next(iter(window.context.cookies()))
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
        api.key = "another-key"
        window.page.get_by_role("link", name="Calls", exact=True).click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Log in")


@pytest.mark.parametrize("path", ["/calls/call-0417/erase", "/dead-letters/replay", "/policies/seaside", "/logout"])
def test_a_form_of_another_site_changes_nothing(path: str) -> None:
    with serving(Console(SampleApi().app, OFFERED)) as address, httpx.Client(base_url=address) as client:
        client.get("/")
        assert client.post(path, data={"hotel": "seaside", "csrf": "0" * 64}).status_code == httpx.codes.FORBIDDEN


def test_a_session_over_tls_is_for_tls_alone() -> None:
    with serving(Console(SampleApi().app, OFFERED)) as address:
        answer = httpx.get(address, headers={"X-Forwarded-Proto": "https"})
    assert {"HttpOnly", "SameSite=strict", "Secure"} <= set(answer.headers["set-cookie"].split("; "))


@pytest.mark.parametrize("version", ["", "x", "-1", "\u0661", "9" * 5000])
def test_a_version_that_is_no_number_breaks_no_page(version: str) -> None:
    with serving(Console(SampleApi().app, OFFERED)) as address, httpx.Client(base_url=address) as client:
        token = re.findall('name="csrf" value="([0-9a-f]+)"', client.get("/policies/seaside").text)[0]
        sent = {"csrf": token, "version": version, "action": "preview", "ceilingLevel": "4"}
        assert client.post("/policies/seaside", data=sent).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "path",
    ["/dead-letters?sent={n}&held={n}", "/erasures/0123456789abcdef?keys={n}&inClear={n}", "/calls/formats?part={n}"],
)
def test_a_forged_number_in_an_address_breaks_no_page(path: str) -> None:
    with serving(Console(SampleApi().app, OFFERED)) as address:
        for number in ("9" * 5000, "-1", "x", "\u0661"):
            assert httpx.get(address + path.format(n=number)).status_code == httpx.codes.OK
