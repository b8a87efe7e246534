"""`POST /cds-services/<id>`: a hook call in, cards out. Reads the date of the day, once, and passes it down."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request

from cds_service.hooks.call import HookCall
from cds_service.hooks.prefetch import MEANING
from cds_service.web.call_log import note, printable_instance, trace
from cds_service.web.desk import Desk
from cds_service.web.gate import caller
from cds_service.web.wire import read_json, write_json


def routes(desk: Desk) -> Blueprint:
    """The one route for all services: which hook an id answers is data."""
    blueprint = Blueprint("services", __name__)

    @blueprint.post("/cds-services/<service_id>", strict_slashes=False)
    def call_service(service_id: str) -> Response:
        service = desk.service(service_id)
        noticed = trace()
        noticed.note(service=service.id, hook=service.hook)
        body = read_json(request)
        desk.check(body)
        call = HookCall.parse(body, service=service)
        _note_call(call)
        noticed.lap("read")
        client = caller()
        client.bring(call.fhir_server)
        if client.fhir_servers is not None:
            call = replace(call, servers=client.fhir_servers)
        answered = desk.answer(call, desk.today(), noticed)
        response = write_json(answered)
        noticed.lap("write")
        return response

    return blueprint


def _note_call(call: HookCall) -> None:
    answered = sum(MEANING[state].answered for state in call.states.values())
    note(
        instance=printable_instance(call.instance),
        drafts=len(call.drafts),
        in_scope=len(call.in_scope),
        prefetch=f"{answered}/{len(call.states)}",
    )
