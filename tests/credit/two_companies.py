"""Two companies for tests of what one may learn or change of the other: one that has everything
there is to have, and one that asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.uploads import object_store
from chalicelib.credit.models import credit_model
from chalicelib.credit.models import credit_model_name as model_of
from tests.client import Client
from tests.core.conftest import change_job
from tests.credit.companies import Company, sign_up_company
from tests.credit.conftest import Sending, rows
from tests.credit.decisions.deciding import decide, order, publish_credit_model, put_policy
from tests.gym.work import work_off

SECRET = "segredo"  # Stands in whatever the company has written itself.
COMMON = "COMUM"  # A code and a number that both companies use, each for its own.
AMOUNT = "98765.43"

TENANT_TABLES = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'tenant' ORDER BY table_name
"""


@dataclass(frozen=True)
class Owner:
    """A company that has something of everything.

    Attributes:
        company: It.
        ids: Path parameter -> every value of it that is the company's.
        objects: Keys of what it has stored.
        marks: Text that no other company may ever see, in lower case.
    """

    company: Company
    ids: Mapping[str, list[str]]
    objects: list[str]
    marks: list[str]

    def first(self, name: str) -> str:
        """One value of a path parameter."""
        return self.ids[name][0]


def furnish(company: Company) -> Owner:
    """Give a company something of everything."""
    client = company.client
    policy: dict[str, Any] = {"sensiveis": [f"cliente.{SECRET}"]}
    assert client.put("/credito/politica", {"politica": policy, "motivo": SECRET}).status == 200
    datasets = [_closed_dataset(client), _open_dataset(client)]
    for seed in (1, 2, 3):
        publish_credit_model(company.tenant, seed=seed)
    _draw_and_measure(company.tenant)
    decided = decide(client, numero=COMMON, cliente=COMMON, valor=AMOUNT, atributos={SECRET: 1})
    path = f"/credito/pedidos/{decided['id']}"
    assert client.post(f"{path}/revisao", {"decisao": "aprovado", "motivo": SECRET}).status == 201
    assert client.post(f"{path}/desfecho", {"desfecho": "pago"}).status == 201
    waits = decide(client, cliente=f"{SECRET} 2", itens={})
    lot = client.post("/credito/pedidos/lote", {"pedidos": [order(cliente=SECRET)]})
    key = client.post("/credito/chaves", {"nome": SECRET})
    upload = client.post("/uploads", {"tamanho_bytes": 10}).json
    object_store().put(upload["objeto"], b"numero;val", content_type="text/csv")
    client.post("/credito/modelos/saude")
    work_off()
    queued = client.post("/credito/modelos/saude")
    failed = client.post("/credito/retreinamentos", {"dataset": datasets[0]})
    change_job(UUID(failed.json["id"]), "state = 'failed', finished_at = now()")
    ids = {
        "dataset_id": datasets + _uuids("credito_datasets", company.tenant, "acervo"),
        "pedido_id": [str(decided["id"]), str(waits["id"])],
        "lote_id": [lot.json["id"]],
        "job_id": [queued.json["id"], *_uuids("jobs", company.tenant)],
        "chave_id": [key.json["id"], str(company.credentials.chave.id)],
        "empresa_id": [str(company.id)],
        "versao": ["3"],
        "nome": ["roc"],
        "tipo": ["pedidos"],
        "seq": ["1"],
    }
    objects = stored_objects(company.tenant)
    marks = [SECRET, AMOUNT, company.tenant, company.client.login, key.json["prefixo"], *objects]
    marks += [each for name, values in ids.items() if name.endswith("_id") for each in values]
    is_text = [mark.lower() for mark in marks if not mark.isdigit()]
    return Owner(company, ids, objects, is_text + _digests(company.tenant))


def asking_company() -> Company:
    """A company with a model and a policy of its own, and the same codes as the other."""
    company = sign_up_company("Outra")
    for seed in (11, 12):
        publish_credit_model(company.tenant, seed=seed)
    put_policy(company.client, limiares={"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0})
    return company


def _closed_dataset(client: Client) -> str:
    sending = Sending(client)
    counts = sending.store_whole(4, **{SECRET: SECRET})
    assert sending.conclude(counts).status == 202
    work_off()
    assert sending.seen()["estado"] == "fechado"
    return sending.id


def _open_dataset(client: Client) -> str:
    """One with a lot that was stored, and faults."""
    sending = Sending(client)
    sending.store("pedidos", 1, [{"numero": SECRET, "cliente": SECRET, "valor": -1}])
    assert sending.faults()
    return sending.id


def _draw_and_measure(tenant: str) -> None:
    """What a training and the night's work would add to these models."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        figures = "UPDATE model_versions SET figures = :figures WHERE tenant = :tenant"
        drawn = f'{{"roc": {{"data": [], "layout": {{"title": "{SECRET}"}}}}}}'
        session.execute(text(figures), {"figures": drawn, "tenant": tenant})
        measured = (
            "INSERT INTO credito_medicoes (tenant, dia, medido_em, conteudo)"
            " VALUES (:tenant, current_date, now(), :content)"
        )
        session.execute(text(measured), {"tenant": tenant, "content": f'{{"alvo": "{SECRET}"}}'})


def _uuids(table: str, tenant: str, condition: str = "true") -> list[str]:
    found = rows(f"SELECT id FROM {table} WHERE tenant = :tenant AND {condition}", tenant=tenant)
    return [str(row.id) for row in found]


def _digests(tenant: str) -> list[str]:
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        model = credit_model(session, model_of(tenant), 3)
    return [model.metadata["onnx_sha256"]]


def stored_objects(tenant: str) -> list[str]:
    """Keys of all that is stored under a tenant."""
    return sorted(found.key for found in object_store().list(f"{tenant}/"))


def snapshot(tenant: str) -> dict[str, Any]:
    """All there is of a tenant: its rows, whole, by table, and its objects."""
    found: dict[str, Any] = {"objects": stored_objects(tenant)}
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        for table in session.execute(text(TENANT_TABLES)).scalars().all():
            statement = f"SELECT t::text FROM {table} t WHERE tenant = :tenant ORDER BY 1"
            found[table] = list(session.execute(text(statement), {"tenant": tenant}).scalars())
    return found
