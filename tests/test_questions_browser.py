"""The form of order questions in a real browser: keyboard alone, phone width, strict policy, the way to the order.

Drives the Chromium that is installed on the machine (Debian's `chromium`, or CHROMIUM), through Playwright. Skipped
where either is missing; with REQUIRE_SERVERS=1 that is a failure.
"""

from __future__ import annotations

import copy
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import simplejson

from cds_service.app import create_app, running
from cds_service.parts import Parts
from fhir_fixtures import hook_calls
from tests.form_links import form_link, with_secret

pytestmark = pytest.mark.browser

TODAY = date(2025, 10, 1)
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 900}
SOME = "disease-status,cycle,response,mrd-result,regimen-partners,specialist-consulted,diagnosis-date"
EXPECTED = ("status of 422", "net::ERR_ABORTED")
"""Chromium reports a form that came back for mending, and a page that became a download."""
LEAST_CONTRAST = 4.5
WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('textarea') && !e.closest('.skip'))
  .map(e => e.tagName + '.' + e.className)"""
NARROW = """() => [...document.querySelectorAll('.choices:not(.short) label')]
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().width < 200).map(e => e.textContent)"""
CONTRAST = """() => {
  const light = c => { c = c / 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const brightness = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('main *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && e.checkVisibility())
    .map(e => {
      const [a, b] = [brightness(rgb(getComputedStyle(e).color)), brightness(behind(e))];
      return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.className + ': ' + e.textContent.trim().slice(0, 40)];
    });
}"""


def _missing(reason: str) -> None:
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser of this machine."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed: pip install -e '.[dev]'")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        _missing("no chromium on this machine: apt-get install chromium, or set CHROMIUM")
    # Chromium refuses its sandbox to root; the pages are our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(parts: Parts) -> Iterator[str]:
    """The service, which knows the address under which the browser reaches it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asking = with_secret(parts, public_url=f"http://127.0.0.1:{port}")
    with running(create_app(asking.settings, parts=asking, open_to_all=True, today=lambda: TODAY), port=port) as base:
        yield base


@contextmanager
def page_of(chromium: Any, viewport: dict[str, int] = DESK, **more: Any) -> Iterator[Any]:
    """A page; when it is left, nothing was refused by the policy, nothing broke, and nothing was kept."""
    context = chromium.new_context(viewport=viewport, **more)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda mistake: complaints.append(str(mistake)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.failure}: {request.url}"))
    yield page
    kept = page.evaluate("() => localStorage.length + sessionStorage.length")
    assert (context.cookies(), kept) == ([], 0)
    assert [text for text in complaints if not any(harmless in text for harmless in EXPECTED)] == []
    context.close()


def focused(page: Any) -> str:
    """What has the focus: its name and value, its text, or its id."""
    found: str = page.evaluate(
        "() => { const e = document.activeElement; return e.name && e.type !== 'submit' ? e.name + '=' + e.value"
        " : (e.tagName === 'BUTTON' || e.tagName === 'A' ? e.textContent.trim() : e.id || e.tagName); }"
    )
    return found


def tab_to(page: Any, wanted: str, most: int = 60) -> None:
    """Press Tab until the focus is there; fails when it never comes."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page).startswith(wanted):
            return
    raise AssertionError(f"Tab never reaches {wanted}")


def answered(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = simplejson.loads(page.input_value("#written"), use_decimal=True)
    return found


# --- keyboard alone ---------------------------------------------------------------------------------------------------


def test_keyboard_alone_from_the_first_question_to_the_copied_answers(chromium: Any, url: str) -> None:
    with page_of(chromium, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{url}/questions{form_link('cycle,mrd-result,specialist-consulted', TODAY)}")
        tab_to(page, "To the questions")
        tab_to(page, "cycle")
        page.keyboard.type("2")
        tab_to(page, "specialist-consulted=")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert focused(page) == "specialist-consulted=true"
        tab_to(page, "mrd-availability=")
        assert not page.is_visible("#q-mrd-result")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert focused(page) == "mrd-availability=available"
        assert page.is_visible("#q-mrd-result")
        tab_to(page, "mrd-result=")
        page.keyboard.type("0.5")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Answers ready")
        tab_to(page, "Copy")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Copied.")
        assert simplejson.loads(page.evaluate("navigator.clipboard.readText()"), use_decimal=True) == answered(page)
        assert [item["linkId"] for item in answered(page)["item"]] == [
            "cycle",
            "specialist-consulted",
            "mrd-availability",
            "mrd-result",
        ]


def test_a_mistake_takes_the_focus_and_its_link_leads_to_the_question(chromium: Any, url: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{url}/questions{form_link('cycle,day', TODAY)}")
        tab_to(page, "cycle")
        page.keyboard.type("12")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=One answer needs a look")
        assert page.title().startswith("Check the answers")
        assert focused(page) == "errors"
        tab_to(page, "Cycle: Give a number from 1 to 9.")
        page.keyboard.press("Enter")
        assert focused(page) == "q-cycle"
        tab_to(page, "cycle=12", most=1)


def test_whatever_has_the_focus_shows_it(chromium: Any, url: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{url}/questions{form_link(SOME, TODAY)}")
        seen = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            outlined = page.evaluate(
                "() => { const e = document.activeElement; if (e === document.body) return null;"
                " const o = getComputedStyle(e.type === 'radio' ? e.closest('label') : e); return o.outlineStyle; }"
            )
            if outlined is None:
                break
            seen.add(outlined)
        assert seen == {"solid"}


def test_the_focus_goes_down_the_page_in_the_order_of_asking(chromium: Any, url: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{url}/questions{form_link(SOME, TODAY)}")
        tab_to(page, "request-type")
        places = []
        for _ in range(30):
            if focused(page).startswith("Download"):
                break
            places.append(page.evaluate("() => document.activeElement.getBoundingClientRect().top + scrollY"))
            page.keyboard.press("Tab")
        assert len(places) > 6
        assert all(above <= below for above, below in pairwise(places))


# --- what it looks like -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_runs_off_the_side_and_every_word_is_legible(
    viewport: dict[str, int], scheme: str, chromium: Any, url: str
) -> None:
    with page_of(chromium, viewport, color_scheme=scheme) as page:
        for step in ("form", "wrong", "answers"):
            if step == "form":
                page.goto(f"{url}/questions")
                for choice in ("request-type][value=continuation", "restart-reason][value=neurotoxicity"):
                    page.check(f"[name={choice}]")
                for choice in (
                    "regimen][value=with-tki",
                    "mrd-availability][value=available",
                    "cd19-blasts][value=negative",
                ):
                    page.check(f"[name={choice}]")
                assert page.locator("fieldset:visible").count() == 38
            elif step == "wrong":
                page.goto(f"{url}/questions{form_link(SOME, TODAY)}")
                page.fill("[name=cycle]", "12")
                page.click("text=Prepare the answers")
                page.wait_for_selector("#errors")
            else:
                page.fill("[name=cycle]", "2")
                page.click("text=Prepare the answers")
                page.wait_for_selector("#written")
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), step
            assert page.evaluate(WIDE) == [], step
            assert page.evaluate(NARROW) == [], step
            pale = [(round(ratio, 2), what) for ratio, what in page.evaluate(CONTRAST) if ratio < LEAST_CONTRAST]
            assert pale == [], step


def test_a_finger_finds_every_target(chromium: Any, url: str) -> None:
    with page_of(chromium, PHONE, has_touch=True) as page:
        page.goto(f"{url}/questions")
        heights = page.evaluate(
            "() => [...document.querySelectorAll('.choices label, button, .field input')]"
            ".filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect().height)"
        )
        assert len(heights) > 60
        assert min(heights) >= 44


# --- without script, and with nothing kept ----------------------------------------------------------------------------


def test_it_works_without_script(chromium: Any, url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/questions{form_link('mrd-result', TODAY)}")
    assert page.is_visible("#q-mrd-result")
    assert page.is_visible("text=Only after")
    page.check("[name=mrd-availability][value=available]")
    page.fill("[name=mrd-result]", "0.5")
    page.click("text=Prepare the answers")
    assert "valueDecimal" in page.input_value("#written")
    assert not page.is_visible("#copy")
    context.close()


def test_what_an_answer_makes_pointless_is_hidden_and_not_sent(chromium: Any, url: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{url}/questions{form_link('mrd-result', TODAY)}")
        page.check("[name=mrd-availability][value=available]")
        page.fill("[name=mrd-result]", "0.5")
        page.check("[name=mrd-availability][value=unavailable]")
        assert not page.is_visible("#q-mrd-result")
        page.click("text=Prepare the answers")
        page.wait_for_selector("#written")
        assert [item["linkId"] for item in answered(page)["item"]] == ["mrd-availability"]


# --- from the card to the order ---------------------------------------------------------------------------------------


def _signed(url: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = requests.post(
        f"{url}/cds-services/blinatumomab-order-sign",
        data=simplejson.dumps(body, use_decimal=True),
        headers={"Content-Type": "application/json"},
        timeout=20,
    )
    assert answer.status_code == 200
    found: dict[str, Any] = next(card for card in answer.json()["cards"] if "LA.PHAR.312" in card["summary"])
    return found


def test_from_unknown_on_the_card_to_met_by_the_downloaded_answers(chromium: Any, url: str, tmp_path: Path) -> None:
    body = hook_calls()["order-sign--coverage-a-mrd-not-on-file"]
    before = _signed(url, body)
    link = next(link["url"] for link in before["links"] if "/questions?q=" in link["url"])
    assert "**Information needed**" in before["detail"]
    with page_of(chromium, PHONE) as page:
        page.goto(link)
        page.check("[name=mrd-availability][value=available]")
        page.fill("[name=mrd-result]", "0.5")
        page.fill("[name=mrd-date]", "2025-09-20")
        page.check("[name=mrd-specimen][value=marrow]")
        page.click("text=Prepare the answers")
        page.wait_for_selector("#written")
        with page.expect_download() as saved:
            page.click("text=Download")
        assert saved.value.suggested_filename == "blinatumomab-order-answers.json"
        saved.value.save_as(tmp_path / "answers.json")
    response = simplejson.loads((tmp_path / "answers.json").read_bytes(), use_decimal=True)
    answered_body = copy.deepcopy(body)
    order = answered_body["context"]["draftOrders"]["entry"][0]["resource"]
    order["contained"] = [response]
    order["supportingInformation"].append({"reference": f"#{response['id']}"})
    assert "**Criteria met**" in _signed(url, answered_body)["detail"]
