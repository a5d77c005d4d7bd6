"""The console in a real Chromium, on an API with samples."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from streams.console.app import Console
from tests.console.browsing import Browsing, serving
from tests.console.sample_api import EXPIRED, FORMATS, KEY, OFFERED, REQUEST, SECONDS, SOUNDS, UNSIGNED, SampleApi

pytestmark = pytest.mark.xdist_group("console")

PAGES = {
    "calls": "/",
    "one call": "/calls/call-0417?hotel=seaside",
    "expired original": f"/calls/call-0417?segment={EXPIRED}",
    "question before an erasure": "/calls/call-0417/erase?hotel=seaside",
    "erasure": f"/erasures/{REQUEST}?hotel=seaside&call=call-0417&keys=2&inClear=3",
    "erasure without a receipt": f"/erasures/{UNSIGNED}",
    "live": "/live",
    "dead letters": "/dead-letters",
    "policies": "/policies",
    "a policy": "/policies/seaside",
    "estimate": "/estimate",
    "login": "/login",
}
DECODED = """async () => {
  const answer = await fetch(document.querySelector("[data-audio=after]").currentSrc);
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(await answer.arrayBuffer());
  return sound.duration;
}"""
EMPTY = {
    "calls": ("/", "No calls yet"),
    "letters": ("/dead-letters", "Nothing was refused"),
    "none": ("/?hotel=x", "No call"),
}


@pytest.fixture
def window(window: Browsing) -> Browsing:
    window.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return window


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_breaks_no_policy(window: Browsing, address: str, name: str) -> None:
    window.page.goto(address + PAGES[name])
    expect(window.page.locator("h1")).to_be_visible()
    window.page.wait_for_load_state("networkidle")
    assert window.complaints == []
    found = window.accessibility()  # which looks at styles by ways that the policy forbids to pages
    window.page.emulate_media(color_scheme="dark")
    assert found + window.accessibility() == []


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_page_says_what_to_do_next(window: Browsing, name: str) -> None:
    path, title = EMPTY[name]
    with serving(Console(SampleApi([]).app, OFFERED)) as address:
        window.page.goto(address + path)
        expect(window.page.locator(".empty h2")).to_contain_text(title)
        assert window.page.locator(".empty a").count() > 0
        assert window.accessibility() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [("/nope", "no such page"), ("/calls/unknown", "No call of yours"), ("/?hotel=broken", "Kafka is away")],
)
def test_an_error_is_a_page_that_says_what_to_do(window: Browsing, address: str, path: str, words: str) -> None:
    window.page.goto(address + path)
    expect(window.page.get_by_role("alert")).to_contain_text(words)
    expect(window.page.get_by_role("link", name="Try again")).to_be_visible()
    assert window.accessibility() == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_result_of_every_format_is_as_long_as_its_audio(window: Browsing, address: str, name: str) -> None:
    number = next(number for number, sound in SOUNDS.items() if sound == name)
    window.page.goto(f"{address}/calls/formats?segment={number}")
    expect(window.page.locator("[data-clock]")).to_contain_text("/ 0:12.0")
    assert window.page.evaluate(DECODED) == pytest.approx(SECONDS, abs=0.01)
    assert "format=wav" not in window.page.evaluate("document.querySelector('[data-audio=after]').currentSrc")
    assert window.complaints == []


def test_before_and_after_are_heard_at_the_same_position(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(f"{address}/calls/call-0417")
    expect(page.locator("[data-clock]")).to_contain_text("/ 0:12.0")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-clock]")).to_contain_text("0:05.0")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Before")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-clock]")).to_contain_text("0:05.0")
    assert position(window, "before") == pytest.approx(position(window, "after"), abs=0.02)
    page.keyboard.press(" ")
    expect(page.locator("[data-clock]")).not_to_contain_text("0:05.0")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="After")).to_have_attribute("aria-pressed", "true")
    assert position(window, "after") >= position(window, "before") > 5
    assert not page.evaluate("document.querySelector('[data-audio=after]').paused")
    assert page.evaluate("document.querySelector('[data-audio=before]').paused")
    assert window.complaints == []


def position(window: Browsing, name: str) -> float:
    found: float = window.page.evaluate(f"document.querySelector('[data-audio={name}]').currentTime")
    return found


def test_the_way_to_a_sound_needs_the_keyboard_alone(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(address)
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="call-0417")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("call-0417")
    expect(page.locator("[data-clock]")).to_contain_text("/ 0:12.0")
    page.keyboard.press(" ")
    expect(page.locator("[data-play-text]")).to_have_text("Pause")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_keys_are_letters_while_somebody_types(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("jx?")
    expect(page.locator("[data-search]")).to_have_value("jx?")
    expect(page.locator("#help")).to_be_hidden()
    page.locator("[data-search]").fill("call-0417")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/calls/call-0417$"))


def test_an_expired_original_says_so_and_the_result_still_plays(window: Browsing, address: str) -> None:
    window.page.goto(f"{address}/calls/call-0417?segment={EXPIRED}")
    expect(window.page.locator(".expired")).to_contain_text("Expired")
    expect(window.page.get_by_role("button", name="Before")).to_be_disabled()
    window.page.keyboard.press("x")
    window.page.keyboard.press(" ")
    expect(window.page.locator("[data-play-text]")).to_have_text("Pause")


def test_the_live_page_shows_figures_and_says_when_it_is_cut_off(window: Browsing, address: str) -> None:
    window.page.goto(f"{address}/live")
    expect(window.page.locator("[data-value=calls]")).to_have_text("14")
    expect(window.page.locator("[data-text=lag]")).to_contain_text("at most 40")
    expect(window.page.locator("[data-connection]")).to_contain_text("made again by itself")


def test_an_input_is_sent_again_once(window: Browsing, address: str) -> None:
    window.page.goto(f"{address}/dead-letters")
    expect(window.page.locator(".letter")).to_contain_text("What to do. Do what the reason says")
    window.page.get_by_role("button", name="Send again").click()
    expect(window.page.get_by_role("status")).to_contain_text("1 input went back")
    window.page.get_by_role("button", name="Send again").click()
    expect(window.page.get_by_role("status")).to_contain_text("not sent a second time")


def test_a_policy_is_previewed_and_then_saved(window: Browsing, address: str) -> None:
    page = window.page
    page.goto(f"{address}/policies/seaside")
    page.get_by_label("Highest level").select_option("3")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview")).to_contain_text("2 results have a level above 3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_text("Version 4 is in force")).to_be_visible()
    page.get_by_label("Lowest level").select_option("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("floorLevel")


def test_a_policy_that_somebody_else_has_changed_meanwhile_is_not_overwritten(window: Browsing) -> None:
    page = window.page
    with serving(Console(SampleApi().app, OFFERED)) as address:
        page.goto(f"{address}/policies/seaside")
        other = window.context.new_page()
        other.goto(f"{address}/policies/seaside")
        other.get_by_role("button", name="Save").click()
        expect(other.get_by_text("Version 4 is in force")).to_be_visible()
        other.close()
        page.get_by_label("Highest level").select_option("3")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed the policy")
        expect(page.get_by_label("Highest level")).to_have_value("3")
        assert window.accessibility() == []
        page.get_by_role("link", name="See what is in force").click()
        expect(page.get_by_text("Version 4 is in force")).to_be_visible()
        page.get_by_role("button", name="Remove the policy").click()
        expect(page.get_by_role("status")).to_contain_text("Removed")
        expect(page.get_by_text("It has no policy of its own")).to_be_visible()


def test_files_are_estimated_with_a_picture(window: Browsing, address: str, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(bytes(90_000))
    (tmp_path / "no.wav").write_bytes(b"no")
    window.page.goto(f"{address}/estimate")
    window.page.locator("#files").set_input_files([tmp_path / "call.wav", tmp_path / "no.wav"])
    expect(window.page.locator("[data-headline]")).to_contain_text("89 % less: 90 kB would become 10 kB in 1 file.")
    expect(window.page.locator(".bars")).to_contain_text("This is no audio")
    expect(window.page.locator("[data-progress]")).to_contain_text("Nothing was stored")
    assert window.accessibility() == []


def test_who_has_a_key_logs_in_and_out(window: Browsing) -> None:
    page = window.page
    with serving(Console(SampleApi(key=KEY).app, OFFERED)) as address:
        page.goto(f"{address}/dead-letters")
        expect(page).to_have_url(re.compile("/login"))
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not valid here")
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")
        page.get_by_role("button", name="Log out").click()
        page.goto(address)
        expect(page).to_have_url(re.compile("/login"))


def test_what_the_api_does_not_offer_is_not_shown(window: Browsing) -> None:
    with serving(Console(SampleApi().app, {"/v1/recordings", "/v1/dead-letters"})) as address:
        window.page.goto(f"{address}/dead-letters")
        expect(window.page.get_by_role("navigation").get_by_role("link")).to_have_text(["Calls", "Dead letters"])
        expect(window.page.get_by_role("link", name="Download what came")).to_be_visible()
        expect(window.page.get_by_role("button", name="Send again")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_scrolling_to_the_side_in_a_narrow_window(window: Browsing, address: str, name: str) -> None:
    window.page.set_viewport_size({"width": 360, "height": 800})
    try:
        window.page.goto(address + PAGES[name])
        window.page.wait_for_load_state("networkidle")
        assert window.page.evaluate("document.documentElement.scrollWidth") == 360
        assert window.accessibility() == []
    finally:
        window.page.set_viewport_size({"width": 1280, "height": 720})
