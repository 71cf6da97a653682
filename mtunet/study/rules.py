"""A study's place in the queue: the flag and its reasons are those of `detection.triage` over all its images."""

from dataclasses import dataclass
from enum import IntEnum

from mtunet.case import Flag, Priority, Reason
from mtunet.detection.triage import PRIORITY, Evidence, flag_of, reasons


class Urgency(IntEnum):
    """The queue's order."""

    HIGH = 0
    CHECK = 1
    ROUTINE = 2
    UNKNOWN = 3
    """Not everything has been looked at, and nothing urgent was found so far."""


URGENCY = {Priority.HIGH: Urgency.HIGH, Priority.CHECK: Urgency.CHECK, Priority.ROUTINE: Urgency.ROUTINE}


@dataclass(frozen=True)
class StudyTriage:
    """flag: None while no image has been analysed."""

    flag: Flag | None
    urgency: Urgency
    reasons: tuple[Reason, ...]
    bac_share: float | None


def weigh_study(evidence: Evidence) -> StudyTriage:
    """Flag, urgency and reasons of a study from what was found on its images."""
    flag = flag_of(evidence)
    urgency = URGENCY[PRIORITY[flag]] if flag is not None else Urgency.UNKNOWN
    if evidence.waiting and urgency is not Urgency.HIGH:
        urgency = Urgency.UNKNOWN
    return StudyTriage(flag, urgency, reasons(evidence), evidence.share)
