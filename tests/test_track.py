"""Which label row family a course belongs to: the five rules of the output contract, as scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.assess import track as tracks
from cds_service.assess.track import track_of
from tests.case_builders import case, known, mrd_result

RELAPSED, MRD, CONSOLIDATION, NONE = "relapsed-refractory", "mrd", "consolidation", "none"


@pytest.mark.parametrize(
    ("facts", "name", "flags"),
    [
        # rule 1: relapsed or refractory, whatever else is stated
        ({"status": "relapsed"}, RELAPSED, ()),
        ({"status": "refractory", "phase": "relapsed-refractory"}, RELAPSED, ()),
        ({"status": None, "phase": "relapsed-refractory"}, RELAPSED, ()),
        ({"status": "not-in-remission", "phase": "relapsed-refractory"}, RELAPSED, ()),
        ({"status": "relapsed", "phase": "induction"}, RELAPSED, ("phase-status-conflict", "phase-not-used-for-track")),
        (
            {"status": "relapsed", "phase": "consolidation"},
            RELAPSED,
            ("phase-status-conflict", "phase-not-used-for-track"),
        ),
        ({"status": "relapsed", "phase": "maintenance"}, RELAPSED, ("phase-status-conflict",)),
        ({"status": "remission-1", "phase": "relapsed-refractory"}, RELAPSED, ("phase-status-conflict",)),
        ({"status": "newly-diagnosed", "phase": "relapsed-refractory"}, RELAPSED, ("phase-status-conflict",)),
        # rule 2: consolidation
        ({"phase": "consolidation", "bcr_abl1": "negative"}, CONSOLIDATION, ()),
        ({"phase": "consolidation", "bcr_abl1": None}, CONSOLIDATION, ("bcr-abl1-unknown-for-track",)),
        ({"phase": "consolidation", "bcr_abl1": None, "bcr_abl1_like": "positive"}, CONSOLIDATION, ()),
        (
            {"phase": "consolidation", "bcr_abl1": "positive", "bcr_abl1_like": "positive"},
            CONSOLIDATION,
            ("bcr-abl1-unknown-for-track",),
        ),
        ({"phase": "consolidation", "bcr_abl1": "positive", "mrd_percent": "0.1"}, MRD, ()),
        ({"phase": "consolidation", "bcr_abl1": "positive", "mrd_percent": "0.09"}, NONE, ("mrd-row-undecided",)),
        ({"phase": "consolidation", "bcr_abl1": "positive", "mrd_percent": "0"}, NONE, ()),
        ({"phase": "consolidation", "bcr_abl1": "positive", "mrd": None}, NONE, ("mrd-row-undecided",)),
        ({"phase": "consolidation", "bcr_abl1": "positive", "status": "remission-3-or-later"}, NONE, ()),
        # rule 3: in remission, MRD positive
        ({"status": "remission-1"}, MRD, ()),
        ({"status": "remission-2", "mrd_percent": None, "mrd_detected": True}, MRD, ()),
        ({"status": "remission-3-or-later"}, MRD, ("third-or-later-remission",)),
        ({"status": "remission"}, MRD, ("remission-number-unknown",)),
        ({"mrd_percent": "0.10"}, MRD, ()),
        ({"mrd_percent": "0.09"}, MRD, ("mrd-below-label-level",)),
        ({"phase": "induction"}, MRD, ("induction-stated-in-remission",)),
        # rule 4: a stated use without a row
        ({"status": "newly-diagnosed", "phase": "induction"}, NONE, ()),
        ({"phase": "induction", "mrd_percent": "0"}, NONE, ()),
        ({"phase": "induction", "mrd_percent": "0.5", "mrd_reported": "negative"}, NONE, ()),
        ({"phase": "maintenance"}, NONE, ()),
        ({"phase": "post-consolidation", "status": None}, NONE, ()),
        # rule 5: too little known
        ({"status": None}, None, ()),
        ({"status": None, "mrd": None}, None, ()),
        ({"mrd": None}, None, ()),
        ({"phase": "induction", "mrd": None}, None, ()),
        ({"status": "newly-diagnosed"}, None, ()),
        ({"status": "not-in-remission", "phase": "induction"}, None, ()),
        ({"mrd_percent": "0"}, None, ()),
    ],
)
def test_the_track_follows_the_stated_use(facts: dict[str, Any], name: str | None, flags: tuple[str, ...]) -> None:
    found = track_of(case(**facts))

    assert (found.name, set(found.flags)) == (name, set(flags))
    assert found.flagged == bool(flags)


@pytest.mark.parametrize(
    ("facts", "possible"),
    [
        ({"status": None}, (MRD, RELAPSED, CONSOLIDATION)),
        # only the stated status excludes rows: induction may be of new disease, which has none
        ({"status": None, "phase": "induction"}, (MRD, RELAPSED, CONSOLIDATION)),
        ({"status": "not-in-remission", "phase": "induction"}, (RELAPSED, CONSOLIDATION)),
        ({"status": "not-in-remission"}, (RELAPSED, CONSOLIDATION)),
        ({"status": "newly-diagnosed"}, (CONSOLIDATION,)),
        ({"mrd": None}, (MRD, CONSOLIDATION)),
        ({"mrd_percent": "0"}, (CONSOLIDATION,)),
        ({"status": "relapsed"}, ()),
    ],
)
def test_an_open_track_names_what_the_stated_facts_do_not_exclude(
    facts: dict[str, Any], possible: tuple[str, ...]
) -> None:
    assert track_of(case(**facts)).possible == possible


def test_consolidation_shows_the_mrd_row_beside_it_where_that_fits_too() -> None:
    assert track_of(case(phase="consolidation", bcr_abl1="negative", mrd_percent="0.5")).also == ("mrd",)
    assert track_of(case(phase="consolidation", bcr_abl1="negative", mrd_percent="0")).also == ()
    assert track_of(case(phase="consolidation", bcr_abl1="negative", mrd=None)).also == ()


def test_a_level_given_only_as_less_than_is_not_above_zero() -> None:
    below = mrd_result("0.05")
    below = type(below)(None, below.percent, "<", None, "marrow", below.date)

    assert track_of(case(mrd=below)).name is None


def test_an_old_mrd_result_flags_the_row_that_rests_on_it() -> None:
    assert tracks.MRD_STALE in track_of(case(mrd=known(mrd_result("0.5"), stale=True))).flags


def test_every_flag_is_told_in_the_reason() -> None:
    found = track_of(case(status="remission-3-or-later", mrd_percent="0.05", phase="induction"))

    assert len(found.flags) == 3
    assert all(tracks.FLAG_SAYS[flag] in found.reason for flag in found.flags)


def test_the_evidence_of_a_track_is_what_it_was_read_from() -> None:
    assert {item.what for item in track_of(case()).evidence} == {"disease_status", "mrd"}
