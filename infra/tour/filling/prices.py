"""A project of made-up flats: their prices, two trainings, predictions and what became of them."""

import io
from typing import Any

import numpy as np
import pandas as pd

from chalicelib.prices.service_models import ask_for_nightly_health
from infra.tour.filling.api import Api
from infra.tour.pages import Places

FLATS, LATER = 900, 60
QUARTERS = {"Centro": 1.0, "Jardim das Flores": 1.12, "Lagoa": 1.45, "Vila Nova": 0.86}
STATES = {"novo": 1.1, "reformado": 1.04, "original": 0.95}
CORRECTIONS: dict[str, Any] = {
    "preço": {"papel": "alvo", "unidade": "R$"},
    "área": {"unidade": "m²"},
    "metrô": {"unidade": "km"},
    "condomínio": {"unidade": "R$"},
}
MEMBERS = {"dados": "treinador", "diretoria": "leitor"}
TRAININGS = (
    ("regressao_linear", "arvore_decisao", "vizinhos"),
    ("regressao_ridge", "floresta_aleatoria", "gradiente", "histograma_gradiente"),
)


def made_up_flats(count: int, seed: int = 5) -> pd.DataFrame:
    """Flats that never were; their price follows place, size, age and what is near, with noise."""
    rng = np.random.default_rng(seed)
    area = rng.gamma(6.0, 14.0, count).clip(28, 260).round(0)
    flats = pd.DataFrame(
        {
            "codigo": [f"AP{number:04}" for number in range(count)],
            "bairro": rng.choice(list(QUARTERS), count, p=(0.3, 0.25, 0.15, 0.3)),
            "área": area,
            "quartos": (area / 38 + rng.normal(0, 0.5, count)).clip(1, 5).round().astype(int),
            "vagas": rng.choice([0, 1, 2], count, p=(0.3, 0.5, 0.2)),
            "andar": rng.integers(1, 22, count),
            "ano": rng.integers(1972, 2026, count),
            "estado": rng.choice(list(STATES), count, p=(0.2, 0.35, 0.45)),
            "metrô": rng.gamma(2.0, 0.7, count).round(1),
            "varanda": rng.choice(["sim", "não"], count),
        }
    )
    flats["condomínio"] = (area * rng.uniform(6, 12, count)).round(2)
    worth = flats["bairro"].map(QUARTERS) * flats["estado"].map(STATES) * (5_200 * area)
    worth *= 1 + 0.04 * flats["vagas"] + 0.006 * flats["andar"]
    worth *= np.exp(-0.004 * (2026 - flats["ano"]) - 0.05 * flats["metrô"])
    flats["preço"] = (worth * rng.lognormal(0, 0.07, count)).round(2)
    flats.loc[rng.random(count) < 0.08, "condomínio"] = np.nan
    return flats


def as_csv(flats: pd.DataFrame) -> bytes:
    """As a spreadsheet in Portuguese writes it: semicolons and decimal commas."""
    written = io.StringIO()
    flats.to_csv(written, index=False, sep=";", decimal=",")
    return written.getvalue().encode()


def fill_prices(admin: Api) -> Places:
    """A project with a dataset, two versions, predictions, and real prices for most of them."""
    flats = made_up_flats(FLATS + LATER)
    asked = {"nome": "Apartamentos da cidade", "descricao": "Preço de venda por anúncio."}
    home = f"/precos/projetos/{admin.post('/precos/projetos', asked)['id']}"
    for login, role in MEMBERS.items():
        admin.put(f"{home}/membros/{login}", {"papel": role})
    csv = {"Content-Type": "text/csv"}
    sent = admin.post(f"{home}/datasets?nome=Anúncios", as_csv(flats.iloc[:FLATS]), headers=csv)[
        "dataset"
    ]
    admin.all_finished()
    admin.ask("PATCH", f"{home}/datasets/{sent['id']}/colunas", CORRECTIONS)
    for names in TRAININGS:
        tried = [{"nome": name} for name in names]
        wanted = {"dataset": sent["id"], "alvo": "preço", "algoritmos": tried}
        admin.finished(admin.post(f"{home}/treinamentos", wanted)["id"])
    _foretell(admin, home, flats.iloc[FLATS:])
    file = admin.put_file(as_csv(flats.iloc[:40].drop(columns="preço")), "text/csv")
    job = admin.post(f"{home}/previsoes/lote", {"objeto": file})
    admin.post(f"{home}/modelos/comparar", {"a": 2, "b": 1})
    ask_for_nightly_health()
    admin.all_finished()
    return {
        "projeto": home.rsplit("/", 1)[1],
        "dataset": str(sent["id"]),
        "treino": str(admin.get(f"{home}/treinamentos", limit=1)["items"][0]["id"]),
        "versao": "2",
        "arquivo": job["id"],
        "previsao": str(admin.get(f"{home}/previsoes", limit=1)["items"][0]["id"]),
    }


def _foretell(admin: Api, home: str, later: pd.DataFrame) -> None:
    known = later.drop(columns=["preço", "codigo"]).astype(object)
    rows = known.where(known.notna(), None).to_dict("records")
    codes = later["codigo"].tolist()
    for start in range(0, LATER, 20):
        part = slice(start, start + 20)
        asked = {"instancias": rows[part], "referencias": codes[part]}
        admin.post(f"{home}/previsoes", asked)
    told = [
        {"referencia": code, "valor": str(price)}
        for code, price in zip(codes, later["preço"], strict=True)
    ][LATER // 5 :]
    admin.post(f"{home}/observados", {"observados": told})
