"""Sending many refused inputs again, from the page of dead letters."""

import pytest
from playwright.sync_api import expect

from streams.console.app import Console
from tests.console.browsing import Browsing, serving
from tests.console.sample_api import OFFERED, REFUSAL, SampleApi, recording

pytestmark = pytest.mark.xdist_group("console")


def test_inputs_of_a_reason_are_counted_then_tried_then_sent(window: Browsing) -> None:
    refused = [recording(at, f"call-{at}", "guest", at, state="dead", result=None, refusal=REFUSAL) for at in range(3)]
    page = window.page
    with serving(Console(SampleApi(refused).app, OFFERED)) as address:
        page.goto(f"{address}/dead-letters")
        expect(page.get_by_role("button", name="Send all again")).to_have_count(0)
        page.goto(f"{address}/dead-letters?reason=UnsupportedFormat")
        page.get_by_role("button", name="Count, send nothing").click()
        expect(page.get_by_role("status")).to_have_text("3 inputs would be sent again; nothing was sent.")
        page.get_by_role("button", name="Send the oldest one").click()
        expect(page.get_by_role("status")).to_contain_text("1 input went back")
        expect(page.get_by_role("status")).to_contain_text("2 further inputs wait for your decision")
        expect(page.get_by_label("Reason")).to_have_value("UnsupportedFormat")
        assert window.accessibility() == []
        page.get_by_role("button", name="Send all again").click()
        expect(page.get_by_role("status")).to_contain_text("2 inputs went back")
        assert window.complaints == []
