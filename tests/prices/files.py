"""Files of the kinds that people send, made up: shaped like well-known price data, and broken ones.

Nothing of the real files is in them but their shape: how many rows and columns, how values are
written, how much is missing.
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

AMES_ROWS, AMES_COLUMNS = 2_930, 82
CALIFORNIA_ROWS = 20_640
DIAMONDS_ROWS = 53_940
CALIFORNIA_CAP = 500_001.0


def as_csv(table: Mapping[str, Any], delimiter: str = ",") -> bytes:
    """Columns of one length as CSV in UTF-8; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return out.getvalue().encode()


def as_ndjson(table: Mapping[str, Any]) -> bytes:
    """Columns of one length as NDJSON."""
    rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def as_parquet(table: Mapping[str, Any]) -> bytes:
    """Columns of one length as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.table(dict(table)), out)
    return out.getvalue()


def small_table(rows: int = 40) -> dict[str, list[Any]]:
    """A few columns of each kind; the price follows from size and district."""
    districts = ("Centro", "Norte", "Sul")
    return {
        "bairro": [districts[i % 3] for i in range(rows)],
        "area": [40 + 7 * (i % 13) for i in range(rows)],
        "vendido_em": [f"2026-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(rows)],
        "garagem": [("sim", "não")[i % 2] for i in range(rows)],
        "preco": [1000.5 * (40 + 7 * (i % 13)) + 5000 * (i % 3) + i for i in range(rows)],
    }


def ames_like(seed: int = 1) -> dict[str, list[Any]]:
    """2,930 x 82, mixed: NA as a category, NA in numbers, years, codes, two ids."""
    random = np.random.default_rng(seed)
    n = AMES_ROWS
    quality = random.integers(1, 11, n)
    area = random.normal(1500, 500, n).clip(334).round()
    table: dict[str, Any] = {
        "Order": list(range(1, n + 1)),
        "PID": (526301100 + random.permutation(4 * n)[:n]).tolist(),
        "MS SubClass": [f"{code:03}" for code in random.choice([20, 60, 120], n)],
        "MS Zoning": random.choice(["RL", "RM", "FV", "C (all)"], n, p=[0.8, 0.12, 0.05, 0.03]),
        "Lot Frontage": _with(random.integers(21, 313, n), random.random(n) < 0.17, "NA"),
        "Lot Area": random.integers(1300, 215_245, n),
        "Alley": _with(random.choice(["Grvl", "Pave"], n), random.random(n) < 0.93, "NA"),
        "Pool QC": _with(random.choice(["Ex", "Gd"], n), random.random(n) < 0.995, "NA"),
        "Bsmt Qual": _with(random.choice(["TA", "Gd"], n), random.random(n) < 0.027, "NA"),
        "Mas Vnr Type": _with(random.choice(["None", "BrkFace"], n), random.random(n) < 0.01, ""),
        "Garage Yr Blt": _with(random.integers(1895, 2011, n), random.random(n) < 0.05, "NA"),
        "Utilities": ["AllPub"] * n,
        "Overall Qual": quality,
        "Gr Liv Area": area.astype(int),
    }
    for place in range(AMES_COLUMNS - len(table) - 1):
        if place % 3:
            table[f"Number {place}"] = random.integers(0, 1000, n)
        else:
            table[f"Kind {place}"] = random.choice(["Ex", "Gd", "TA", "Fa"], n)
    noise = random.normal(0, 20_000, n)
    table["SalePrice"] = (40 * area + 15_000 * quality + noise).clip(12_789).round().astype(int)
    return {name: list(values) for name, values in table.items()}


def _with(values: Any, missing: Any, mark: str) -> list[Any]:
    return [mark if gone else value for value, gone in zip(values.tolist(), missing, strict=True)]


def california_like(seed: int = 2) -> dict[str, list[Any]]:
    """20,640 rows whose target is cut off at 500,001, of which one column in ten lacks values."""
    random = np.random.default_rng(seed)
    n = CALIFORNIA_ROWS
    income = random.gamma(4, 1, n).round(4)
    value = (60_000 * income + random.normal(20_000, 60_000, n)).clip(14_999).round()
    return {
        "longitude": random.uniform(-124, -114, n).round(2).tolist(),
        "latitude": random.uniform(32, 42, n).round(2).tolist(),
        "housing_median_age": random.integers(1, 52, n).astype(float).tolist(),
        "total_bedrooms": _with(random.integers(1, 6445, n), random.random(n) < 0.01, ""),
        "median_income": income.tolist(),
        "ocean_proximity": random.choice(["INLAND", "NEAR BAY", "<1H OCEAN"], n).tolist(),
        "median_house_value": np.minimum(value, CALIFORNIA_CAP).tolist(),
    }


def diamonds_like(seed: int = 3) -> dict[str, list[Any]]:
    """53,940 rows, an index without meaning, three ordered categories, 146 rows twice."""
    random = np.random.default_rng(seed)
    n = DIAMONDS_ROWS
    carat = random.gamma(2, 0.4, n).clip(0.2, 5.01).round(2)
    table = {
        "carat": carat.tolist(),
        "cut": random.choice(["Ideal", "Premium", "Very Good", "Good", "Fair"], n).tolist(),
        "color": random.choice(list("DEFGHIJ"), n).tolist(),
        "clarity": random.choice(["IF", "VVS1", "VS1", "SI1", "I1"], n).tolist(),
        "depth": random.normal(61.7, 1.4, n).round(3).tolist(),
        "price": (3500 * carat**1.7 * random.lognormal(0, 0.2, n)).round().astype(int).tolist(),
    }
    for values in table.values():
        values[-146:] = values[:146]
    return table


def wide_csv(megabytes: int, path: Any, seed: int = 4) -> int:
    """Write a CSV of about so many megabytes: numbers, categories, dates, some text; gives rows."""
    random = np.random.default_rng(seed)
    rows_at_once, rows = 10_000, 0
    names = [f"numero_{i}" for i in range(12)] + ["bairro", "tipo", "data", "descricao", "preco"]
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        while file.tell() < megabytes * 1_000_000:
            numbers = random.normal(1000, 300, (rows_at_once, 12))
            others = random.integers(0, 1_000_000, (rows_at_once, 4))
            for line, other in zip(numbers, others.tolist(), strict=True):
                a, b, c, d = other
                file.write(
                    ",".join(f"{x:.3f}" for x in line)
                    + f",Bairro {a % 300},tipo{b % 7},2026-{1 + c % 12:02}-{1 + c % 28:02}"
                    f',"casa {d}, com ""{a % 9}"" quartos",{100 * a / 7:.2f}\n'
                )
            rows += rows_at_once
    return rows
