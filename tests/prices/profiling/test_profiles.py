"""What is found in whole files: types, numbers, warnings, candidates."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chalicelib.core.rowfile import NDJSON
from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling import texts
from chalicelib.prices.schemas_datasets import TipoColuna
from tests.prices.files import (
    AMES_COLUMNS,
    AMES_ROWS,
    CALIFORNIA_CAP,
    CALIFORNIA_ROWS,
    DIAMONDS_ROWS,
    ames_like,
    as_csv,
    as_ndjson,
    as_parquet,
    california_like,
    diamonds_like,
    small_table,
)
from tests.prices.profiling.conftest import Profile, codes, column


def test_every_kind_of_column_is_known(profile: Profile) -> None:
    found = profile(as_csv(small_table()))
    assert {each.nome: each.tipo.value for each in found.columns} == {
        "bairro": "categoria",
        "area": "numero",
        "vendido_em": "data",
        "garagem": "booleano",
        "preco": "numero",
    }
    assert (found.rows, found.duplicates, found.refused) == (40, 0, {})


def test_the_same_rows_give_the_same_profile_in_every_format(profile: Profile) -> None:
    table = small_table()
    found = [
        profile(as_csv(table)),
        profile(as_csv(table, ";")),
        profile(as_ndjson(table), NDJSON),
        profile(as_parquet(table), PARQUET),
    ]
    assert [each.columns for each in found[1:]] == [found[0].columns] * 3
    assert [each.targets for each in found[1:]] == [found[0].targets] * 3


def test_numbers_are_counted_as_numpy_counts(profile: Profile) -> None:
    values = np.random.default_rng(0).normal(100, 20, 999).round(2)
    values[:4] = (1000, -500, 0, 0)
    found = column(profile(as_csv({"x": [*values, "NA", ""]})), "x")
    summary = found.numero
    assert summary is not None
    assert (found.presentes, found.ausentes) == (999, 2)
    assert found.marcas_ausentes == {"NA": 1, "": 1}
    assert found.distintos == np.unique(values).size
    assert summary.quantis["p25"] == pytest.approx(np.quantile(values, 0.25))
    assert summary.mediana == pytest.approx(np.median(values))
    assert (summary.media, summary.desvio) == pytest.approx((values.mean(), values.std(ddof=1)))
    low, high = np.quantile(values, [0.25, 0.75])
    outside = (values < low - 1.5 * (high - low)) | (values > high + 1.5 * (high - low))
    assert summary.fora_iqr == outside.sum() >= 2
    robust = 0.6745 * np.abs(values - np.median(values))
    assert summary.fora_z == (robust > 3.5 * np.median(np.abs(values - np.median(values)))).sum()
    assert (summary.zeros, summary.negativos, summary.inteiros) == (2, 1, False)
    assert found.histograma is not None
    assert found.histograma.linhas == np.histogram(values, bins=40)[0].tolist()
    different, rows = np.unique(values, return_counts=True)
    most = found.frequentes[0]
    assert (float(most.valor), most.linhas) == (different[rows.argmax()], rows.max())


def test_texts_are_counted_exactly_up_to_many_different_ones(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_COUNTED", 10)
    names = [f"a descrição {i % 50}" for i in range(200)] + ["a descrição 3"] * 5
    found = column(profile(as_csv({"x": names, "y": range(205)})), "x")
    assert (found.distintos, found.presentes) == (50, 205)
    assert (found.frequentes[0].valor, found.frequentes[0].linhas) == ("a descrição 3", 9)
    assert found.texto is not None
    assert found.texto.maximo == len("a descrição 49")


def test_of_many_different_values_only_those_that_repeat_are_frequent(profile: Profile) -> None:
    table = {
        "x": [*range(40), 7],
        "t": [f"texto {i}" for i in range(40)] + ["texto 7"],
        "d": [f"2026-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(40)] + ["2026-01-08"],
    }
    found = profile(as_csv(table))
    for name, value in (("x", "7"), ("t", "texto 7"), ("d", "2026-01-08")):
        (only,) = column(found, name).frequentes
        assert (only.valor, only.linhas) == (value, 2), name


def test_dates_have_a_span(profile: Profile) -> None:
    found = column(profile(as_csv({"em": ["02/01/2026", "31/12/2025", "15/06/2026"]})), "em")
    assert (found.tipo, found.formato_data) == (TipoColuna.DATA, "d/m/a")
    assert found.data is not None
    assert found.data.minimo == datetime(2025, 12, 31, tzinfo=UTC)
    assert found.data.maximo == datetime(2026, 6, 15, tzinfo=UTC)


def test_money_as_brazil_writes_it_is_read_and_said(profile: Profile) -> None:
    prices = [f"R$ {1 + i}.{i:03},{i:02}" for i in range(40)]
    found = profile(as_csv({"preco": prices, "andar": [i % 9 for i in range(40)]}, ";"))
    price = column(found, "preco")
    assert price.tipo is TipoColuna.NUMERO
    assert price.numero is not None
    assert (price.numero.minimo, price.numero.maximo) == (1000.0, 40039.39)
    (warning,) = price.avisos
    assert warning.codigo == "numero_como_texto"
    assert "vírgula decimal, separador de milhar, sinal de moeda (R$)" in warning.mensagem


def test_what_is_mixed_stays_text_and_is_said(profile: Profile) -> None:
    found = profile(
        as_csv(
            {
                "area": [*range(50), "grande"],
                "valor": [*(f"R$ {i}" for i in range(50)), "US$ 5"],
                "cep": [f"0{i:04}" for i in range(51)],
                "qtd": [f"{i}.{i:03}" for i in range(100, 151)],
            }
        )
    )
    assert codes(found, "area")[-1] == "tipos_misturados"
    assert "Valores que não são números: 1 de 51;" in column(found, "area").avisos[-1].mensagem
    assert codes(found, "valor")[-1] == "moedas_misturadas"
    assert "zeros_a_esquerda" in codes(found, "cep")
    assert codes(found, "qtd") == ["separador_ambiguo"]
    assert column(found, "cep").guardado is TipoColuna.TEXTO


def test_long_codes_stay_text_to_the_last_digit(profile: Profile, kept: Path) -> None:
    codes_of_goods = [f"78{i:016}" for i in range(50)]
    found = profile(as_csv({"ean": codes_of_goods, "x": range(50)}))
    assert codes(found, "ean") == ["identificador", "codigos_longos"]
    assert pq.read_table(kept)["ean"].to_pylist() == codes_of_goods


def test_a_year_a_row_is_no_identifier(profile: Profile) -> None:
    found = profile(as_csv({"ano": range(1990, 2020), "linha": range(30), "y": [1.5, 2] * 15}))
    kinds = [each.tipo.value for each in found.columns]
    assert kinds == ["numero", "identificador", "numero"]


def test_long_texts_are_shown_in_part(profile: Profile) -> None:
    found = column(profile(as_csv({"t": ["x" * 5000, "y"], "n": [1, 2]})), "t")
    assert max(len(each.valor) for each in found.frequentes) == 203


def test_constant_empty_and_copied_columns_are_said(profile: Profile) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    found = profile(
        as_csv(
            {
                "x": x,
                "dobro": 2 * x,
                "pais": ["BR"] * 200,
                "vazia": [""] * 200,
                "letra": random.permutation(["a", "b", "c", "d"] * 50),
                "y": random.normal(size=200),
            }
        )
    )
    assert codes(found, "pais") == ["constante"]
    assert codes(found, "vazia") == ["vazia"]
    assert column(found, "pais").papel.value == column(found, "vazia").papel.value == "ignorar"
    assert codes(found, "x") == ["quase_copia"]
    assert column(found, "dobro").avisos[0].colunas == ["x"]
    assert codes(found, "letra") == codes(found, "y") == []


def test_categories_that_stand_for_each_other_are_copies(profile: Profile) -> None:
    letters = ["a", "b", "c"] * 30
    names = {"a": "alto", "b": "baixo", "c": "casa"}
    other = [*letters[:-1], "a"]
    found = profile(as_csv({"l": letters, "n": [names[each] for each in letters], "o": other}))
    assert codes(found, "l")[0] == codes(found, "n")[0] == "quase_copia"
    assert column(found, "n").avisos[0].colunas == ["l"]
    assert codes(found, "o") == []


def test_columns_that_give_the_answer_away_are_suspected(profile: Profile) -> None:
    random = np.random.default_rng(0)
    price = random.lognormal(12, 0.5, 400)
    table = {
        "imposto": 0.03 * price + random.normal(0, 20, 400),
        "desvio": (price - np.median(price)) ** 2,
        "faixa": [f"f{int(4 * np.log(p))}" for p in price],
        "area": price / 5000 + random.normal(0, 20, 400),
        "preco": price,
    }
    found = profile(as_csv(table))
    for name in ("imposto", "faixa"):
        assert codes(found, name)[-1] == "suspeita_de_vazamento", name
        assert column(found, name).avisos[-1].colunas[0] == "preco"
    assert codes(found, "area") == []


def test_ames_like_is_understood_without_cleaning(profile: Profile) -> None:
    found = profile(as_csv(ames_like()))
    assert (found.rows, len(found.columns)) == (AMES_ROWS, AMES_COLUMNS)
    kinds = {each.nome: each.tipo.value for each in found.columns}
    assert (kinds["Order"], kinds["PID"]) == ("identificador", "identificador")
    assert kinds["Lot Frontage"] == kinds["Garage Yr Blt"] == kinds["SalePrice"] == "numero"
    assert (kinds["Alley"], kinds["MS SubClass"], kinds["Mas Vnr Type"]) == ("categoria",) * 3
    for name in ("Alley", "Pool QC", "Bsmt Qual"):
        assert "na_parece_categoria" in codes(found, name), name
    assert "na_parece_categoria" not in codes(found, "Lot Frontage")
    assert {each.valor for each in column(found, "Mas Vnr Type").frequentes} == {"None", "BrkFace"}
    assert codes(found, "Utilities") == ["constante"]
    assert found.targets[0].coluna == "SalePrice"
    assert "o nome é o de um preço ou alvo" in found.targets[0].motivos


def test_california_like_is_known_to_be_capped(profile: Profile) -> None:
    found = profile(as_csv(california_like()))
    assert found.rows == CALIFORNIA_ROWS
    target = column(found, "median_house_value")
    assert [each.codigo for each in target.avisos] == ["teto"]
    capped = target.avisos[0].numeros
    assert capped["maximo"] == CALIFORNIA_CAP
    assert capped["linhas"] > 500
    assert [n for n in codes(found, "median_income") if n == "teto"] == []
    assert found.targets[0].coluna == "median_house_value"


def test_diamonds_like_has_its_duplicates_counted(profile: Profile) -> None:
    found = profile(as_csv(diamonds_like()))
    assert (found.rows, found.duplicates) == (DIAMONDS_ROWS, 146)
    assert "linhas_duplicadas" in [each.codigo for each in found.findings]
    assert found.targets[0].coluna == "price"


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b\n\n\n"])
def test_file_without_rows_is_refused(profile: Profile, data: bytes) -> None:
    with pytest.raises(ArquivoRecusado, match="nenhuma linha de dados"):
        profile(data)


def test_file_of_too_many_rows_is_refused(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.prices.profiling.conversion.MOST_ROWS", 30)
    with pytest.raises(ArquivoRecusado, match="mais de 30 linhas"):
        profile(as_csv(small_table()))


def test_progress_goes_up_and_a_stop_stops_it(profile: Profile) -> None:
    told: list[tuple[float, str]] = []
    profile(as_csv(small_table()), listen=lambda share, step: told.append((share, step)))
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert list(dict.fromkeys(step for _, step in told)) == [
        "Lendo o arquivo",
        "Reconhecendo os tipos",
        "Convertendo para Parquet",
        "Perfilando as colunas",
    ]

    def stop(share: float, step: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        profile(as_csv(small_table()), listen=stop)


def test_what_is_kept_is_typed_and_loses_no_text(profile: Profile, kept: Path) -> None:
    table = {"n": ["1,5", "2"], "d": ["02/01/2026", ""], "t": [" a", "NA"], "m": ["1", "x"]}
    profile(as_csv(table, ";"))
    assert pq.read_table(kept).to_pydict() == {
        "n": [1.5, 2.0],
        "d": [datetime.fromisoformat("2026-01-02"), None],
        "t": ["a", "NA"],
        "m": ["1", "x"],
    }
    assert [each.name for each in kept.parent.iterdir()].count(kept.name) == 1
    assert not list(kept.parent.glob("*.text.parquet"))
