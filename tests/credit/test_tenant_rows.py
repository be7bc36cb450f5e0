"""Law 12 below the routes: SQL without its filter, objects, models and answers that are kept."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chalicelib.core.db import unit_of_work
from chalicelib.core.storage import SignatureInvalid
from chalicelib.core.storage.directory import DirectoryStorage
from chalicelib.core.uploads import ObjectMissing, object_store, upload_media_type
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.ml.registry import ModelName, ModelVersionNotFound
from chalicelib.ml.versions import model_cache
from tests.credit.companies import Company, sign_up_company
from tests.credit.conftest import rows
from tests.credit.decisions.deciding import decide, order
from tests.credit.two_companies import (
    COMMON,
    TENANT_TABLES,
    Owner,
    asking_company,
    furnish,
    snapshot,
)

NOT_ALLOWED, REFERRED_TO = "42501", "23503"  # What a role may not do, and what others name.


@pytest.fixture
def owner(environment: dict[str, str]) -> Owner:
    """The company that has everything."""
    return furnish(sign_up_company())


@pytest.fixture
def asking(owner: Owner) -> Company:
    """Another one."""
    return asking_company()


def _tables() -> list[str]:
    return [row.table_name for row in rows(TENANT_TABLES)]


def _touched(session: Session, statement: str) -> int:
    """How many rows a statement touches; none where the role may not do such a thing at all."""
    savepoint = session.begin_nested()
    try:
        found: Any = session.execute(text(statement))
        return int(found.rowcount)
    except DBAPIError as error:
        if NOT_ALLOWED in str(error) or REFERRED_TO in str(error):
            return 0
        raise
    finally:
        savepoint.rollback()


def test_the_owner_has_rows_in_the_tables_of_credit(owner: Owner) -> None:
    """Else nothing that follows would show anything."""
    found = snapshot(owner.company.tenant)
    filled = {name for name, each in found.items() if each}
    of_credit = {name for name in _tables() if name.startswith("credito_")}
    assert of_credit <= filled
    assert {"auditoria", "jobs", "model_aliases", "model_versions", "uploads", "usuarios"} <= filled


def test_sql_without_a_filter_sees_and_touches_ones_own_rows_only(
    owner: Owner, asking: Company
) -> None:
    before = snapshot(owner.company.tenant)
    with unit_of_work(tenant=asking.tenant) as session:
        for table in _tables():
            seen = session.execute(text(f"SELECT DISTINCT tenant FROM {table}")).scalars().all()
            assert set(seen) <= {asking.tenant}, table
            own = session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert _touched(session, f"UPDATE {table} SET tenant = tenant") <= own, table
            assert _touched(session, f"DELETE FROM {table}") <= own, table
            named = f"WHERE tenant = '{owner.company.tenant}'"
            assert _touched(session, f"UPDATE {table} SET tenant = tenant {named}") == 0, table
            assert _touched(session, f"DELETE FROM {table} {named}") == 0, table
        session.rollback()
    assert snapshot(owner.company.tenant) == before


@pytest.mark.parametrize("tenant", [None, "", "empresa-", "empresa-%", "' OR true --"])
def test_without_a_tenant_nothing_is_seen_and_nothing_touched(
    owner: Owner, tenant: str | None
) -> None:
    with unit_of_work(tenant=tenant) as session:
        for table in _tables():
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table
            assert _touched(session, f"UPDATE {table} SET tenant = tenant") == 0, table
            assert _touched(session, f"DELETE FROM {table}") == 0, table
        session.rollback()


def test_a_row_of_ones_own_cannot_be_given_to_another(owner: Owner, asking: Company) -> None:
    given = f"SET tenant = '{owner.company.tenant}'"
    decide(asking.client)
    assert asking.client.post("/uploads", {"tamanho_bytes": 10}).status == 201
    assert asking.client.post("/credito/modelos/saude").status == 202
    for table in ("credito_datasets", "credito_pedidos", "credito_decisoes", "jobs", "uploads"):
        with (
            pytest.raises(DBAPIError, match=NOT_ALLOWED),
            unit_of_work(tenant=asking.tenant) as session,
        ):
            session.execute(text(f"UPDATE {table} {given}"))


def test_an_object_of_another_company_is_none(owner: Owner, asking: Company) -> None:
    for objeto in owner.objects:
        with (
            pytest.raises(ObjectMissing),
            unit_of_work(tenant=asking.tenant, autocommit=True) as session,
        ):
            upload_media_type(session, objeto)


def test_leave_to_store_ones_own_object_is_no_leave_for_anothers(
    owner: Owner, asking: Company
) -> None:
    store = object_store()
    assert isinstance(store, DirectoryStorage)
    leave = asking.client.post("/uploads", {"tamanho_bytes": 10}).json
    assert leave["objeto"].startswith(f"{asking.tenant}/")
    query = dict(part.split("=") for part in leave["url"].partition("?")[2].split("&"))
    for objeto in owner.objects:
        with pytest.raises(SignatureInvalid):
            store.verify("PUT", objeto, query)
        with pytest.raises(SignatureInvalid):
            store.verify("GET", objeto, query)


def test_a_kept_model_answers_its_own_company_only(owner: Owner, asking: Company) -> None:
    theirs = decide(owner.company.client)
    ours = decide(asking.client)
    assert theirs["modelo_sha256"] != ours["modelo_sha256"]
    assert (theirs["modelo_versao"], ours["modelo_versao"]) == (3, 2)
    without = sign_up_company("Sem modelo")
    held = model_cache().stats()
    assert decide(without.client)["origem"] == "sem_modelo"
    for name in (credit_model_name(owner.company.tenant), ModelName(without.tenant, "credito")):
        with (
            pytest.raises(ModelVersionNotFound),
            unit_of_work(tenant=without.tenant, autocommit=True) as session,
        ):
            credit_model(session, name, 99)
    assert model_cache().stats().loads == held.loads


def test_an_idempotency_key_is_known_to_its_own_company_only(owner: Owner, asking: Company) -> None:
    key, body = {"Idempotency-Key": "a-mesma"}, order(numero="N-1", cliente=COMMON)
    first = owner.company.client.post("/credito/pedidos", body, headers=key)
    second = asking.client.post("/credito/pedidos", body, headers=key)
    program = asking.program.post("/credito/pedidos", {**body, "numero": "N-2"}, headers=key)
    assert (first.status, second.status, program.status) == (201, 201, 201)
    assert len({answer.json["id"] for answer in (first, second, program)}) == 3
    assert "Idempotent-Replayed" not in second.headers
    again = asking.client.post("/credito/pedidos", body, headers=key)
    assert (again.json["id"], again.headers["Idempotent-Replayed"]) == (second.json["id"], "true")


def test_a_foreign_key_to_another_companys_row_joins_nothing(owner: Owner, asking: Company) -> None:
    """The server checks foreign keys without the rules: a row may name another's, and no more."""
    mine = decide(asking.client)
    theirs = UUID(owner.first("lote_id"))
    with unit_of_work(tenant=asking.tenant) as session:
        session.execute(
            text("UPDATE credito_decisoes SET lote_id = :lote WHERE pedido_id = :id"),
            {"lote": theirs, "id": mine["id"]},
        )
    found = owner.company.client.get(f"/credito/pedidos/lotes/{theirs}").json
    assert str(mine["id"]) not in {str(each["pedido_id"]) for each in found["items"]}
