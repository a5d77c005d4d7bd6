"""What is done with a whole call: finding it, hearing it, erasing it."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from streams.console.app import Console
from tests.console.browsing import Browsing, serving
from tests.console.sample_api import FORMATS, OFFERED, REFUSAL, REQUEST, SOUNDS, SampleApi, recording

pytestmark = pytest.mark.xdist_group("console")

CALL = "/calls/call-0417?hotel=seaside"


def test_a_call_is_found_by_the_id_of_a_recording(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(address)
    page.locator("[data-search]").fill("00000000-0000-5000-8000-000000000011")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("call-0417")
    expect(page.locator("#player-title")).to_have_text("Hear segment 1, agent")


def test_a_segment_of_a_call_whose_id_two_hotels_have_is_that_of_its_hotel(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(f"{address}/calls/call-0415")
    expect(page.get_by_role("alert")).to_contain_text("several hotels")
    expect(page.get_by_text("together with its hotel")).to_be_visible()
    page.goto(f"{address}/calls/call-0415?hotel=lisbon")
    page.locator("[data-row]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("call-0415")
    expect(page).to_have_url(re.compile("hotel=lisbon&segment="))


def test_the_whole_call_is_heard_alone(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(address + CALL)
    expect(page.locator("[data-clock]")).to_contain_text("/ 0:12.0")
    page.locator("[data-play]").click()
    expect(page.locator("[data-play-text]")).to_have_text("Pause")
    page.locator("[data-whole]").evaluate("whole => whole.play()")
    expect(page.locator("[data-play-text]")).to_have_text("Play")
    page.locator("[data-play]").click()
    expect(page.locator("[data-play-text]")).to_have_text("Pause")
    assert page.locator("[data-whole]").evaluate("whole => whole.paused")
    assert page.get_by_role("link", name="WAV, for any player").get_attribute("href") == (
        "/v1/calls/call-0417/audio?hotel=seaside&format=wav"
    )
    assert window.complaints == []


@pytest.mark.parametrize("name", FORMATS)
def test_switching_keeps_the_position_in_every_format(window: Browsing, address: str, name: str) -> None:
    page = window.page
    number = next(number for number, sound in SOUNDS.items() if sound == name)
    page.goto(f"{address}/calls/formats?segment={number}")
    expect(page.locator("[data-clock]")).to_contain_text("/ 0:12.0")
    page.locator("[data-audio=after]").evaluate("audio => { audio.currentTime = 7.345; }")
    expect(page.locator("[data-clock]")).to_contain_text("0:07.3")
    for heard in ("before", "after"):
        page.keyboard.press("x")
        expect(page.locator(f"[data-choose={heard}]")).to_have_attribute("aria-pressed", "true")
        position = page.locator(f"[data-audio={heard}]").evaluate("audio => audio.currentTime")
        assert position == pytest.approx(7.345, abs=0.01)


def test_a_call_is_erased_by_keyboard_and_what_stays_is_told(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(address + CALL)
    page.get_by_role("link", name="Erase this call").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase this call?")
    expect(page.locator(".facts")).to_contain_text("call-0417")
    page.get_by_role("button", name="Erase the call for good").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("cannot be opened by anybody")
    expect(page.locator(".facts")).to_contain_text("3 results")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    assert download.value.suggested_filename == f"receipt-{REQUEST}.json"


def test_a_legal_hold_is_told_and_nothing_is_erased(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(f"{address}/calls/call-0416/erase?hotel=lisbon")
    page.get_by_role("button", name="Erase the call for good").click()
    expect(page.get_by_role("alert")).to_contain_text("legal hold")
    assert window.accessibility() == []
    page.get_by_role("link", name="See the policy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("lisbon")


def test_a_call_is_erased_from_the_page_of_the_session_alone(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        client.get("/")
        answer = client.post("/calls/call-0417/erase", data={"hotel": "seaside", "csrf": "0" * 64})
        assert answer.status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    ("permissions", "shown", "hidden"),
    [
        (["calls"], [], ["Erase this call", "Download the result", "WAV, for any player"]),
        (["calls", "audio"], ["Download the result", "WAV, for any player"], ["Erase this call"]),
        (["calls", "erasure"], ["Erase this call"], ["Download the result", "WAV, for any player"]),
    ],
)
def test_a_call_offers_what_the_role_may_do(
    window: Browsing, permissions: list[str], shown: list[str], hidden: list[str]
) -> None:
    with serving(Console(SampleApi(permissions=permissions).app, OFFERED)) as address:
        window.page.goto(address + CALL)
        expect(window.page.get_by_role("heading", level=1)).to_have_text("call-0417")
        for name in shown:
            expect(window.page.get_by_role("link", name=name)).to_be_visible()
        for name in hidden:
            expect(window.page.get_by_role("link", name=name)).to_have_count(0)


def test_dead_letters_and_policies_offer_what_the_role_may_do(window: Browsing) -> None:
    page = window.page
    with serving(Console(SampleApi(permissions=["calls", "dead-letters"]).app, OFFERED)) as address:
        page.goto(f"{address}/dead-letters")
        expect(page.locator(".letter")).to_be_visible()
        expect(page.get_by_role("button", name="Send again")).to_have_count(0)
        expect(page.get_by_role("link", name="Download what came")).to_have_count(0)
        page.goto(f"{address}/policies/seaside")
        expect(page.get_by_role("button", name="Preview")).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_have_count(0)


def test_scripts_come_compressed_and_a_browser_asks_for_them_again(address: str) -> None:
    answer = httpx.get(f"{address}/static/vendor/uPlot.iife.min.js")
    assert (answer.headers["content-encoding"], answer.headers["cache-control"]) == ("gzip", "no-cache")
    again = httpx.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == httpx.codes.NOT_MODIFIED


def test_a_call_of_which_all_was_refused_shows_no_sizes(window: Browsing) -> None:
    refused = recording(1, "refused", "guest", 0, state="dead", result=None, refusal=REFUSAL)
    with serving(Console(SampleApi([refused]).app, OFFERED)) as address:
        window.page.goto(address)
        expect(window.page.locator("tbody td.number")).to_have_text(["", "", ""])
        window.page.locator("[data-row]").click()
        expect(window.page.locator(".facts").first).to_contain_text("nothing is compressed")
