"""`/questions`: the form of order questions. `GET` shows it, `POST` answers with a QuestionnaireResponse.

A link with questions has to be one of ours, and of these days; any other is told so, and the questions can be chosen
by hand. Without a link all are asked. The page shows nothing of a patient, its link names questions only, nothing is
kept, and there are no cookies. It works without script; the script hides what an answer makes pointless, and copies.
Other parameters are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources

import jinja2
import simplejson
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from cds_service.form_links import FormLinks, Standing
from cds_service.order_questions import OrderQuestions, Question
from cds_service.web.desk import Desk
from cds_service.web.headers import page_policy
from cds_service.web.page_templates import page_templates
from cds_service.web.question_form import RESPONSE_ID, Filled
from cds_service.web.wire import FHIR_JSON

MOST_BYTES = 100_000
"""Of a filled form: some thirty short answers."""
_STATUS = {Standing.EXPIRED: 410, Standing.FORGED: 403}
FILE_NAME = "blinatumomab-order-answers.json"
_STATIC = {
    "form.css": "text/css; charset=utf-8",
    "form.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def local_now() -> datetime:
    """The moment of the answers, with its offset."""
    return datetime.now(UTC).astimezone()


@dataclass(frozen=True, slots=True)
class QuestionDesk:
    """What the form is made from, besides the day."""

    questions: OrderQuestions
    base: str
    """The setting `canonical_base`."""
    policy: str
    """The policy edition whose paragraphs the questions name."""
    links: FormLinks
    frame_ancestors: tuple[str, ...] = ()
    now: Callable[[], datetime] = local_now


@dataclass(frozen=True, slots=True)
class _Pages:
    """The templates and the static files, read once."""

    form: jinja2.Template
    choose: jinja2.Template
    answers: jinja2.Template
    static: Mapping[str, bytes]


def routes(desk: Desk, asking: QuestionDesk) -> Blueprint:
    """The form, its answers and the three files they need."""
    blueprint, pages = Blueprint("questions", __name__), _pages()

    @blueprint.get("/questions")
    def show_form() -> Response:
        today, asked = desk.today(), ",".join(request.args.getlist("q"))
        if asked and (trouble := _trouble(asking, asked, today)):
            return _page(asking, _choose(pages, asking, asked, trouble), status=_STATUS[trouble])
        filled = Filled(asking.questions, _named(asking, [asked]), {}, today)
        return _page(asking, _form(pages, asking, filled))

    @blueprint.post("/questions")
    def take_answers() -> Response:
        request.max_content_length = MOST_BYTES
        named = _named(asking, request.form.getlist("q"))
        filled = Filled(asking.questions, named, request.form.to_dict(), desk.today())
        wanted = request.form.get("as")
        if wanted == "form":
            return _page(asking, _form(pages, asking, filled))
        if filled.wrong or not filled.answers:
            return _page(asking, _form(pages, asking, filled, checked=True), status=422)
        written = simplejson.dumps(
            filled.response(asking.base, asking.now()), use_decimal=True, ensure_ascii=False, indent=2
        )
        return _download(written) if wanted == "download" else _page(asking, _answers(pages, filled, written))

    @blueprint.get("/questions/<name>")
    def show_file(name: str) -> Response:
        if name not in _STATIC:
            raise NotFound
        response = Response(pages.static[name], content_type=_STATIC[name])
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    return blueprint


def _pages() -> _Pages:
    environment, folder = page_templates(), resources.files("cds_service.web") / "pages"
    static = {name: (folder / name).read_bytes() for name in _STATIC}
    form, choose, answers = (environment.get_template(f"{name}.html") for name in ("form", "choose", "answers"))
    return _Pages(form, choose, answers, static)


def _named(asking: QuestionDesk, written: Sequence[str]) -> tuple[str, ...]:
    """The linkIds of the link that are ours; every question when it names none."""
    asked = [link_id for part in written for link_id in part.split(",") if link_id in asking.questions.by_id]
    return tuple(dict.fromkeys(asked)) or tuple(asking.questions.by_id)


def _trouble(asking: QuestionDesk, asked: str, today: date) -> Standing | None:
    """What is wrong with the link of this request, if anything."""
    until, sign = request.args.get("until", ""), request.args.get("sign", "")
    found = asking.links.standing(asked, until, sign, today)
    return None if found is Standing.GOOD else found


def _choose(pages: _Pages, asking: QuestionDesk, asked: str, trouble: Standing) -> str:
    """The page that says what is wrong with a link, with the way on. Only a link that was ours names questions."""
    ours = trouble is Standing.EXPIRED
    return pages.choose.render(
        title=asking.questions.title,
        expired=ours,
        named=_named(asking, [asked]) if ours else (),
        questions=asking.questions.questions,
    )


def _form(pages: _Pages, asking: QuestionDesk, filled: Filled, *, checked: bool = False) -> str:
    wrong = dict(filled.wrong) if checked else {}
    return pages.form.render(
        title=asking.questions.title,
        policy=asking.policy,
        named=filled.named,
        every=len(filled.named) == len(asking.questions.questions),
        questions=[_shown(question, filled, wrong) for question in filled.asked],
        wrong=[(question, wrong[question.id]) for question in filled.asked if question.id in wrong],
        nothing=checked and not wrong,
        gated=any(question.when for question in filled.asked),
        meaning=asking.questions.meaning,
    )


def _shown(question: Question, filled: Filled, wrong: Mapping[str, str]) -> Mapping[str, object]:
    """A question as the template wants it."""
    gate = question.when
    opener = filled.questions.by_id[gate.question] if gate else None
    return {
        "question": question,
        "given": filled.given.get(question.id, ""),
        "wrong": wrong.get(question.id),
        "only_if": opener,
        "among": [opener.choices[code] for code in gate.among] if gate and opener else [],
        "for_others": question.id not in filled.named,
    }


def _answers(pages: _Pages, filled: Filled, written: str) -> str:
    return pages.answers.render(
        title=filled.questions.title,
        named=filled.named,
        given={question.id: filled.given.get(question.id, "") for question in filled.asked},
        said=[(question, filled.said(question)) for question in filled.asked if question.id in filled.answers],
        left=filled.left,
        written=written,
        response_id=RESPONSE_ID,
    )


def _page(asking: QuestionDesk, html: str, *, status: int = 200) -> Response:
    response = Response(html, status=status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = page_policy(asking.frame_ancestors)
    return response


def _download(written: str) -> Response:
    response = Response(written, content_type=FHIR_JSON)
    response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response
