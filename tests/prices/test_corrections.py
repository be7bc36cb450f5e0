"""Corrections of a profile: which hold, and what they make of it."""

import pytest

from chalicelib.prices.corrections import effective, merged
from chalicelib.prices.errors import CorrecaoInvalida
from chalicelib.prices.schemas_datasets import (
    Aviso,
    ColunaPerfil,
    Correcao,
    Frequente,
    PapelColuna,
    TipoColuna,
)

UNREADABLE = {TipoColuna.NUMERO: 88, TipoColuna.DATA: 90, TipoColuna.BOOLEANO: 90}
POOL = ColunaPerfil(
    nome="Pool QC",
    tipo=TipoColuna.CATEGORIA,
    presentes=90,
    ausentes=110,
    marcas_ausentes={"NA": 100, "": 10},
    distintos=2,
    frequentes=[Frequente(valor="Ex", linhas=50), Frequente(valor="Gd", linhas=40)],
    ilegiveis=UNREADABLE,
    avisos=[Aviso(codigo="na_parece_categoria", mensagem="x")],
)
ORDER = ColunaPerfil(
    nome="Order",
    tipo=TipoColuna.IDENTIFICADOR,
    papel=PapelColuna.IGNORAR,
    guardado=TipoColuna.NUMERO,
    presentes=200,
    distintos=200,
    ilegiveis={TipoColuna.NUMERO: 0, TipoColuna.DATA: 200, TipoColuna.BOOLEANO: 198},
    avisos=[Aviso(codigo="identificador", mensagem="x")],
)
COLUMNS = [POOL, ORDER]


def corrected(name: str, **said: object) -> ColunaPerfil:
    return next(each for each in effective(COLUMNS, {name: said}) if each.nome == name)


def refusals(**said: object) -> dict[str, str]:
    with pytest.raises(CorrecaoInvalida) as caught:
        effective(COLUMNS, said)  # type: ignore[arg-type]
    return {error.campo: error.erro for error in caught.value.errors}


def test_without_corrections_the_profile_stays() -> None:
    assert effective(COLUMNS, {}) == COLUMNS


def test_unit_and_role_are_taken_and_the_rest_stays() -> None:
    found = corrected("Pool QC", unidade="un", papel="grupo")
    assert (found.unidade, found.papel, found.corrigida) == ("un", PapelColuna.GRUPO, True)
    assert (found.tipo, found.ausentes, found.avisos) == (POOL.tipo, 110, POOL.avisos)


def test_na_becomes_a_category_where_it_is_written() -> None:
    found = corrected("Pool QC", na_e_categoria=True)
    assert (found.presentes, found.ausentes, found.distintos) == (190, 10, 3)
    assert [(each.valor, each.linhas) for each in found.frequentes] == [
        ("NA", 100),
        ("Ex", 50),
        ("Gd", 40),
    ]
    assert (found.na_e_categoria, found.vazio_e_categoria, found.avisos) == (True, False, [])


def test_identifier_that_is_said_to_be_a_number_is_looked_at() -> None:
    found = corrected("Order", tipo="numero")
    assert (found.tipo, found.papel, found.avisos) == (TipoColuna.NUMERO, PapelColuna.ENTRADA, [])
    assert corrected("Order", unidade="x").papel is PapelColuna.IGNORAR
    assert corrected("Order", tipo="numero", papel="ignorar").papel is PapelColuna.IGNORAR


def test_corrections_that_cannot_hold_are_named_with_numbers() -> None:
    said = refusals(**{"Pool QC": {"tipo": "numero"}, "Order": {"tipo": "data"}})
    assert said["Pool QC"].startswith("88 de 90 valores presentes não podem ser lidos como um")
    assert said["Order"].startswith("200 de 200 valores")
    assert "tipo também" in refusals(Order={"tipo": "numero", "na_e_categoria": True})["Order"]
    assert "Nenhum valor" in refusals(Order={"tipo": "categoria", "na_e_categoria": True})["Order"]
    assert refusals(Segredo={"tipo": "texto"}) == {
        "colunas": "1 dos nomes corrigidos não são de colunas deste dataset."
    }


def test_column_without_values_takes_a_unit_but_no_other_type() -> None:
    empty = ColunaPerfil(nome="vazia", tipo=TipoColuna.NUMERO, ilegiveis={TipoColuna.NUMERO: 0})
    (found,) = effective([empty], {"vazia": {"unidade": "m"}})
    assert (found.unidade, found.papel) == ("m", PapelColuna.IGNORAR)
    with pytest.raises(CorrecaoInvalida) as caught:
        effective([empty], {"vazia": {"tipo": "data"}})
    assert "não tem valores" in caught.value.errors[0].erro


def test_only_one_column_is_the_target() -> None:
    said = refusals(**{"Pool QC": {"papel": "alvo"}, "Order": {"papel": "alvo"}})
    assert set(said) == {"Pool QC", "Order"}


def test_later_corrections_add_to_earlier_ones_and_null_takes_them_back() -> None:
    before = {"a": {"tipo": "texto"}, "b": {"unidade": "m"}}
    after = merged(before, {"a": Correcao(ignorar=True), "b": None, "c": Correcao()})
    assert after == {"a": {"tipo": "texto", "papel": "ignorar"}}
    assert merged(after, {"a": Correcao(ignorar=False)})["a"]["papel"] == "entrada"
    assert before == {"a": {"tipo": "texto"}, "b": {"unidade": "m"}}
