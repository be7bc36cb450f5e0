"""A company's columns: read alike by training and serving, chosen, and refused by name."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.credit.columns import as_category, as_number, table_of, unread
from chalicelib.credit.features import BASE_COLUMNS, MOST_HISTORY, OF_ORDERS
from chalicelib.credit.training_columns import choose_columns, declare, giveaways, misfits
from chalicelib.credit.training_data import Orders, read_orders
from chalicelib.ml.columns import Column
from tests.credit.companies import Company
from tests.credit.models.records import UNTIL, Reader, change, load, reader, small_company

NOBODY = frozenset[str]()
DRAW = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("value", "number", "category"),
    [
        (3, 3.0, "3"),
        (2.5, 2.5, "2.5"),
        (3.0, 3.0, "3"),
        (Decimal("1.10"), 1.1, "1.1"),
        (True, None, "sim"),
        (False, None, "não"),
        (" varejo ", None, "varejo"),
        ("True", None, "sim"),
        ("false", None, "não"),
        ("", None, None),
        (None, None, None),
        (float("nan"), None, None),
        (10**400, None, None),
        (["a"], None, None),
    ],
)
def test_plain_values_are_numbers_or_categories(
    value: Any, number: float | None, category: str | None
) -> None:
    assert (as_number(value), as_category(value)) == (number, category)


def row(**own: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `FEATURES` with nothing but own columns."""
    nothing: dict[str, Any] = {column.name: None for column in BASE_COLUMNS}
    sources = ("pedido", "cliente", "limite", "consulta")
    return nothing | {f"atributos_{source}": own.get(source) for source in sources}


def test_own_columns_are_found_by_their_source_and_what_is_not_taken_is_named() -> None:
    columns = (
        Column("valor_pedido", "number"),
        Column("cliente.segmento", "category"),
        Column("pedido.prazo", "number"),
    )
    known = row(cliente={"segmento": "varejo", "novo": 1}, pedido={"prazo": "trinta"})
    assert table_of([known, row()], columns) == {
        "valor_pedido": [None, None],
        "cliente.segmento": ["varejo", None],
        "pedido.prazo": [None, None],
    }
    found = unread(known, columns)
    assert (found.unknown, found.misfit) == (("cliente.novo",), ("pedido.prazo",))


def read(company: Company) -> Orders:
    """The orders of its one dataset."""
    return read_orders(reader(company.tenant), dataset_of(company), "pagamento", UNTIL)


def dataset_of(company: Company) -> Any:
    """Its one dataset."""
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        found = text("SELECT id FROM credito_datasets WHERE NOT acervo")
        return session.execute(found).scalar_one()


def test_training_and_deciding_read_the_same_rows(company: Company) -> None:
    dataset = load(company.tenant)
    orders = read(company)
    columns = choose_columns(orders, NOBODY, NOBODY).columns
    trained = orders.table(columns)
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        ids = text("SELECT id FROM credito_pedidos WHERE desfecho = ANY(:o) ORDER BY id")
        found = session.scalars(ids, {"o": ["pago", "inadimplente"]}).all()
        for place in range(0, len(found), 97):
            given = {"dataset": dataset, "now": UNTIL, "pedidos": [found[place]]}
            served = table_of(
                [dict(session.execute(text(OF_ORDERS), given).mappings().one())], columns
            )
            for name, values in served.items():
                one = trained[name][place]
                unknown = one is None or one != one
                assert (values[0] is None) if unknown else values[0] == one, name


def test_the_future_changes_nothing(company: Company) -> None:
    load(company.tenant)
    before = read(company)
    cut = np.sort(before.as_of)[len(before) // 2]
    early = before.as_of <= cut
    at = {"at": cut.item()}
    late = "> cast(:at AS timestamp) AT TIME ZONE 'UTC'"
    turned = "CASE desfecho WHEN 'pago' THEN 'inadimplente' ELSE 'pago' END"
    ended = f"desfecho IN ('pago', 'inadimplente') AND desfecho_em {late} AND NOT pedido_em {late}"
    for statement in (
        f"UPDATE credito_clientes SET titulos_em_atraso = 99 WHERE vale_desde {late}",
        f"UPDATE credito_clientes SET atributos = '{{}}' WHERE vale_desde {late}",
        f"UPDATE credito_consultas SET ocorrencias = 99 WHERE consultada_em {late}",
        f"UPDATE credito_limites SET valor = 1 WHERE vale_desde {late}",
        f"UPDATE credito_pedidos SET valor = 1, atributos = '{{}}' WHERE pedido_em {late}",
        f"UPDATE credito_pedidos SET desfecho = {turned} WHERE {ended}",
    ):
        change(company.tenant, statement, **at)
    after = read(company)
    for name, values in before.base.items():
        np.testing.assert_array_equal(values[early], after.base[name][early], name)
    for name, own in before.own.items():
        np.testing.assert_array_equal(own[early], after.own[name][early], name)
    assert not np.array_equal(before.valor[~early], after.valor[~early])


def orders(own: Mapping[str, list[Any]], y: Any = None, clientes: int = 50) -> Orders:
    """Orders with these own columns, of so many clientes."""
    n = len(next(iter(own.values())))
    nothing = np.full(n, np.nan)
    base = {column.name: nothing for column in BASE_COLUMNS}
    return Orders(
        base={**base, "valor_pedido": DRAW.random(n) * 100},
        own={name: np.array(values, dtype=object) for name, values in own.items()},
        y=np.array(y if y is not None else DRAW.integers(0, 2, n), dtype=np.int_),
        who=np.array([f"c{k % clientes}" for k in range(n)]),
        as_of=np.full(n, np.datetime64("2025-01-01", "us")),
        known_at=np.full(n, np.datetime64("NaT", "us")),
    )


def test_columns_that_say_nothing_are_left_out_with_the_reason() -> None:
    n = 400
    found = choose_columns(
        orders(
            {
                "cliente.cnpj": [f"{k % 50:014d}" for k in range(n)],
                "cliente.pais": ["BR"] * n,
                "pedido.vazio": [None] * n,
                "pedido.raro": [1, 2, 3, *[None] * (n - 3)],
                "cliente.segmento": ["a", "b", "c", "d"] * (n // 4),
                "pedido.prazo": list(range(n)),
                "cliente.sexo": ["F", "M"] * (n // 2),
            }
        ),
        frozenset({"cliente.sexo"}),
        NOBODY,
    )
    assert [column.name for column in found.columns] == [
        "valor_pedido",
        "cliente.segmento",
        "pedido.prazo",
    ]
    said = {each.coluna: each.motivo for each in found.left_out}
    assert said["cliente.cnpj"] == "Parece identificar: 50 textos diferentes."
    assert said["cliente.pais"] == "Tem o mesmo valor em todos os pedidos."
    assert said["pedido.vazio"] == "Não traz nenhum valor."
    assert said["pedido.raro"] == "Traz valor em menos de 5 pedidos."
    assert said["cliente.sexo"].startswith("Declarada sensível")


def test_kinds_are_inferred_from_all_values() -> None:
    found = orders(
        {
            "pedido.misto": [1, "um", 2.5, None],
            "pedido.sim": [True, False, None, True],
            "pedido.valor": [1, 2.5, None, 900],
        }
    )
    kinds = {name: declare(found, name).kind for name in found.own}
    assert kinds == {
        "pedido.misto": "category",
        "pedido.sim": "category",
        "pedido.valor": "number",
    }
    table = found.table([declare(found, name) for name in found.own])
    assert table["pedido.misto"].tolist() == ["1", "um", "2.5", None]
    assert table["pedido.sim"].tolist() == ["sim", "não", None, "sim"]


def test_columns_that_give_the_answer_away_are_found_however_they_do() -> None:
    n = 400
    y = np.array([0, 1] * (n // 2))
    found = orders(
        {
            "pedido.numero": (y * 10 + DRAW.random(n)).tolist(),
            "pedido.inverso": (-y + DRAW.random(n) / 2).tolist(),
            "pedido.texto": np.where(y == 1, "ruim", "bom").tolist(),
            "pedido.ausente": [None if bad else 5.0 for bad in y],
            "pedido.forte": (y + DRAW.normal(0, 1, n)).tolist(),
            "pedido.acaso": DRAW.random(n).tolist(),
        },
        y,
    )
    away = giveaways(found, [declare(found, name) for name in found.own])
    assert {each.column: each.by_absence for each in away} == {
        "pedido.numero": False,
        "pedido.inverso": False,
        "pedido.texto": False,
        "pedido.ausente": True,
    }


def test_amounts_that_were_ever_negative_have_no_logarithm() -> None:
    found = orders({"pedido.x": [1, 2]})
    assert declare(found, "valor_pedido").log
    found.base["valor_pedido"][0] = -1
    assert not declare(found, "valor_pedido").log


def test_a_number_with_a_dirty_cell_stays_one_and_the_cell_counts_as_missing() -> None:
    found = orders(
        {
            "pedido.prazo": [*range(199), "a combinar"],
            "pedido.misto": [*range(197), "a", "b", "c"],
        }
    )
    prazo, misto = (declare(found, name) for name in found.own)
    assert (prazo.kind, misto.kind) == ("number", "category")
    assert np.isnan(found.table([prazo])["pedido.prazo"]).tolist() == [False] * 199 + [True]
    assert misfits(found, [prazo, misto]) == {"pedido.prazo": 1}


def test_yes_and_no_are_two_categories_however_they_are_written() -> None:
    written = [True, False, 1, 0, "sim", "NÃO", "S", "n", "x", None]
    found = orders({"pedido.urgente": written, "pedido.so_numeros": [0, 1] * 5})
    urgente, plain = (declare(found, name) for name in found.own)
    assert (urgente.kind, urgente.truth, plain.kind) == ("category", True, "number")
    read = ["sim", "não"] * 4 + ["sim", None]
    assert found.table([urgente])["pedido.urgente"].tolist() == read
    served = table_of([row(pedido={"urgente": value}) for value in written], [urgente])
    assert served["pedido.urgente"] == read
    assert unread(row(pedido={"urgente": "talvez"}), [urgente]).misfit == ("pedido.urgente",)
    assert misfits(found, [urgente]) == {}


def test_of_a_code_that_many_share_the_latest_orders_are_looked_at(company: Company) -> None:
    change(
        company.tenant,
        "INSERT INTO credito_pedidos (tenant, dataset_id, numero, cliente, valor, pedido_em)"
        " SELECT tenant, id, cliente || n, cliente, CASE WHEN n > :most THEN 900 ELSE 1 END,"
        " cast(:now AS timestamptz) - n * interval '1 minute' FROM credito_datasets,"
        " (VALUES ('CONSUMIDOR FINAL', :most + 300), ('C1', :most)) AS c (cliente, orders),"
        " generate_series(0, orders) AS n WHERE acervo",
        most=MOST_HISTORY,
        now=UNTIL,
    )
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        last = text("SELECT id FROM credito_pedidos WHERE pedido_em = :now")
        found = session.scalars(last, {"now": UNTIL}).all()
        acervo = session.scalar(text("SELECT id FROM credito_datasets WHERE acervo"))
        given = {"dataset": acervo, "now": UNTIL, "pedidos": found}
        seen = session.execute(text(OF_ORDERS), given).mappings().all()
    assert [(each["pedidos_12_meses"], each["valor_sobre_media"]) for each in seen] == [
        (MOST_HISTORY, 1.0)
    ] * 2


class Correcting(Reader):
    """A run beside which somebody takes outcomes back once the orders have been counted."""

    def progress(self, done: float, total: float, step: str) -> None:
        """After the first page."""
        super().progress(done, total, step)
        change(self.tenant, "UPDATE credito_pedidos SET desfecho = NULL WHERE id % 2 = 0")


def test_outcomes_taken_back_while_orders_are_read_are_left_out(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = load(company.tenant, small_company(pedidos=3500))
    with caplog.at_level("INFO", "previsto.training"):
        orders = read_orders(reader(company.tenant, Correcting), dataset, "pagamento", UNTIL)
    left = change(
        company.tenant, "SELECT 1 FROM credito_pedidos WHERE desfecho IN ('pago', 'inadimplente')"
    )
    assert left < len(orders) < 3500
    (said,) = [record for record in caplog.records if "taken back" in record.message]
    assert said.__dict__["orders"] > 0


def test_of_very_many_orders_the_latest_are_read_and_scarce_columns_are_dropped(
    company: Company,
) -> None:
    dataset = load(company.tenant)
    rare = "UPDATE credito_pedidos SET atributos = atributos || '{\"raro\": 1}' WHERE id IN"
    change(company.tenant, f"{rare} (SELECT id FROM credito_pedidos ORDER BY id LIMIT 4)")
    whole = read(company)
    some = read_orders(reader(company.tenant), dataset, "pagamento", UNTIL, most=100)
    assert (len(some), some.older, whole.older) == (100, len(whole) - 100, 0)
    np.testing.assert_array_equal(np.sort(some.as_of), np.sort(whole.as_of)[-100:])
    assert "pedido.raro" not in whole.own
    assert whole.scarce == {"pedido.raro"}
    left_out = {each.coluna: each.motivo for each in choose_columns(whole, NOBODY, NOBODY).left_out}
    assert left_out["pedido.raro"] == "Traz valor em menos de 5 pedidos."
