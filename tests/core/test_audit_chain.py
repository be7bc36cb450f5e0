"""The trail is a chain: how it grows, and that whatever is done to it afterwards is found."""

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from app import app
from chalicelib.core import audit, audit_chain
from chalicelib.core.audit_chain import Falha, VerificacaoOut, VerificarQuery, verify_chain
from chalicelib.core.audit_export import ExportarQuery, export_trail
from chalicelib.core.audit_heads import export_folder, head_folder, store_heads, stored_heads
from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from infra.local.scheduler import run_due, schedules_of
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.core.conftest import MakeJob
from tests.core.sample import SAMPLE_QUEUE

ENTRIES = 10
Tamper = Callable[..., None]


class Undone(Exception):
    """What a test ends a transaction with."""


def record(n: int, tenant: str = HOUSE) -> None:
    """One entry, in a transaction of its own."""
    with unit_of_work(tenant=tenant) as session:
        _record(session, n, tenant)


def _record(session: Any, n: int, tenant: str = HOUSE) -> None:
    audit.record(session, tenant=tenant, ator="teste", acao="teste.feito", objeto=f"t:{n}", n=n)


def trail(tenant: str = HOUSE) -> list[Any]:
    """The entries of a tenant, in the order of their numbers."""
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        return list(session.execute(text("SELECT * FROM auditoria ORDER BY seq")))


def verify(**query: Any) -> VerificacaoOut:
    """The house's trail, verified."""
    return verify_chain(HOUSE, VerificarQuery(**query))


@pytest.fixture
def entries(environment: dict[str, str]) -> None:
    """Ten entries of the house, with one of another tenant in between."""
    for n in range(1, ENTRIES + 1):
        record(n)
        if n == 5:
            record(n, "padaria")


@pytest.fixture
def tamper(used_database: tuple[str, Engine]) -> Tamper:
    """Does what only the server's superuser can, and no trigger sees."""

    def run(*statements: str, **values: Any) -> None:
        with used_database[1].connect() as connection:
            connection.execute(text("SET session_replication_role = replica"))
            for statement in statements:
                connection.execute(text(statement), values)
            connection.execute(text("SET session_replication_role = origin"))

    return run


# How it grows.


@pytest.mark.usefixtures("entries")
def test_entries_are_numbered_by_tenant_and_each_holds_the_hash_before() -> None:
    for tenant, count in ((HOUSE, ENTRIES), ("padaria", 1)):
        found = trail(tenant)
        assert [entry.seq for entry in found] == list(range(1, count + 1))
        links = [bytes(32), *(entry.hash for entry in found)]
        assert [entry.anterior for entry in found] == links[:-1]
        assert len(set(links)) == count + 1
    assert verify().ok


def test_entries_of_a_transaction_are_written_last_and_in_order(
    environment: dict[str, str],
) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        for n, tenant in enumerate((HOUSE, "padaria", HOUSE)):
            _record(session, n, tenant)
        session.flush()
        assert session.execute(text("SELECT count(*) FROM auditoria")).scalar() == 0
    assert [(entry.seq, entry.objeto) for entry in trail()] == [(1, "t:0"), (2, "t:2")]
    assert [(entry.seq, entry.objeto) for entry in trail("padaria")] == [(1, "t:1")]


def test_what_is_rolled_back_leaves_no_gap(environment: dict[str, str]) -> None:
    record(1)
    with suppress(Undone), unit_of_work(tenant=HOUSE) as session:
        _record(session, 2)
        session.flush()
        raise Undone
    record(3)
    assert [(entry.seq, entry.objeto) for entry in trail()] == [(1, "t:1"), (2, "t:3")]


def test_what_a_savepoint_undoes_is_not_on_the_trail(environment: dict[str, str]) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        _record(session, 1)
        with session.begin_nested():
            _record(session, 2)
        with suppress(Undone), session.begin_nested():
            _record(session, 3)
            with session.begin_nested():
                _record(session, 4)
            raise Undone
        _record(session, 5)
    assert [entry.objeto for entry in trail()] == ["t:1", "t:2", "t:5"]


def test_run_of_a_job_records_in_its_transaction(make_job: MakeJob) -> None:
    make_job()
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    with run.transaction() as session:
        _record(session, 1)
    assert [entry.objeto for entry in trail()][1:] == ["t:1"]
    assert verify().ok


def test_eight_writers_leave_no_gap_and_one_chain(environment: dict[str, str]) -> None:
    def write(writer: int) -> None:
        for n in range(20):
            record(100 * writer + n, "padaria" if n % 5 == 0 else HOUSE)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert [entry.seq for entry in trail()] == list(range(1, 8 * 16 + 1))
    assert [entry.seq for entry in trail("padaria")] == list(range(1, 8 * 4 + 1))
    assert verify().ok
    assert verify_chain("padaria", VerificarQuery()).ok


def test_recording_before_and_after_another_lock_is_no_deadlock(
    environment: dict[str, str],
) -> None:
    for tenant in (HOUSE, "padaria"):
        record(0, tenant)
    lock = text("SELECT pg_advisory_xact_lock(7)")
    both = Barrier(2, timeout=10)

    def records_first() -> None:
        with unit_of_work(tenant=HOUSE) as session:
            _record(session, 1)
            session.flush()
            both.wait()
            session.execute(lock)

    def locks_first() -> None:
        with unit_of_work(tenant=HOUSE) as session:
            session.execute(lock)
            both.wait()
            _record(session, 2)
            session.flush()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(records_first), pool.submit(locks_first)]:
            done.result(timeout=30)
    assert [entry.objeto for entry in trail()] == ["t:0", "t:2", "t:1"]


def test_heads_of_several_tenants_are_locked_in_one_order(
    environment: dict[str, str], used_database: tuple[str, Engine]
) -> None:
    for tenant in (HOUSE, "padaria"):
        record(0, tenant)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    def wait_for(count: int) -> None:
        with used_database[1].connect() as connection:
            while connection.execute(text(waiting)).scalar() != count:
                time.sleep(0.01)

    def write(*tenants: str) -> None:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            for tenant in tenants:
                _record(session, 1, tenant)

    with ThreadPoolExecutor(2) as pool:
        with unit_of_work(tenant="padaria") as session:
            session.execute(
                text(
                    "INSERT INTO auditoria (tenant, ator, acao, objeto, request_id)"
                    " VALUES ('padaria', 'x', 'y', 'z', '-')"
                )
            )
            both = [pool.submit(write, "padaria", HOUSE)]
            wait_for(1)
            both.append(pool.submit(write, HOUSE, "padaria"))
            wait_for(2)
        for done in both:
            done.result(timeout=30)
    assert verify().ok


# Who may write what.


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("role", list(DatabaseRole))
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auditoria_cabecas SET seq = 0",
        "DELETE FROM auditoria_cabecas",
        "TRUNCATE auditoria_cabecas",
        "INSERT INTO auditoria_cabecas VALUES ('nova', 1, '', '')",
        "SELECT 1 FROM auditoria_cabecas FOR UPDATE",
        "ALTER TABLE auditoria DISABLE TRIGGER auditoria_encadear",
        "DROP TRIGGER auditoria_encadear ON auditoria",
        "ALTER FUNCTION auditoria_encadear() SECURITY INVOKER",
        "SET session_replication_role = replica",
    ],
)
def test_no_role_of_the_program_reaches_the_chain(role: DatabaseRole, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"42501"),
        unit_of_work(tenant=HOUSE, role=role) as session,
    ):
        session.execute(text(statement))


@pytest.mark.usefixtures("entries")
def test_who_names_a_number_or_a_hash_is_not_listened_to() -> None:
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(
            text(
                "INSERT INTO auditoria"
                " (tenant, ator, acao, objeto, request_id, seq, anterior, hash)"
                " VALUES ('casa', 'x', 'y', 'z', '-', 3, 'a', 'b')"
            )
        )
    assert trail()[-1].seq == ENTRIES + 1
    assert verify().ok


def test_functions_of_the_chain_look_up_nothing_on_a_search_path(
    used_database: tuple[str, Engine], environment: dict[str, str]
) -> None:
    statement = """
    SELECT proname, prosecdef, proconfig, pg_get_userbyid(proowner), prosqlbody IS NOT NULL
    FROM pg_proc WHERE proname LIKE 'auditoria%' ORDER BY proname
    """
    with used_database[1].connect() as connection:
        assert [tuple(row) for row in connection.execute(text(statement))] == [
            (
                "auditoria_encadear",
                True,
                ["search_path=pg_catalog, pg_temp"],
                "previsto_owner",
                False,
            ),
            ("auditoria_texto", False, None, "previsto_owner", True),
        ]


# What is found.

REHASH = """
UPDATE auditoria SET hash = sha256(convert_to(auditoria_texto(
    anterior, tenant, seq, em, ator, acao, objeto, detalhes, request_id), 'UTF8'))
WHERE tenant = 'casa' AND seq = {seq}
"""
SET_HEAD_BACK = """
UPDATE auditoria_cabecas SET (seq, hash) = (
    SELECT seq, hash FROM auditoria WHERE tenant = 'casa' AND seq = {seq}
) WHERE tenant = 'casa'
"""
# Everything from an entry on linked anew, and the head with it: a chain that holds in itself.
FORGE = """
DO $$
DECLARE
    entry auditoria%ROWTYPE;
    link bytea;
BEGIN
    SELECT hash INTO link FROM auditoria WHERE tenant = 'casa' AND seq = {after};
    FOR entry IN SELECT * FROM auditoria WHERE tenant = 'casa' AND seq > {after} ORDER BY seq LOOP
        UPDATE auditoria SET anterior = link WHERE id = entry.id;
        UPDATE auditoria SET hash = sha256(convert_to(auditoria_texto(anterior, tenant, seq, em,
            ator, acao, objeto, detalhes, request_id), 'UTF8')) WHERE id = entry.id
        RETURNING hash INTO link;
    END LOOP;
    UPDATE auditoria_cabecas SET hash = link WHERE tenant = 'casa';
END $$
"""


def assert_broken(found: VerificacaoOut, seq: int, falha: Falha, ate: int | None = None) -> None:
    """This link is named, and no other."""
    assert found.quebra is not None
    assert (found.quebra.seq, found.quebra.ate, found.quebra.falha) == (seq, ate or seq, falha)
    assert (found.ok, found.continua_em) == (False, None)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    "change",
    [
        "em = em + interval '1 microsecond'",
        "ator = 'outro'",
        "acao = 'teste.desfeito'",
        "objeto = 't:70'",
        "detalhes = '{\"n\": 70}'",
        "request_id = 'outro'",
        "hash = sha256('x')",
        "anterior = sha256('x')",
    ],
)
def test_altered_entry_is_named(tamper: Tamper, change: str) -> None:
    tamper(f"UPDATE auditoria SET {change} WHERE tenant = 'casa' AND seq = 7")
    assert_broken(verify(), 7, Falha.ALTERADA)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("seq", [1, 4, ENTRIES])
def test_missing_entry_is_named(tamper: Tamper, seq: int) -> None:
    tamper("DELETE FROM auditoria WHERE tenant = 'casa' AND seq = :seq", seq=seq)
    assert_broken(verify(), seq, Falha.FALTANDO)


@pytest.mark.usefixtures("entries")
def test_first_of_several_missing_is_named(tamper: Tamper) -> None:
    tamper("DELETE FROM auditoria WHERE tenant = 'casa' AND seq > 6")
    assert_broken(verify(), 7, Falha.FALTANDO)


@pytest.mark.usefixtures("entries")
def test_all_entries_missing_are(tamper: Tamper) -> None:
    tamper("DELETE FROM auditoria WHERE tenant = 'casa'")
    assert_broken(verify(), 1, Falha.FALTANDO)


@pytest.mark.usefixtures("entries")
def test_first_of_two_swapped_entries_is_named(tamper: Tamper) -> None:
    swap = "UPDATE auditoria SET seq = :to WHERE tenant = 'casa' AND seq = :of"
    for of, to in ((3, 300), (6, 3), (300, 6)):
        tamper(swap, of=of, to=to)
    assert_broken(verify(), 3, Falha.ALTERADA)


@pytest.mark.usefixtures("entries")
def test_entry_replaced_together_with_its_hash_is_found_by_the_next(tamper: Tamper) -> None:
    change = "UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = 7"
    tamper(change, REHASH.format(seq=7))
    assert_broken(verify(), 8, Falha.DESLIGADA)


@pytest.mark.usefixtures("entries")
def test_last_entry_replaced_together_with_its_hash_is_found_by_the_head(tamper: Tamper) -> None:
    change = f"UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = {ENTRIES}"
    tamper(change, REHASH.format(seq=ENTRIES))
    assert_broken(verify(), ENTRIES, Falha.DESLIGADA)


@pytest.mark.usefixtures("entries")
def test_entry_that_a_head_set_back_leaves_behind_is_named(tamper: Tamper) -> None:
    tamper(SET_HEAD_BACK.format(seq=9))
    assert_broken(verify(), 10, Falha.EXCEDENTE)


@pytest.mark.usefixtures("entries")
def test_entry_put_in_past_the_trigger_is_named(tamper: Tamper) -> None:
    tamper(
        "INSERT INTO auditoria (tenant, ator, acao, objeto, request_id, seq, anterior, hash)"
        " SELECT tenant, ator, acao, objeto, request_id, 11, hash, hash FROM auditoria"
        " WHERE tenant = 'casa' AND seq = 10"
    )
    assert_broken(verify(), 11, Falha.EXCEDENTE)


@pytest.mark.usefixtures("entries")
def test_lost_head_is_found(tamper: Tamper) -> None:
    tamper("DELETE FROM auditoria_cabecas WHERE tenant = 'casa'")
    assert_broken(verify(), 1, Falha.EXCEDENTE)


@pytest.mark.usefixtures("entries")
def test_first_of_several_broken_links_is_named(tamper: Tamper) -> None:
    tamper(
        "DELETE FROM auditoria WHERE tenant = 'casa' AND seq = 8",
        "UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = 4",
    )
    found = verify()
    assert_broken(found, 4, Falha.ALTERADA)
    assert found.verificadas == 4


@pytest.mark.usefixtures("entries")
def test_forged_chain_does_not_lead_to_the_heads_that_were_stored(tamper: Tamper) -> None:
    now = utc_now()
    assert store_heads(now - timedelta(days=2)) == 2
    for n in range(11, 16):
        record(n)
    assert store_heads(now - timedelta(days=1)) == 2
    record(16)
    assert (verify().ok, verify().cabecas_guardadas) == (True, 2)
    change = "UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = 12"
    tamper(change, FORGE.format(after=11))
    # It was made anew between the two heads: that much can be told.
    assert_broken(verify(), 11, Falha.REESCRITA, 15)
    tamper("UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = 2")
    tamper(FORGE.format(after=1))
    assert_broken(verify(), 1, Falha.REESCRITA, 10)
    tamper("UPDATE auditoria SET ator = 'mais um' WHERE tenant = 'casa' AND seq = 14")
    assert_broken(verify(), 1, Falha.REESCRITA, 10)


@pytest.mark.usefixtures("entries")
def test_trail_cut_off_together_with_its_head_is_found(tamper: Tamper) -> None:
    store_heads(utc_now())
    tamper(
        "DELETE FROM auditoria WHERE tenant = 'casa' AND seq > 6",
        SET_HEAD_BACK.format(seq=6),
    )
    assert_broken(verify(), 7, Falha.FALTANDO, ENTRIES)
    assert verify_chain("padaria", VerificarQuery()).ok


def test_empty_trail_is_whole(environment: dict[str, str]) -> None:
    found = verify()
    assert (found.ok, found.cabeca, found.verificadas, found.continua_em) == (True, None, 0, None)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("at_once", [1, 3, 4, 100])
def test_trail_is_verified_in_parts(
    tamper: Tamper, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(audit_chain, "ENTRIES_PER_STATEMENT", at_once)
    first = verify(entradas=6)
    assert (first.ok, first.verificadas, first.continua_em) == (True, 6, 7)
    rest = verify(desde_seq=7)
    assert (rest.ok, rest.verificadas, rest.continua_em) == (True, 4, None)
    assert verify(desde_seq=ENTRIES + 5).ok
    tamper("DELETE FROM auditoria WHERE tenant = 'casa' AND seq IN (6, 7)")
    assert verify(entradas=5).ok
    for part in ({}, {"entradas": 7}, {"desde_seq": 6}, {"desde_seq": 7}, {"entradas": 6}):
        assert_broken(verify(**part), 6, Falha.FALTANDO)


# Over HTTP, and outside.


@pytest.mark.usefixtures("entries")
def test_each_tenant_verifies_its_own(client_of: MakeUser, tamper: Tamper) -> None:
    admin, stranger = client_of(Role.ADMIN), client_of(Role.ADMIN, "padaria")
    tamper("UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa' AND seq = 7")
    answer = admin.get("/auditoria/verificar")
    assert answer.status == 200
    assert answer.json["ok"] is False
    assert answer.json["quebra"] == {
        "seq": 7,
        "ate": 7,
        "falha": "alterada",
        "motivo": "O conteúdo desta entrada não é o que foi registrado.",
    }
    assert stranger.get("/auditoria/verificar").json["ok"] is True
    for query in ({"desde_seq": 0}, {"entradas": 0}, {"entradas": 1_000_001}, {"x": 1}):
        refused = admin.get("/auditoria/verificar", **query)
        assert_problem(refused, 422, "ValidationFailed")


def _sha256sum(data: str) -> str:
    found = subprocess.run(
        ["/usr/bin/sha256sum"], input=data.encode(), capture_output=True, check=True
    )
    return found.stdout.decode().split()[0]


def test_export_is_verified_with_nothing_but_sha256sum(admin: Client) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        strange = {"texto": 'aspas " e \\ e\nlinha, ção, 🎲', "n": 1.50, "nada": None, "a": [1, {}]}
        audit.record(session, tenant=HOUSE, ator="x", acao="y.z", objeto="á\t:1", **strange)
    answer = admin.get("/auditoria/exportar")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2]
    before = "0" * 64
    for line in lines:
        assert _sha256sum(line["texto"]) == line["hash"]
        canonical = json.loads(line["texto"])
        assert canonical[0] == line["anterior"] == before
        names = ("seq", "ator", "acao", "objeto", "detalhes", "request_id")
        assert [*canonical[2:3], *canonical[4:]] == [line[name] for name in names]
        before = line["hash"]
    assert lines[1]["detalhes"] == strange


@pytest.mark.usefixtures("entries")
def test_export_is_filtered_and_goes_on_where_it_ended(client_of: MakeUser) -> None:
    reader = client_of(Role.ADMIN)
    page = reader.get("/auditoria/exportar", acao="teste.feito", entradas=4)
    found = [json.loads(line)["objeto"] for line in page.body.splitlines()]
    while "Link" in page.headers:
        page = reader.request("GET", page.headers["Link"].split(">")[0][1:])
        found += [json.loads(line)["objeto"] for line in page.body.splitlines()]
    assert found == [f"t:{n}" for n in range(1, ENTRIES + 1)]
    assert reader.get("/auditoria/exportar", objeto="t:404").body == b""
    assert_problem(reader.get("/auditoria/exportar", limit=3), 422, "ValidationFailed")


def test_large_export_is_fetched_from_the_store_and_removed_after_a_day(admin: Client) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        for n in range(5):
            audit.record(
                session, tenant=HOUSE, ator="x", acao="y.z", objeto=f"t:{n}", longo="x" * 500_000
            )
    answer = admin.get("/auditoria/exportar")
    assert (answer.status, answer.body) == (303, b"")
    assert "/casa/auditoria/exportacoes/" in answer.headers["Location"]
    (stored,) = object_store().list(export_folder(HOUSE))
    lines = object_store().read(stored.key).splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    small = export_trail(HOUSE, ExportarQuery(entradas=1), utc_now())
    assert (small.address, small.continues_at) == (None, 2)
    store_heads(utc_now())
    assert list(object_store().list(export_folder(HOUSE))) != []
    store_heads(utc_now() + timedelta(days=1, minutes=1))
    assert list(object_store().list(export_folder(HOUSE))) == []


@pytest.mark.usefixtures("entries")
def test_schedule_stores_each_head_once_and_overwrites_none(environment: dict[str, str]) -> None:
    noon = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
    daily = [s for s in schedules_of(app, noon) if s.name == "store_heads_of_trails"]
    run_due(daily, noon + timedelta(days=1))
    (first,) = object_store().list(head_folder(HOUSE))
    assert json.loads(object_store().read(first.key)) == {
        "seq": ENTRIES,
        "hash": trail()[-1].hash.hex(),
    }
    object_store().put(first.key, b"as it was")
    assert store_heads(utc_now()) == 0
    assert object_store().read(first.key) == b"as it was"
    record(11)
    assert store_heads(utc_now()) == 1
    assert [head.seq for head in stored_heads(HOUSE)] == [ENTRIES, ENTRIES + 1]
