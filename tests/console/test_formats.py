"""What people read: charts, numbers, days; and forms read back as they write them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import BaseModel

from chalicelib.console.charts import cell_text, column_chart, figure_tables, heat_map, pushes
from chalicelib.console.cookies import read_cookies
from chalicelib.console.forms import Form, typed_amount
from chalicelib.console.layout import ago
from chalicelib.core.clock import utc_now
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.portuguese import brl, day, number, percent, phone, size
from chalicelib.core.storage import upload_origin


def test_heat_map_places_days_in_weeks_from_monday() -> None:
    days = [(date(2026, 3, 1), 0), (date(2026, 3, 2), 2), (date(2026, 3, 3), 9)]
    found = heat_map(days)
    sunday, monday, tuesday = found.cells
    assert (monday.x - sunday.x, sunday.y - monday.y) == (14, 6 * 14)
    assert (tuesday.x, tuesday.y - monday.y) == (monday.x, 14)
    assert [cell.level for cell in found.cells] == [0, 2, 3]
    assert monday.title == "02/03/2026: 2 visitas"
    assert found.by_month == {"mar 2026": 11}


def test_columns_are_shares_of_the_largest_value_or_level() -> None:
    found = column_chart([("a", 1.0), ("b", 3.0)], {"usual": 4.0, "nenhum": None})
    assert [column.share for column in found.columns] == [0.25, 0.75]
    assert found.levels == {"usual": (4.0, 1.0)}
    assert column_chart([("a", 0.0)]).columns[0].share == 0


def test_pushes_are_points_beside_the_strongest() -> None:
    up, down = pushes([("x", 0.2), ("y", -0.1)])
    assert (round(up.points, 6), up.share) == (20.0, 1.0)
    assert (round(down.points, 6), down.share) == (-10.0, 0.5)


def test_figure_is_told_as_tables_and_long_lines_are_thinned_out() -> None:
    trace = {"name": "modelo", "x": list(range(200)), "y": list(range(200))}
    layout = {"xaxis": {"title": {"text": "Dia"}}, "yaxis": {"title": "Valor"}}
    (table,) = figure_tables({"data": [trace], "layout": layout})
    assert (table.name, table.head) == ("modelo", ("Dia", "Valor"))
    assert len(table.rows) < 50
    assert (table.rows[0], table.rows[-1]) == ((0, 0), (199, 199))


def test_table_of_a_symmetric_matrix_has_each_pair_once_the_strongest_first() -> None:
    names = ["a", "b", "c"]
    matrix = [[1.0, 0.2, -0.9], [0.2, 1.0, None], [-0.9, None, 1.0]]
    (table,) = figure_tables({"data": [{"type": "heatmap", "x": names, "y": names, "z": matrix}]})
    assert table.rows == [("a × c", -0.9), ("a × b", 0.2)]


def test_table_of_a_matrix_of_counts_has_every_cell() -> None:
    names = ["sim", "não"]
    (table,) = figure_tables({"data": [{"x": names, "y": names, "z": [[5, 1], [2, 7]]}]})
    assert table.rows[0] == ("não × não", 7)
    assert len(table.rows) == 4


def test_table_of_a_box_numbers_its_values() -> None:
    trace = {"type": "box", "name": "Ridge", "x": [3.5, 4.5]}
    (table,) = figure_tables({"data": [trace], "layout": {"xaxis": {"title": "rmse"}}})
    assert (table.name, table.head, table.rows) == ("Ridge", ("nº", "rmse"), [(1, 3.5), (2, 4.5)])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (30, "30"),
        (30.0, "30"),
        (0.51234, "0,512"),
        (-1234.5, "−1.234,500"),
        (None, "–"),
        ("2026-03-01", "01/03/2026"),
        ("2026-03-01 14:30", "01/03/2026 14:30"),
        ("Centro", "Centro"),
    ],
)
def test_cells_of_a_chart_as_a_table_are_written_as_in_brazil(value: object, written: str) -> None:
    assert cell_text(value) == written


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "agora"), (1, "ontem"), (91, "há 91 dias"), (92, "há 3 meses"), (800, "há 2 anos")],
)
def test_what_is_longer_ago_never_sounds_nearer(
    environment: dict[str, str], days: int, said: str
) -> None:
    assert ago(utc_now() - timedelta(days=days)) == said


@pytest.mark.parametrize(("value", "written"), [(-0.7, "−0,7"), (-0.001, "0"), (-1234, "−1.234")])
def test_less_than_nothing_has_a_minus_and_no_hyphen(value: float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1.234,50", "1234.50"),
        ("1.500", "1500"),
        ("1.234.567", "1234567"),
        ("89.90", "89.90"),
        ("0.6", "0.6"),
        ("1500.00", "1500.00"),
        ("0,6", "0.6"),
        ("−12,5", "-12.5"),
        ("muito", "muito"),
    ],
)
def test_dot_is_of_thousands_only_where_it_parts_thousands(typed: str, read: str) -> None:
    assert typed_amount(typed) == read


@pytest.mark.parametrize(
    "others", ['outro={"a": 1}', "a b=1", "x=[1,2]", "=vazio", "só", "dia=1;;", 'z="a;b"']
)
def test_cookies_of_other_programs_of_this_host_hide_none_of_ours(
    environment: dict[str, str], others: str
) -> None:
    header = f"{others}; previsto-sessao=abc~d; previsto-tema=escuro"
    assert read_cookies(header) == {"sessao": "abc~d", "tema": "escuro"}


def test_numbers_and_days_are_written_as_in_brazil() -> None:
    assert percent(0.1234, 1) == "12,3%"
    assert day(date(2026, 3, 1)) == "01/03/2026"


class Fields(BaseModel):
    """Something to fill in."""

    valor: Decimal
    nome: str | None = None


def test_amounts_are_read_as_they_are_written_here() -> None:
    form = Form({"valor": "1.234,50", "nome": " ", "acao": "x"})
    assert form.read(Fields, amounts=("valor",)) == Fields(valor=Decimal("1234.50"))


def test_what_is_wrong_is_told_in_portuguese_by_field() -> None:
    with pytest.raises(ValidationFailed) as refused:
        Form({"valor": "muito"}).read(Fields, amounts=("valor",))
    (error,) = refused.value.errors
    assert (error.campo, error.erro) == ("valor", "Use um valor como 119,90.")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("file:///tmp/objects", ""),
        ("s3://b/p?region=sa-east-1", "https://b.s3.sa-east-1.amazonaws.com"),
        ("s3://b/p?endpoint=http://minio:9000", "http://minio:9000"),
        (
            "s3://b/p?endpoint=http://minio:9000&public_endpoint=https://x.example",
            "https://x.example",
        ),
    ],
)
def test_pages_may_send_files_to_where_addresses_are_signed_for(url: str, origin: str) -> None:
    assert upload_origin(url) == origin


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("+5511987654321", "(11) 98765-4321"),
        ("11 3333-4444", "(11) 3333-4444"),
        ("+1 212 555 0100", "+1 212 555 0100"),
        ("98765-4321", "98765-4321"),
    ],
)
def test_telephone_numbers_are_written_as_in_brazil(typed: str, written: str) -> None:
    assert phone(typed) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0 B"),
        (1023, "1.023 B"),
        (1536, "1,5 kB"),
        (5 * 1024**2, "5,0 MB"),
        (1024**4, "1.024,0 GB"),
    ],
)
def test_sizes_have_the_unit_that_tells_them_best(count: int, written: str) -> None:
    assert size(count) == written


def test_what_rounds_to_zero_has_no_minus() -> None:
    assert [number(-0.001), number(-0.001, 2), brl(Decimal("-0.004"))] == ["0", "0,00", "R$ 0,00"]
    assert [number(-0.01), number(-1234.5, 1), number(7)] == ["−0,01", "−1.234,5", "7"]
