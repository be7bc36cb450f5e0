"""Law 5: a case that is sent is read as the dataset's rows were."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chalicelib.core.errors import ValidationFailed
from chalicelib.prices.inputs import read_cases, read_stored, schema_of
from chalicelib.prices.profiling.frame import read_frame
from chalicelib.prices.profiling.profiles import profile_file

FILE = """id;preco;area;garagem;rua;visto;obs
1;"1.250,50";100,5;sim;NA;01/02/2024;boa
2;"980,00";80;não;Pave;15/03/2024;sem luz
3;"2.100,10";;sim;Grvl;;"bem; localizada"
4;"1.000,00";90,25;sim;NA;20/12/2023;
5;"1.500,00";120;não;Pave;01/01/2024;boa
"""


def same(a: Any, b: Any) -> bool:
    """Whether two cells are one, nothing being nothing."""
    if isinstance(a, float | np.floating) or isinstance(b, float | np.floating):
        a, b = (np.nan if x is None else float(x) for x in (a, b))
        return bool(a == b or (np.isnan(a) and np.isnan(b)))
    if isinstance(a, np.datetime64):
        return bool(a == b or (np.isnat(a) and np.isnat(b)))
    return bool(a == b)


def test_cases_are_read_as_the_files_rows_were(tmp_path: Path) -> None:
    file, kept = tmp_path / "casas.csv", tmp_path / "casas.parquet"
    file.write_text(FILE)
    found = profile_file(file, "text/csv", kept, lambda _share, _step: None)
    columns = [
        each.model_copy(update={"na_e_categoria": each.nome == "rua"}) for each in found.columns
    ]
    frame = read_frame(kept, columns)
    header, *lines = FILE.splitlines()
    names = header.split(";")
    cells = [
        [cell.replace("|", ";") for cell in line.replace('"bem; loc', '"bem| loc').split(";")]
        for line in lines
    ]
    cases = [
        {name: cell.strip('"') for name, cell in zip(names, row, strict=True)} for row in cells
    ]
    read = read_cases(cases, schema_of(columns), "nada", in_list=True)
    again = read_stored(read.given, schema_of(columns))
    for name in names:
        for place in range(len(cases)):
            here = (name, place)
            assert same(read.table[name][place], frame.table[name][place]), here
            assert same(again[name][place], read.table[name][place]), here
    assert frame.table["preco"][0] == 1250.5
    assert read.given[0]["rua"] == "NA"
    assert datetime.fromisoformat(read.given[0]["visto"]) == datetime(2024, 2, 1)  # noqa: DTZ001


def test_a_case_without_any_column_is_no_case(tmp_path: Path) -> None:
    file = tmp_path / "casas.csv"
    file.write_text(FILE)
    found = profile_file(file, "text/csv", tmp_path / "k.parquet", lambda _share, _step: None)
    schema = schema_of(found.columns)
    for case in ({}, {"cor": 1}, {"preco": None}):
        with pytest.raises(ValidationFailed):
            read_cases([case], schema, "nada", in_list=False)


def test_what_came_without_a_value_is_told_as_missing_and_unknown_names_end(
    tmp_path: Path,
) -> None:
    file = tmp_path / "casas.csv"
    file.write_text(FILE)
    found = profile_file(file, "text/csv", tmp_path / "k.parquet", lambda _share, _step: None)
    case = {"area": float("nan"), "garagem": "", "preco": 1, "rua": "Pave"}
    strange = {f"{'x' * 500}{n}": n for n in range(60)}
    read = read_cases([{**case, **strange}], schema_of(found.columns), "preco", in_list=False)
    assert {"area", "garagem"} <= set(read.missing[0])
    assert not {"preco", "rua"} & set(read.missing[0])
    assert [len(name) for name in read.unknown[0]] == [200] * 50
