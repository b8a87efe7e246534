"""The form of order questions over real HTTP, without script: what it shows, what it takes, the way back."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
import simplejson
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from pydantic import ValidationError

from cds_service.app import create_app, running
from cds_service.knowledge.library import Knowledge
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.web.question_form import Filled
from fhir_fixtures import hook_calls
from tests.form_links import form_link, with_secret

TODAY = date(2025, 10, 1)
BASE = Settings().canonical_base
SYSTEM = f"{BASE}/CodeSystem/order-answers"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
Json = dict[str, Any]


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag and wanted.items() <= attributes.items()]

    @property
    def fields(self) -> set[str]:
        names = {str(found["name"]) for tag in ("input", "textarea") for found in self.all(tag) if found.get("name")}
        return names - {"q"}


@pytest.fixture(scope="module")
def url(parts: Parts) -> Iterator[str]:
    asking = with_secret(parts)
    with running(create_app(asking.settings, parts=asking, open_to_all=True, today=lambda: TODAY)) as base:
        yield base


def shown(url: str, asked: str = "", more: str = "") -> Page:
    answer = requests.get(f"{url}/questions{form_link(asked, TODAY) if asked else ''}{more}", timeout=20)
    assert answer.status_code == 200
    return Page(answer.text)


def sent(url: str, named: str, given: Mapping[str, str], how: str = "page") -> requests.Response:
    return requests.post(f"{url}/questions", data={"q": named, "as": how, **given}, timeout=20)


def made(url: str, named: str, **given: str) -> Json:
    """The QuestionnaireResponse that the form gives for these answers (names with `_` for `-`)."""
    answer = sent(url, named, {name.replace("_", "-"): value for name, value in given.items()}, "download")
    assert answer.status_code == 200, answer.text
    found: Json = simplejson.loads(answer.content, use_decimal=True)
    return found


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_the_link_decides_which_questions_stand_on_the_page(url: str) -> None:
    page = shown(url, "cycle,lineage")
    assert page.fields == {"cycle", "lineage"}
    assert "What is the lineage of the leukaemia by immunophenotype?" in page.text
    assert "Settles LA.PHAR.312, review of 2025-09-05: I.A.1" in " ".join(page.text.split())


def test_a_question_brings_the_one_that_decides_whether_it_is_asked(url: str) -> None:
    page = shown(url, "mrd-result")
    assert page.fields == {"mrd-availability", "mrd-result"}
    assert "Asked because another question here depends on it" in page.text
    assert "Only after “MRD availability (clinician's statement)”: available" in page.text


def test_without_a_link_every_question_is_asked(url: str, knowledge: Knowledge) -> None:
    assert shown(url).fields == set(knowledge.questions.by_id)


@pytest.mark.parametrize("asked", ["unheard-of,cycle", "cycle,cycle"])
def test_what_the_page_does_not_know_is_passed_over(url: str, asked: str) -> None:
    assert shown(url, asked, "&x=1").fields == {"cycle"}


def test_the_page_never_repeats_what_is_in_its_address(url: str) -> None:
    for link in ("?q=cycle,%3Cb%3EJane%3C/b%3E&name=Jane", f"{form_link('cycle,<b>Jane', TODAY)}&name=Jane"):
        assert "Jane" not in requests.get(f"{url}/questions{link}", timeout=20).text


@pytest.mark.parametrize("how", ["get", "forged", "post", "wrong", "download"])
def test_every_answer_is_locked_down_and_leaves_no_trace(url: str, how: str) -> None:
    answer = {
        "get": lambda: requests.get(f"{url}/questions{form_link('cycle', TODAY)}", timeout=20),
        "forged": lambda: requests.get(f"{url}/questions?q=cycle", timeout=20),
        "post": lambda: sent(url, "cycle", {"cycle": "1"}),
        "wrong": lambda: sent(url, "cycle", {"cycle": "x"}),
        "download": lambda: sent(url, "cycle", {"cycle": "1"}, "download"),
    }[how]()
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if how != "download":
        assert answer.headers["Content-Security-Policy"] == STRICT
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_only_named_origins_may_frame_the_page(parts: Parts) -> None:
    settings = Settings(frame_ancestors=("https://ehr.example.org",))
    client = create_app(settings, parts=replace(parts, settings=settings), open_to_all=True).test_client()
    policy = client.get("/questions?q=cycle").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://ehr.example.org")


def test_nothing_on_the_page_needs_what_the_policy_forbids(url: str) -> None:
    for html in (requests.get(f"{url}/questions", timeout=20).text, sent(url, "cycle", {"cycle": "1"}).text):
        page = Page(html)
        assert "<style" not in html
        assert not [a for _, attributes in page.tags for a in attributes if a == "style" or a.startswith("on")]
        assert [tag["src"] for tag in page.all("script")] == ["questions/form.js"]
        assert not re.search(r"https?://(?!blinatumomab-cds\.example\.org/fhir)", re.sub(r"<textarea.*", "", html))


@pytest.mark.parametrize("name", ["form.css", "form.js", "icon.svg"])
def test_the_files_of_the_page_are_served(url: str, name: str) -> None:
    answer = requests.get(f"{url}/questions/{name}", timeout=20)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["form.html", "other.js", "..%2f..%2fapp.py", "frame.html"])
def test_nothing_else_is_served_beside_them(url: str, name: str) -> None:
    assert requests.get(f"{url}/questions/{name}", timeout=20).status_code == 404


def test_every_field_has_a_label_and_every_choice_a_group(url: str) -> None:
    html = requests.get(f"{url}/questions", timeout=20).text
    page = Page(html)
    assert len(page.all("legend")) == len(page.all("fieldset")) == 38
    visible = [found for found in page.all("input") if found.get("type") != "hidden"]
    assert len(re.findall(r"<label[^>]*>(?:<input|<span class=\"name\")", html)) == len(visible) + len(
        page.all("textarea")
    )
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    for _, attributes in page.tags:
        for name in (attributes.get("aria-describedby") or "").split():
            assert name in identities


# --- what it takes ----------------------------------------------------------------------------------------------------

WRONG = [
    ("cycle", "0", "Give a number from 1 to 9."),
    ("cycle", "1.5", "Give a whole number."),
    ("cycle", "one", "Give a whole number."),
    ("cycle", "9" * 12, "Give a whole number."),
    ("lineage", "x", "Choose one of the answers."),
    ("specialist-consulted", "perhaps", "Choose yes or no."),
    ("diagnosis-date", "2025-13-01", "Give the date as year-month-day"),
    ("diagnosis-date", "2025-10-02", "This day is in the future."),
    ("first-dose-date", "0025-10-02", "Check the year."),
    ("regimen-partners", "x\n" * 11, "At most 10 lines"),
]


@pytest.mark.parametrize(
    ("link_id", "given", "says"), WRONG, ids=[f"{name}={given[:12]!r}" for name, given, _ in WRONG]
)
def test_a_wrong_answer_is_named_and_kept_for_mending(link_id: str, given: str, says: str, url: str) -> None:
    answer = sent(url, link_id, {link_id: given, "regimen": "with-tki"})
    page = Page(answer.text)
    assert answer.status_code == 422
    assert says in page.text
    assert page.all("div", role="alert")
    assert page.all("a", href=f"#q-{link_id}")
    if link_id in ("cycle", "diagnosis-date", "first-dose-date"):
        assert page.all("input", name=link_id)[0]["value"] == given


RIGHT = [
    ("cycle", "9", {"valueInteger": 9}),
    ("diagnosis-date", "2025-10-01", {"valueDate": "2025-10-01"}),
    ("first-dose-date", "2025-10-02", {"valueDate": "2025-10-02"}),
    ("specialist-consulted", "false", {"valueBoolean": False}),
    ("lineage", "b", {"valueCoding": {"system": SYSTEM, "code": "b", "display": "B-lineage"}}),
]


@pytest.mark.parametrize(("link_id", "given", "answer"), RIGHT, ids=[name for name, *_ in RIGHT])
def test_an_answer_is_told_as_fhir_has_it(link_id: str, given: str, answer: Json, url: str) -> None:
    (item,) = made(url, link_id, **{link_id: given})["item"]
    assert (item["linkId"], item["answer"]) == (link_id, [answer])


def test_digits_are_kept_as_they_were_written(url: str) -> None:
    response = made(url, "mrd-result", mrd_availability="available", mrd_result="0.050")
    assert str(response["item"][1]["answer"][0]["valueDecimal"]) == "0.050"


def test_several_partners_are_several_answers(url: str) -> None:
    response = made(url, "regimen-partners", regimen="with-tki", regimen_partners="ponatinib\r\n\r\n vincristine ")
    assert response["item"][1]["answer"] == [{"valueString": "ponatinib"}, {"valueString": "vincristine"}]


def test_nothing_answered_is_not_a_response(url: str) -> None:
    answer = sent(url, "cycle,lineage", {"cycle": " ", "lineage": ""})
    assert answer.status_code == 422
    assert "Nothing is answered yet" in answer.text


def test_an_answer_to_what_is_not_asked_is_not_taken_silently(url: str) -> None:
    answer = sent(url, "mrd-result", {"mrd-availability": "unavailable", "mrd-result": "0.5"})
    assert answer.status_code == 422
    assert "asked only after another answer" in answer.text


def test_what_the_link_does_not_ask_is_not_taken(url: str) -> None:
    assert [item["linkId"] for item in made(url, "cycle", cycle="1", lineage="t")["item"]] == ["cycle"]


def test_the_response_is_valid_fhir_and_says_nothing_of_a_patient(url: str, knowledge: Knowledge) -> None:
    response = made(
        url, "cycle,mrd-result,lineage", cycle="1", mrd_availability="available", mrd_result="0.5", lineage="b"
    )
    QuestionnaireResponse.model_validate_json(simplejson.dumps(response, use_decimal=True))
    assert set(response) == {"resourceType", "id", "questionnaire", "status", "authored", "item"}
    assert (
        response["questionnaire"] == f"{BASE}/Questionnaire/blinatumomab-order-questions|{knowledge.questions.version}"
    )
    assert datetime.fromisoformat(response["authored"]).utcoffset() is not None
    order = [question.id for question in knowledge.questions.questions]
    assert [item["linkId"] for item in response["item"]] == sorted(
        (item["linkId"] for item in response["item"]), key=order.index
    )


def test_the_answers_page_shows_them_in_words_with_what_is_left(url: str) -> None:
    page = Page(sent(url, "cycle,lineage,response", {"cycle": "2"}).text)
    text = " ".join(page.text.split())
    assert "Which cycle of blinatumomab in this course is the order for?2" in text
    assert "Left unanswered, and so unknown: Lineage." in text
    assert '"valueInteger": 2' in page.text


def test_answers_can_be_changed_and_are_still_there(url: str) -> None:
    page = Page(sent(url, "cycle,lineage", {"cycle": "2", "lineage": "b"}, "form").text)
    assert page.all("input", name="cycle")[0]["value"] == "2"
    assert [found["value"] for found in page.all("input", name="lineage") if "checked" in found] == ["b"]


def test_markup_in_an_answer_stays_text(url: str) -> None:
    html = sent(url, "regimen-partners", {"regimen": "with-tki", "regimen-partners": "</textarea><b>x</b>"}).text
    assert "<b>x</b>" not in html


def test_a_huge_form_is_refused(url: str) -> None:
    assert sent(url, "regimen-partners", {"regimen-partners": "x" * 600_000}).status_code == 413


def test_the_moment_of_the_answers_is_told_to_the_second(knowledge: Knowledge) -> None:
    filled = Filled(knowledge.questions, ("cycle",), {"cycle": "1"}, TODAY)
    moment = datetime(2025, 10, 1, 3, 4, 5, 678, tzinfo=UTC)
    assert filled.response(BASE, moment)["authored"] == "2025-10-01T03:04:05+00:00"


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("", None),
        ("https://cds.hospital.example", "https://cds.hospital.example/questions"),
        ("https://hospital.example:8443/cds/", "https://hospital.example:8443/cds/questions"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/questions"),
    ],
)
def test_the_form_stands_below_the_public_address(address: str, form: str | None) -> None:
    assert Settings(public_url=address).form_url == form


@pytest.mark.parametrize(
    "address", ["cds.hospital.example", "http://cds.hospital.example", "https://", "https://a b", "https://a/?x=1"]
)
def test_a_public_address_without_tls_or_with_more_than_a_path_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        Settings(public_url=address)


@pytest.mark.parametrize("origin", ["*", "https://a; script-src *", "http://ehr.example.org", "https://a/path"])
def test_a_frame_ancestor_is_an_origin_and_nothing_else(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(frame_ancestors=(origin,))


# --- the way back: unknown -> answered -> met -------------------------------------------------------------------------


def signed(url: str, body: Json) -> list[Json]:
    answer = requests.post(
        f"{url}/cds-services/blinatumomab-order-sign",
        data=simplejson.dumps(body, use_decimal=True),
        headers={"Content-Type": "application/json"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["cards"]
    return found


def coverage(url: str, body: Json) -> Json:
    return next(card for card in signed(url, body) if "criteria of LA.PHAR.312" in card["summary"])


def contained(body: Json, response: Json) -> Json:
    """The call with the response inside the order."""
    placed = copy.deepcopy(body)
    order = placed["context"]["draftOrders"]["entry"][0]["resource"]
    order.setdefault("contained", []).append(response)
    order.setdefault("supportingInformation", []).append({"reference": f"#{response['id']}"})
    return placed


def filed(body: Json, response: Json) -> Json:
    """The call with the response in the chart, as an EHR files it: with the patient, under the key `orderQuestions`."""
    placed = copy.deepcopy(body)
    order = placed["context"]["draftOrders"]["entry"][0]["resource"]
    resource = {**response, "id": "filed-answers", "subject": order["subject"]}
    url = "https://ehr.example.org/fhir/QuestionnaireResponse/filed-answers"
    bundle = placed["prefetch"]["orderQuestions"]
    bundle["entry"] = [*bundle.get("entry", ()), {"fullUrl": url, "resource": resource}]
    bundle["total"] = len(bundle["entry"])
    order.setdefault("supportingInformation", []).append({"reference": "QuestionnaireResponse/filed-answers"})
    return placed


WAYS = {"contained": contained, "filed": filed}
TRIPS = [
    (
        "coverage-a-mrd-not-on-file",
        "mrd-availability,mrd-result,mrd-date,mrd-specimen",
        {"mrd_availability": "available", "mrd_result": "0.5", "mrd_date": "2025-09-20", "mrd_specimen": "marrow"},
    ),
    ("coverage-2-specialty-not-recorded", "specialist-consulted", {"specialist_consulted": "true"}),
    ("coverage-b-c-bcr-abl1-unknown", "bcr-abl1", {"bcr_abl1": "negative"}),
    ("coverage-1-icd-10-only-lineage-unknown", "lineage", {"lineage": "b"}),
    ("coverage-section-unknown-with-earlier-doses", "request-type", {"request_type": "initial"}),
    ("dose-cycle-not-answered", "cycle,day", {"cycle": "2", "day": "1"}),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("patient", "asked", "given"), TRIPS, ids=[patient for patient, *_ in TRIPS])
def test_unknown_becomes_met_by_the_answers_of_the_form(
    patient: str, asked: str, given: dict[str, str], way: str, url: str
) -> None:
    body = hook_calls()[f"order-sign--{patient}"]
    before = signed(url, body)
    after = signed(url, WAYS[way](body, made(url, asked, **given)))
    assert "Order questions still open" in str(before)
    assert "Order questions still open" not in str(after)
    assert "**Criteria met**" in coverage(url, WAYS[way](body, made(url, asked, **given)))["detail"]
    assert "**Criteria met**" not in str(before)


def test_the_level_typed_in_is_the_level_judged(url: str) -> None:
    body = hook_calls()["order-sign--coverage-a-mrd-not-on-file"]
    low = made(url, "mrd-result", mrd_availability="available", mrd_result="0.05")
    assert low["item"][1]["answer"] == [{"valueDecimal": Decimal("0.05")}]
    assert "0.05 %" in coverage(url, contained(body, low))["detail"]
