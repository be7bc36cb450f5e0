"""Turnstile data that comes late, twice, out of order and without exits."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.errors import CheckinAberto, CheckinRepetido
from chalicelib.gym.schemas import CheckinIn
from chalicelib.gym.service_checkins import record_checkin
from chalicelib.gym.service_imports import CheckinParser, load_checkins
from chalicelib.gym.service_visits import close_forgotten_visits
from tests.client import Client
from tests.gym.conftest import MakeAluno
from tests.gym.work import counts, import_report

VISITS = "/aluno/checkin/lote"
HEADER = "aluno_id,entrada,saida,tipo,chave_evento\n"
ORPHANS = "/visitas/saidas-sem-entrada"

Found = list[tuple[str, str | None, bool]]  # Entry, exit and whether it is `sem_saida`.


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%dT%H:%M}"


def _visits(aluno_id: int) -> Found:
    """A member's visits of March 2026, by day and time in UTC."""
    with unit_of_work(autocommit=True) as session:
        rows = session.execute(
            text("SELECT * FROM checkins WHERE aluno_id = :id ORDER BY entrada"), {"id": aluno_id}
        )
        return [
            (_clock(row.entrada), _clock(row.saida) if row.saida else None, row.sem_saida)
            for row in rows
        ]


def _orphans(aluno_id: int) -> list[str]:
    with unit_of_work(autocommit=True) as session:
        rows = session.scalars(
            text("SELECT saida FROM saidas WHERE aluno_id = :id AND sem_entrada ORDER BY saida"),
            {"id": aluno_id},
        )
        return [_clock(saida) for saida in rows]


def _revision(aluno_id: int) -> int:
    with unit_of_work(autocommit=True) as session:
        found = text("SELECT revisao FROM alunos WHERE id = :id")
        return int(session.execute(found, {"id": aluno_id}).scalar_one())


class Turnstile:
    """Sends files of events of one member; a time is a day and hour of March 2026 in UTC."""

    def __init__(self, client: Client, aluno_id: int) -> None:
        """Take who sends, and whose events."""
        self._client = client
        self.aluno_id = aluno_id

    def send(self, *events: str) -> tuple[int, int, int]:
        """Import one file; `02T07:00` enters, `>02T08:00` leaves, `a>b` does both, `#k` is a key.

        Returns:
            Rows accepted, known and refused.
        """
        return counts(import_report(self._client, VISITS, HEADER + "".join(map(self._row, events))))

    def _row(self, event: str) -> str:
        times, _, key = event.partition("#")
        entrada, _, saida = (
            f"2026-03-{part}Z" if part not in ("", ">") else part for part in times.partition(">")
        )
        tipo = "entrada" if entrada else "saida"
        return f"{self.aluno_id},{entrada},{saida},{tipo},{key}\n"


@pytest.fixture
def turnstile(operador: Client, make_aluno: MakeAluno) -> Turnstile:
    """A turnstile, and a member who uses it."""
    return Turnstile(operador, make_aluno())


def test_entries_and_exits_apart_are_one_visit_each(turnstile: Turnstile) -> None:
    assert turnstile.send("02T07:00#a", ">02T08:00#b", "03T07:00#c", ">03T08:30#d") == (4, 0, 0)
    assert _visits(turnstile.aluno_id) == [
        ("02T07:00", "02T08:00", False),
        ("03T07:00", "03T08:30", False),
    ]


def test_exits_before_their_entries_in_the_file_are_matched(turnstile: Turnstile) -> None:
    turnstile.send(">03T08:30", ">02T08:00", "03T07:00", "02T07:00")
    assert _visits(turnstile.aluno_id) == [
        ("02T07:00", "02T08:00", False),
        ("03T07:00", "03T08:30", False),
    ]


def test_entry_that_comes_in_a_later_file_is_matched(turnstile: Turnstile) -> None:
    turnstile.send(">02T08:00")
    assert (_visits(turnstile.aluno_id), _orphans(turnstile.aluno_id)) == ([], ["02T08:00"])
    before = _revision(turnstile.aluno_id)
    turnstile.send("02T07:00")
    assert _visits(turnstile.aluno_id) == [("02T07:00", "02T08:00", False)]
    assert _orphans(turnstile.aluno_id) == []
    assert _revision(turnstile.aluno_id) > before


def test_entry_that_comes_late_to_the_desk_is_matched(
    operador: Client, turnstile: Turnstile
) -> None:
    turnstile.send(">02T08:00")
    late = {"aluno_id": turnstile.aluno_id, "entrada": "2026-03-02T07:00:00Z"}
    answer = operador.post("/aluno/checkin", late)
    assert (answer.status, answer.json["situacao"]) == (201, "encerrada")
    assert answer.json["duracao_minutos"] == 60.0
    assert operador.get(ORPHANS).json["items"] == []


def test_event_sent_twice_counts_once_in_a_file_and_across_files(turnstile: Turnstile) -> None:
    assert turnstile.send("02T07:00#a", "02T07:00#a", ">02T08:00#b", ">02T08:00#b") == (2, 2, 0)
    assert turnstile.send("02T07:00#a", ">02T08:00#b") == (0, 2, 0)
    # The same event under other keys, and without one.
    assert turnstile.send("02T07:00#x", ">02T08:00#y", "02T07:00", ">02T08:00") == (0, 4, 0)
    assert _visits(turnstile.aluno_id) == [("02T07:00", "02T08:00", False)]


def test_late_entry_inside_a_visit_takes_its_exit(turnstile: Turnstile) -> None:
    turnstile.send("02T07:00", ">02T10:00")
    turnstile.send("02T09:00")
    assert _visits(turnstile.aluno_id) == [
        ("02T07:00", None, True),
        ("02T09:00", "02T10:00", False),
    ]
    turnstile.send(">02T08:00")
    assert _visits(turnstile.aluno_id)[0] == ("02T07:00", "02T08:00", False)


def test_late_entry_does_not_take_the_exit_of_a_whole_visit(turnstile: Turnstile) -> None:
    turnstile.send("02T07:00>02T10:00")
    turnstile.send("02T09:00")
    assert _visits(turnstile.aluno_id) == [
        ("02T07:00", "02T10:00", False),
        ("02T09:00", None, True),
    ]


def test_earliest_of_several_exits_ends_the_visit(turnstile: Turnstile) -> None:
    turnstile.send("02T07:00", ">02T09:00")
    turnstile.send(">02T08:00", ">02T08:30")
    assert _visits(turnstile.aluno_id) == [("02T07:00", "02T08:00", False)]
    assert _orphans(turnstile.aluno_id) == []


def test_exit_later_than_a_day_is_without_entry(turnstile: Turnstile) -> None:
    turnstile.send("02T07:00", ">03T07:01", "04T07:00", ">05T07:00")
    assert _visits(turnstile.aluno_id) == [
        ("02T07:00", None, True),
        ("04T07:00", "05T07:00", False),
    ]
    assert _orphans(turnstile.aluno_id) == ["03T07:01"]


def test_clocks_apart_leave_an_exit_at_or_before_its_entry_alone(turnstile: Turnstile) -> None:
    turnstile.send("02T07:00", ">02T07:00", ">02T06:59")
    assert _visits(turnstile.aluno_id) == [("02T07:00", None, True)]
    assert _orphans(turnstile.aluno_id) == ["02T06:59", "02T07:00"]


def test_what_has_no_pair_is_kept_and_left_out_of_durations(
    operador: Client, turnstile: Turnstile
) -> None:
    now = utc_now()
    events = [
        (now - timedelta(days=3), now - timedelta(days=3, hours=-1)),
        (now - timedelta(days=2), None),
        (None, now - timedelta(days=5)),
    ]
    lines = (f"{turnstile.aluno_id},{entrada or ''},{saida or ''},,\n" for entrada, saida in events)
    import_report(operador, VISITS, HEADER + "".join(lines))
    found = operador.get(f"/aluno/{turnstile.aluno_id}/frequencia").json
    assert [visit["situacao"] for visit in found["items"]] == ["sem_saida", "encerrada"]
    assert (found["visitas_7_dias"], found["duracao_media_minutos"]) == (2, 60.0)
    orphans = operador.get(ORPHANS).json
    assert [row["aluno_id"] for row in orphans["items"]] == [turnstile.aluno_id]


def test_exit_with_a_key_and_no_entry_is_kept_at_the_desk(
    operador: Client, turnstile: Turnstile
) -> None:
    event = {"aluno_id": turnstile.aluno_id, "saida": "2026-03-02T08:00:00Z", "chave_evento": "k"}
    first, again = operador.post("/aluno/checkin", event), operador.post("/aluno/checkin", event)
    assert (first.status, first.json["situacao"]) == (201, "sem_entrada")
    assert first.json == again.json
    assert [row["chave_evento"] for row in operador.get(ORPHANS).json["items"]] == ["k"]
    turnstile.send("02T07:00")
    assert operador.post("/aluno/checkin", event).json["duracao_minutos"] == 60.0


def test_exit_ends_a_visit_that_was_flagged_before(operador: Client, turnstile: Turnstile) -> None:
    turnstile.send("02T07:00")
    assert _visits(turnstile.aluno_id) == [("02T07:00", None, True)]
    event = {"aluno_id": turnstile.aluno_id, "saida": "2026-03-02T15:00:00Z"}
    assert operador.post("/aluno/checkin", event).json["duracao_minutos"] == 480.0


def test_visit_that_nobody_closed_is_flagged_at_night(
    operador: Client, turnstile: Turnstile
) -> None:
    operador.post("/aluno/checkin", {"aluno_id": turnstile.aluno_id})
    now = utc_now()
    assert close_forgotten_visits(now + timedelta(hours=5)) == 0
    before = _revision(turnstile.aluno_id)
    assert close_forgotten_visits(now + timedelta(hours=7)) == 1
    assert [flag for _, _, flag in _visits(turnstile.aluno_id)] == [True]
    assert _revision(turnstile.aluno_id) == before + 1


@dataclass(frozen=True)
class Event:
    """What a turnstile saw, in minutes since some instant; a whole visit has both."""

    entrada: int | None
    saida: int | None

    def row(self, aluno_id: int, start: datetime) -> list[str]:
        """Values as the parser takes them."""
        at = [
            (start + timedelta(minutes=m)).isoformat() if m is not None else ""
            for m in (self.entrada, self.saida)
        ]
        kind = "saida" if self.entrada is None else "entrada"
        return [str(aluno_id), "", at[0], at[1], kind, f"{aluno_id}/{kind}/{self}"]


MINUTES = st.integers(0, 40).map(lambda n: n * 90)  # Two days and a half, in steps that collide.
EVENTS = st.one_of(
    st.builds(Event, MINUTES, st.none()),
    st.builds(Event, st.none(), MINUTES),
    st.tuples(st.integers(0, 39), st.integers(1, 16)).map(
        lambda visit: Event(visit[0] * 90, min(sum(visit), 40) * 90)
    ),
)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]]]:
    """A set of events, and the same in files: shuffled, split, some of them twice."""
    events = draw(st.lists(EVENTS, min_size=1, max_size=9, unique=True))
    again = draw(st.lists(st.sampled_from(events), max_size=3))
    sent = draw(st.permutations(events + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=4)))
    edges = [0, *cuts, len(sent)]
    files = [sent[a:b] for a, b in itertools.pairwise(edges)]
    return events, [file for file in files if file]


def _expected(events: Sequence[Event], start: datetime, now: datetime) -> Found:
    """The rule of `visit_matching`, written again over the whole set."""
    entries = sorted({e.entrada for e in events if e.entrada is not None})
    loose = sorted({e.saida for e in events if e.entrada is None and e.saida is not None})
    found: Found = []
    for entry, following in zip(entries, [*entries[1:], None], strict=False):
        own = [e.saida for e in events if e.entrada == entry and e.saida is not None]
        last = min(entry + 1440, following if following is not None else entry + 1440)
        mine = own or [exit_ for exit_ in loose if entry < exit_ <= last]
        at = start + timedelta(minutes=entry)
        is_over = following is not None or at <= now - timedelta(hours=6)
        ended = _clock(start + timedelta(minutes=min(mine))) if mine else None
        found.append((_clock(at), ended, not mine and is_over))
    return found


def _import(aluno_id: int, start: datetime, now: datetime, file: list[Event]) -> None:
    parse = CheckinParser(now)
    rows = [parse(line, event.row(aluno_id, start)) for line, event in enumerate(file, 2)]
    with unit_of_work(tenant=HOUSE) as session:
        loaded = load_checkins(session, rows)
    assert (loaded.accepted + loaded.known, loaded.refused) == (len(file), {})


def _send_to_desk(aluno_id: int, start: datetime, now: datetime, file: list[Event]) -> None:
    """Send events one at a time; what the desk refuses comes in a file."""
    for event in file:
        _, _, entrada, saida, tipo, key = event.row(aluno_id, start)
        body = {"aluno_id": aluno_id, "entrada": entrada or None, "saida": saida or None}
        sent = CheckinIn.model_validate({**body, "tipo": tipo, "chave_evento": key}, strict=False)
        try:
            with unit_of_work(tenant=HOUSE, autocommit=True) as session:
                record_checkin(session, sent, now)
        except (CheckinAberto, CheckinRepetido):
            _import(aluno_id, start, now, [event])


@given(found=arrivals(), at_the_desk=st.sets(st.integers(0, 4)))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_order_files_and_ways_do_not_matter(
    make_aluno: MakeAluno, found: tuple[list[Event], list[list[Event]]], at_the_desk: set[int]
) -> None:
    events, files = found
    aluno_id = make_aluno()
    now = utc_now()
    # The last of them are fresh, so that some visits are open.
    start = (now - timedelta(minutes=40 * 90)).replace(second=0, microsecond=0)
    seen: set[Event] = set()
    for nth, file in enumerate(files):
        before = (_visits(aluno_id), _orphans(aluno_id))
        revision = _revision(aluno_id)
        (_send_to_desk if nth in at_the_desk else _import)(aluno_id, start, now, file)
        seen |= set(file)
        assert _visits(aluno_id) == _expected(list(seen), start, now)
        if before != (_visits(aluno_id), _orphans(aluno_id)):
            assert _revision(aluno_id) > revision
    entries = {e.entrada for e in events if e.entrada is not None}
    loose = {e.saida for e in events if e.entrada is None and e.saida is not None}
    orphans = [s for s in sorted(loose) if not any(s - 1440 <= e < s for e in entries)]
    assert _orphans(aluno_id) == [_clock(start + timedelta(minutes=s)) for s in orphans]
