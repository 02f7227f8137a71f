"""What a chaos run has shown: figures, and what of them must not be."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.probe import Probe
from benchmarks.report import Report, Sheet, Value
from tests.chaos.caller import Notes, Seen
from tests.chaos.faults import Happened
from tests.chaos.ledger import Ledger
from tests.chaos.service import Absence

WINDOW_S = 5.0
FULL_SPEED, EACH = 0.7, 0.33
"""Share of the rate of before the first fault, in a window: of all kinds together, and of each at least."""
RECOVERY_S = 10.0
HEALTH_S = 1.0
KINDS = ("search", "reranked", "write")
EXPECTED = {None, 200, 202, 204, 404, 429, 503}


@dataclass
class Run:
    """All that was seen; times are of `time.monotonic()`."""

    began: float
    calm_until: float
    notes: Notes = field(default_factory=Notes)
    ledgers: list[Ledger] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    faults: list[Happened] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    polite_exits: list[int] = field(default_factory=list)
    declared: Mapping[str, Collection[int]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def faults_found(self) -> list[str]:
        """What must not be, in words; the samples are the first ones."""
        lost = [line for ledger in self.ledgers for line in ledger.lost]
        torn = [line for ledger in self.ledgers for line in ledger.torn] + self.notes.torn
        found = {
            "acknowledged writes lost": lost,
            "products torn": torn,
            "products doubled": self.notes.doubled,
            "images lost or damaged": self.damaged,
            "answers that are wrong": self.notes.wrong,
            "statuses that are not declared": [f"{one.route}: {one.status} {one.problem}" for one in self.undeclared()],
            "polite ends with another status than 0": [str(status) for status in self.polite_exits if status],
        }
        return [f"{len(lines)} {what}: {lines[:3]}" for what, lines in found.items() if lines] + self._too_slow()

    def undeclared(self) -> list[Seen]:
        """Answers that no client has to expect: 5xx but a declared 503, other 4xx, errors of another shape."""
        return [
            one
            for one in self.notes.seen
            if one.status not in EXPECTED
            or one.problem == "no problem document"
            or (one.status is not None and one.status not in self.declared[one.route])
        ]

    def _too_slow(self) -> list[str]:
        slow = [probe for probe in self.present_probes() if probe.seconds > HEALTH_S or probe.status != 200]
        found = [f"/healthz: {len(slow)} late or failed: {slow[:3]}"] if slow else []
        for fault in self.faults:
            back = self.back_after(fault)
            if back is None or back > RECOVERY_S:
                found.append(f"{fault.name}: full speed after {back} s")
        return found

    def present_probes(self) -> list[Probe]:
        """Those asked while there was a service to answer."""
        return [one for one in self.probes if not any(_overlap(one, absence) for absence in self.absences)]

    def rate(self, kind: str, began: float) -> float:
        """Good answers of a kind a second, in a window."""
        ends = (one.ended for one in self.notes.seen if one.kind == kind and one.good)
        return sum(began <= end < began + WINDOW_S for end in ends) / WINDOW_S

    def calm_rate(self, kind: str) -> float:
        """The median rate before the first fault."""
        starts = _steps(self.began, self.calm_until - WINDOW_S)
        return statistics.median(self.rate(kind, start) for start in starts)

    def back_after(self, fault: Happened) -> float | None:
        """Seconds from the end of a fault to the first window at full speed before the next fault; None: never."""
        last = max((one.ended for one in self.notes.seen), default=0.0)
        following = [other.began for other in self.faults if other.began > fault.began]
        starts = _steps(fault.ended, min([last, *following]) - WINDOW_S)
        return next((start - fault.ended for start in starts if self._is_at_full_speed(start)), None)

    def _is_at_full_speed(self, start: float) -> bool:
        calm = {kind: self.calm_rate(kind) for kind in KINDS}
        rates = {kind: self.rate(kind, start) for kind in KINDS}
        together = sum(rates.values()) >= FULL_SPEED * sum(calm.values())
        return together and all(rates[kind] >= EACH * calm[kind] for kind in KINDS)

    def report(self) -> Report:
        """The figures as tables."""
        sheets = [self._writes(), self._answers(), self._recoveries(), self._health()]
        return Report(sheets, [*self.remarks, *(self.faults_found() or ["Nothing that must not be."])])

    def _writes(self) -> Sheet:
        rows: list[dict[str, Value]] = [
            {"what": "acknowledged", "count": sum(ledger.acknowledged for ledger in self.ledgers)},
            {"what": "without a clear answer", "count": sum(ledger.unclear for ledger in self.ledgers)},
            {"what": "acknowledged and lost", "count": sum(len(ledger.lost) for ledger in self.ledgers)},
            {"what": "torn", "count": sum(len(ledger.torn) for ledger in self.ledgers) + len(self.notes.torn)},
            {"what": "doubled", "count": len(self.notes.doubled)},
            {"what": "images lost or damaged", "count": len(self.damaged)},
        ]
        return Sheet("Writes", rows)

    def _answers(self) -> Sheet:
        rows: list[dict[str, Value]] = []
        for kind in sorted({one.kind for one in self.notes.seen}):
            seen = [one for one in self.notes.seen if one.kind == kind]
            statuses = Counter(f"{one.status or 'none'} {one.problem}".strip() for one in seen)
            times = sorted(one.ended - one.began for one in seen if one.good)
            rows.append(
                {
                    "work": kind,
                    "good": len(times),
                    "p50, ms": 1000 * times[len(times) // 2] if times else None,
                    "p99, ms": 1000 * times[len(times) * 99 // 100] if times else None,
                    "answers": ", ".join(f"{status}: {count}" for status, count in statuses.most_common()),
                }
            )
        return Sheet("Answers; 'none': the connection broke or was refused", rows)

    def _recoveries(self) -> Sheet:
        rows: list[dict[str, Value]] = []
        for fault in self.faults:
            absences = [one for one in self.absences if fault.began <= one.began <= fault.ended]
            row: dict[str, Value] = {"fault": fault.name, "lasted, s": fault.ended - fault.began}
            row["stopped in, s"] = sum(one.gone - one.began for one in absences) or None
            row["ready in, s"] = sum(one.ended - one.started for one in absences) or None
            rows.append(row | {"full speed after, s": self.back_after(fault)})
        calm = ", ".join(f"{kind} {self.calm_rate(kind):.1f}" for kind in KINDS)
        title = f"Back at {FULL_SPEED:.0%} of the speed of before (good answers a second: {calm})"
        return Sheet(title, rows)

    def _health(self) -> Sheet:
        present = self.present_probes()
        times = sorted(probe.seconds for probe in present)
        row: dict[str, Value] = {
            "probes": len(present),
            "p50, ms": 1000 * times[len(times) // 2],
            "p99, ms": 1000 * times[len(times) * 99 // 100],
            "worst, ms": 1000 * times[-1],
            "not 200": sum(probe.status != 200 for probe in present),
            "the machine's own delay, worst, ms": 1000 * max(probe.late_s for probe in present),
        }
        return Sheet("/healthz while there was a service", [row])


def _overlap(probe: Probe, absence: Absence) -> bool:
    return probe.began < absence.ended and probe.began + probe.seconds > absence.began


def _steps(first: float, last: float) -> Sequence[float]:
    return [first + 0.5 * number for number in range(max(0, int((last - first) / 0.5) + 1))]
