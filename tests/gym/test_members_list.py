"""Members are found by what somebody at the desk would type, and listed a page at a time."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event, insert, text

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import DatabaseRole, engine, unit_of_work
from chalicelib.core.pages import encode_cursor
from chalicelib.gym.service_members_list import search_question
from chalicelib.gym.tables import Aluno, ProbabilidadeChurn, RiscoChurn
from tests.client import Client, assert_problem
from tests.gym.conftest import MakeAluno

PEOPLE = {
    "João Sousa e Silva": ("joao.sousa@example.com", "+55 11 98765-4321"),
    "Joana D'Ávila": ("j.davila@mail.example.com", "(21) 3456-7890"),
    "Márcia Gonçalves-Lima": ("marcia_lima@example.org", None),
    "ÉRICA SILVA": ("erica@example.com", "11 91234-5678"),
    "Łukasz Ørsted": ("lukasz@example.com", None),
}


@pytest.fixture
def people(plano_id: int) -> dict[str, int]:
    """Members with names that are hard to type; name -> id."""
    with unit_of_work() as session:
        return {
            nome: session.execute(
                insert(Aluno)
                .values(nome=nome, email=email, telefone=telefone, plano_id=plano_id)
                .returning(Aluno.id)
            ).scalar_one()
            for nome, (email, telefone) in PEOPLE.items()
        }


def _names(client: Client, **query: Any) -> list[str]:
    answer = client.get("/alunos", **query)
    assert answer.status == 200, answer.body
    return [item["nome"] for item in answer.json["items"]]


def _ids(client: Client, **query: Any) -> list[int]:
    return [item["id"] for item in client.get("/alunos", **query).json["items"]]


def _all_pages(client: Client, **query: Any) -> list[int]:
    """Ids of every page, by the addresses in `next`."""
    found: list[int] = []
    path: str | None = None
    while True:
        answer = client.request("GET", path) if path else client.get("/alunos", **query)
        assert answer.status == 200, answer.body
        found += [item["id"] for item in answer.json["items"]]
        path = answer.json["next"]
        if path is None:
            return found


SEARCHES = {
    "joao": ["João Sousa e Silva"],
    "JOÃO": ["João Sousa e Silva"],
    "joa": ["Joana D'Ávila", "João Sousa e Silva"],
    "silva jo": ["João Sousa e Silva"],
    "avila": ["Joana D'Ávila"],
    "D'Ávila": ["Joana D'Ávila"],
    "goncalves-lima": ["Márcia Gonçalves-Lima"],
    "lima márcia": ["Márcia Gonçalves-Lima"],
    "erica": ["ÉRICA SILVA"],
    "ørsted": ["Łukasz Ørsted"],
    "ØRSTED łuk": ["Łukasz Ørsted"],
    "joao.sousa@exa": ["João Sousa e Silva"],
    "Marcia_Lima@": ["Márcia Gonçalves-Lima"],
    "98765-4321": ["João Sousa e Silva"],
    "11 98765": ["João Sousa e Silva"],
    "+55 (11) 98765-4321": ["João Sousa e Silva"],
    "3456-7890": ["Joana D'Ávila"],
    "joão 987": ["João Sousa e Silva"],
    "ousa": [],
    "joao lima": [],
    "%": [],
    "_": [],
    "jo%": ["Joana D'Ávila", "João Sousa e Silva"],
    "jo\\": ["Joana D'Ávila", "João Sousa e Silva"],
    "' | 'joao": ["João Sousa e Silva"],
    "joao:* | !x": [],
    "&|!()<->": [],
    "   ": sorted(PEOPLE, key=lambda n: n.replace("É", "e").replace("Ł", "ł").lower()),
}


def test_beginnings_of_words_in_any_order_without_accents_or_case(
    operador: Client, people: dict[str, int]
) -> None:
    for busca, expected in SEARCHES.items():
        assert _names(operador, busca=busca) == expected, busca


def test_question_never_breaks_out_of_its_quotes() -> None:
    assert search_question("o'b\\x") == "('o''b\\\\x':* | ('o':* & 'b':* & 'x':*))"
    assert search_question("' \\ | !") == ""


def test_long_and_strange_names_are_kept_listed_and_paged(operador: Client, plano_id: int) -> None:
    names = ["ﷺ" * 200, "㌀" * 200, "😀" * 200, "x" * 200, "ß" * 199]
    for number, nome in enumerate(names):
        body = {"nome": nome, "email": f"p{number}@example.com", "plano_id": plano_id}
        assert operador.post("/aluno/registro", body).status == 201
    for ordem in ("nome", "-nome"):
        assert len(set(_all_pages(operador, limit=1, ordem=ordem))) == len(names)
    assert len(_names(operador, busca="㌀" * 100)) == 1


def test_names_are_in_order_without_regard_to_accents_and_case(
    operador: Client, people: dict[str, int]
) -> None:
    names = ["ÉRICA SILVA", "Joana D'Ávila", "João Sousa e Silva", "Márcia Gonçalves-Lima"]
    assert _names(operador)[:4] == names
    assert _names(operador, ordem="-nome")[1:] == names[::-1]


@pytest.fixture
def scored(make_aluno: MakeAluno) -> list[int]:
    """Six members of one name: visits 1, 1, 40 and no days ago, some scored today; by id."""
    now = utc_now()
    visits: list[tuple[float, ...]] = [(1, 5), (1,), (40,), (), (3, 90), ()]
    ids = [make_aluno(days, registered_days_ago=200, now=now) for days in visits]
    today = local_day(now, "America/Sao_Paulo")
    scores = [
        (0, 0.9, today),
        (1, 0.1, today),
        (2, 0.9, today),
        (4, 0.5, today - timedelta(days=1)),
    ]
    with unit_of_work() as session:
        for place, probability, dia in scores:
            session.execute(
                insert(RiscoChurn).values(
                    aluno_id=ids[place],
                    revisao=0,
                    dia=dia,
                    modelo_versao=1,
                    probabilidade=probability,
                    calculado_em=now,
                    formato="1",
                    resposta="{}",
                )
            )
    return ids


def _places(ids: list[int], found: list[int]) -> list[int]:
    return [ids.index(one) for one in found]


ORDERS = {
    "nome": [0, 1, 2, 3, 4, 5],
    "-nome": [5, 4, 3, 2, 1, 0],
    "matriculado_em": [0, 1, 2, 3, 4, 5],
    "-matriculado_em": [5, 4, 3, 2, 1, 0],
    "ultima_visita": [2, 4, 0, 1, 3, 5],
    "-ultima_visita": [1, 0, 4, 2, 5, 3],
    "probabilidade": [1, 0, 2, 3, 4, 5],
    "-probabilidade": [2, 0, 1, 5, 4, 3],
}


def test_every_order_is_total_with_nulls_last_on_pages_of_any_size(
    operador: Client, scored: list[int]
) -> None:
    for ordem, expected in ORDERS.items():
        for limit in (1, 2, 4, 100):
            found = _all_pages(operador, ordem=ordem, limit=limit)
            assert _places(scored, found) == expected, (ordem, limit)


def test_filters(operador: Client, scored: list[int], plano_id: int) -> None:
    operador.patch(f"/aluno/{scored[0]}/desativar", {"motivo": "x"})
    two_days_ago = (utc_now() - timedelta(days=2)).isoformat()
    filters: list[tuple[dict[str, Any], list[int]]] = [
        ({"plano_id": plano_id}, [0, 1, 2, 3, 4, 5]),
        ({"plano_id": plano_id + 1}, []),
        ({"ativo": "true"}, [1, 2, 3, 4, 5]),
        ({"ativo": "false"}, [0]),
        ({"faixa": "alto"}, [2]),
        ({"faixa": "medio"}, []),
        ({"faixa": "baixo"}, [1]),
        ({"ultima_visita_desde": two_days_ago}, [0, 1]),
        ({"ultima_visita_antes": two_days_ago}, [2, 4]),
        ({"ultima_visita_antes": two_days_ago, "faixa": "alto"}, [2]),
    ]
    for query, expected in filters:
        answer = operador.get("/alunos", **query).json
        assert _places(scored, [item["id"] for item in answer["items"]]) == expected, query
        assert (answer["total"], answer["total_exact"]) == (len(expected), True), query


def test_item_says_last_visit_score_of_today_and_band(operador: Client, scored: list[int]) -> None:
    items = operador.get("/alunos").json["items"]
    found = [(item["probabilidade_churn"], item["faixa"]) for item in items]
    assert found == [(0.9, "alto"), (0.1, "baixo"), (0.9, "alto")] + [(None, None)] * 3
    assert items[3]["ultima_visita"] is None
    assert utc_now() - datetime.fromisoformat(items[0]["ultima_visita"]) < timedelta(days=2)


def test_score_of_the_night_counts_where_nobody_asked_since(
    operador: Client, scored: list[int]
) -> None:
    now = utc_now()
    today = local_day(now, "America/Sao_Paulo")
    with unit_of_work() as session:
        for place, probability, dia in [
            (0, 0.2, today),
            (3, 0.8, today),
            (4, 0.6, today - timedelta(days=1)),
        ]:
            session.execute(
                insert(ProbabilidadeChurn).values(
                    dia=dia,
                    aluno_id=scored[place],
                    tipo="modelo",
                    probabilidade=probability,
                    modelo_versao=1,
                    revisao=0,
                    calculado_em=now,
                )
            )
    items = operador.get("/alunos", faixa="alto", ordem="-probabilidade").json["items"]
    assert [item["probabilidade_churn"] for item in items] == [0.9, 0.9, 0.8]
    assert operador.get("/alunos", faixa="medio").json["items"] == []


def test_synthetic_members_are_left_out_unless_asked_for(
    operador: Client, scored: list[int]
) -> None:
    with unit_of_work() as session:
        session.execute(text("UPDATE alunos SET sintetico = true WHERE id = :i"), {"i": scored[1]})
    assert _places(scored, _ids(operador)) == [0, 2, 3, 4, 5]
    assert _places(scored, _ids(operador, sinteticos="somente")) == [1]
    assert len(_ids(operador, sinteticos="incluir")) == 6


def test_next_page_keeps_the_question(operador: Client, scored: list[int]) -> None:
    answer = operador.get("/alunos", busca="ana", ordem="-nome", limit=2)
    query = parse_qs(urlsplit(answer.json["next"]).query)
    assert (query["busca"], query["ordem"], query["limit"]) == (["ana"], ["-nome"], ["2"])
    assert answer.headers["Link"] == f'<{answer.json["next"]}>; rel="next"'
    assert answer.json["total"] == 6


def test_cursor_of_another_order_or_of_nobody_is_refused(
    operador: Client, scored: list[int]
) -> None:
    cursors = {
        "nome": [
            encode_cursor(["-nome", "ana lima", 1]),
            encode_cursor(["nome", None, 1]),
            encode_cursor(["nome", 7, 1]),
            encode_cursor(["nome", "a\0", 1]),
            encode_cursor(["nome", "ana lima", 0]),
            encode_cursor(["nome", "ana lima"]),
        ],
        "ultima_visita": [encode_cursor(["ultima_visita", "ontem", 1])],
        "probabilidade": [encode_cursor(["probabilidade", "muita", 1])],
    }
    for ordem, bad in cursors.items():
        for cursor in bad:
            answer = operador.get("/alunos", ordem=ordem, cursor=cursor)
            assert_problem(answer, 400, "CursorInvalid")
    half = "WyJub21lIiwiXHVkODAwIiwxXQ"  # ["nome","\ud800",1]
    assert_problem(operador.get("/alunos", cursor=half), 400, "CursorInvalid")


def test_a_page_takes_two_statements_however_long(operador: Client, scored: list[int]) -> None:
    pool = engine(DatabaseRole.APP)
    operador.get("/alunos")
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(pool, "before_cursor_execute", note)
    try:
        operador.get("/alunos", limit=100, ordem="-ultima_visita", faixa="alto", busca="ana")
    finally:
        event.remove(pool, "before_cursor_execute", note)
    assert len(statements) == 2


def test_strange_parameters_are_refused_by_name(operador: Client, plano_id: int) -> None:
    for name, value in {
        "limit": 101,
        "ordem": "salario",
        "faixa": "altissimo",
        "ultima_visita_desde": "ontem",
        "busca": "x" * 101,
        "nome": "ana",
    }.items():
        document = assert_problem(operador.get("/alunos", **{name: value}), 422, "ValidationFailed")
        assert [error["campo"] for error in document["errors"]] == [name]
