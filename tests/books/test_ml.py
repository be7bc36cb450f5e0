"""Features, training data, and the price model."""

import csv
import hashlib
import io
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from chalicelib.books import features, service_predictions, training, training_data
from chalicelib.books.features import DATA_NAMES, NAMES
from chalicelib.books.found import FoundBook
from chalicelib.books.models import BOOK_PRICE
from chalicelib.books.queues import BOOKS_TRAINING_QUEUE
from chalicelib.books.schemas_instances import InstanceIn
from chalicelib.books.schemas_ml import PriceReport, TrainMessage
from chalicelib.books.service_training import ask_for_training
from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.db import unit_of_work
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.ml.versions import served_model
from tests.books.catalogue import publish_books, some_books
from tests.books.conftest import a_book, rows
from tests.client import Client, assert_problem
from tests.conftest import PASSWORD, MakeUser
from tests.console.browsing import Browser

ML = "/api/v1/ml"


def random_books(count: int = 400, *, honest: bool = True) -> list[FoundBook]:
    """Books whose prices are drawn at random, as those of the real shop; or follow the rating."""
    draw = random.Random(1)
    found = []
    for number in range(1, count + 1):
        rating = draw.randint(1, 5)
        price = draw.uniform(10, 60) if honest else 10 * rating + draw.uniform(0, 1)
        found.append(
            a_book(
                number,
                rating=rating,
                price=Decimal(str(round(price, 2))),
                copies=draw.randint(1, 22),
                title=" ".join(["Livro"] * draw.randint(1, 5)),
            )
        )
    return found


def training_run(snapshot: int) -> JobRun:
    """The run that follows a snapshot, claimed as a worker would."""
    with unit_of_work(tenant=HOUSE) as session:
        # Those that other snapshots have asked for are over.
        session.execute(text("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'"))
        ask_for_training(session, snapshot, owner="usuario:1")
    run = claim(BOOKS_TRAINING_QUEUE)
    assert run is not None
    assert TrainMessage.model_validate(run.message).snapshot == snapshot
    return run


def train(snapshot: int) -> PriceReport:
    run = training_run(snapshot)
    report = training.train_prices(run, snapshot)
    run.succeed(report.model_dump(mode="json"))
    return report


def stored(snapshot: int, formato: str) -> bytes:
    ((key,),) = rows(
        f"SELECT files->'{formato}'->>'key' FROM book_training_sets WHERE snapshot_id = {snapshot}"
    )
    return object_store().read(str(key))


# Features and training data.


def test_features_are_listed_with_their_types_and_units(api: Client) -> None:
    page = api.get(f"{ML}/features?limit=3").json
    assert [column["name"] for column in page["schema"]] == list(page["items"][0])
    assert page["items"][0] == {
        "id": 1,
        "upc": "upc0001",
        "category": "Poetry",
        "rating": 1,
        "available": 1,
        "copies": 1,
        "reviews": 0,
        "title_characters": len("A Light in the Attic 1"),
        "title_words": 6,
        "description_characters": len("Words about Poetry."),
        "description_words": 3,
        "price": 10.0,
    }
    units = {column["name"]: column["unit"] for column in page["schema"]}
    assert (units["rating"], units["copies"], units["category"]) == ("stars", "copies", None)


def test_training_data_have_target_and_a_split_anybody_can_work_out(api: Client) -> None:
    page = api.get(f"{ML}/training-data?limit=1000").json
    assert list(page["items"][0]) == list(DATA_NAMES)
    assert page["total"] == len(page["items"]) == 25
    for item in page["items"]:
        digest = hashlib.sha256(f"previsto/books/{item['upc']}".encode()).digest()
        assert item["split"] == ("test" if digest[0] < 51 else "train")
        assert features.judges(item["upc"]) == (item["split"] == "test")
    assert {item["split"] for item in page["items"]} == {"train", "test"}


def test_pages_of_a_snapshot_stay_what_they_were(api: Client, tmp_path: Path) -> None:
    first = api.get(f"{ML}/training-data?limit=10")
    before = api.get(f"{ML}/training-data?snapshot=1&limit=1000").json["items"]
    changed = [book.model_copy(update={"price": Decimal("99.00")}) for book in some_books()[5:]]
    publish_books(tmp_path, changed)
    address, seen = first.json["next"], first.json["items"]
    while address:
        page = api.get(address).json
        seen += page["items"]
        address = page["next"]
    assert seen == before
    assert api.get(f"{ML}/training-data?snapshot=1&limit=1000").json["items"] == before
    now = api.get(f"{ML}/training-data?limit=1000").json
    assert (now["snapshot"], len(now["items"]), now["total"]) == (2, 20, 20)
    assert {item["price"] for item in now["items"]} == {99.0}
    assert_problem(api.get(f"{ML}/training-data?snapshot=9"), 404, "SnapshotNotFound")
    for nonsense in ("snapshot=x", "snapshot=-1", "format=xlsx", "limit=0", "colour=red"):
        refused = api.get(f"{ML}/training-data?{nonsense}")
        assert_problem(refused, 422, "ValidationFailed")


def test_files_are_the_pages_whole_and_the_same_byte_for_byte(api: Client, tmp_path: Path) -> None:
    for formato in ("csv", "parquet"):
        refused = api.get(f"{ML}/training-data?format={formato}")
        assert_problem(refused, 404, "TrainingSetNotReady")
    assert "ETag" not in api.get(f"{ML}/training-data").headers
    train(1)
    page = api.get(f"{ML}/training-data?limit=1000").json
    content = stored(1, "csv")
    assert page["files"]["csv"]["sha256"] == hashlib.sha256(content).hexdigest()
    read = list(csv.DictReader(io.StringIO(content.decode())))
    for row, item in zip(read, page["items"], strict=True):
        assert {name: _as(value, item[name]) for name, value in row.items()} == item
    table = pq.read_table(io.BytesIO(stored(1, "parquet")))
    assert table.to_pylist() == page["items"]
    answer = api.get(f"{ML}/training-data?format=csv&snapshot=latest")
    assert (answer.status, answer.headers["Cache-Control"]) == (303, "no-store")
    features = api.get(f"{ML}/features?format=csv")
    assert features.headers["Location"].split("?")[0] == answer.headers["Location"].split("?")[0]
    # From the versions it would be written just so again.
    again = tmp_path / "again.csv"
    publish_books(tmp_path, some_books()[9:])
    training_data.write_csv(training_run(1), 1, again)
    assert again.read_bytes() == content


def _as(text: str, like: Any) -> Any:
    return None if like is None and text == "" else type(like)(text)


def test_data_have_tags(api: Client) -> None:
    train(1)
    for path in ("features", "training-data"):
        tag = api.get(f"{ML}/{path}").headers["ETag"]
        again = api.request("GET", f"{ML}/{path}", headers={"if-none-match": tag})
        assert again.status == 304


# The price model.


def test_no_model_is_made_of_few_books_but_the_files_are(api: Client) -> None:
    report = train(1)
    assert report.modelo is None
    assert "Poucos livros" in report.aviso
    assert len(stored(1, "csv")) > 0
    body = {"category": "Poetry"}
    assert_problem(api.post(f"{ML}/predictions", body), 409, "NoPriceModel")


def test_a_model_of_random_prices_says_that_it_knows_nothing(
    client_of: MakeUser, anonymous: Client, tmp_path: Path
) -> None:
    publish_books(tmp_path, random_books())
    report = train(1)
    assert report.modelo is not None
    assert "não supera a regra ingênua" in report.aviso
    assert "Os dados são os mesmos" in train(1).aviso
    card = anonymous.get(f"{ML}/models/1").json
    assert card["supera_regra_ingenua"] is False
    gains = {"r2", "mae", "rmse", "mape", "medae"}
    assert set(card["metricas"]["ganho_sobre_regra"]) == gains
    assert card["divisao"]["snapshot"] == 1
    assert "sorteados" in card["rotulo"]
    listed = anonymous.get(f"{ML}/models").json["items"]
    assert [(each["versao"], each["uso"]) for each in listed] == [(1, "campeao")]
    figure = anonymous.get(f"{ML}/models/1/figures/previsto_observado")
    assert figure.status == 200
    assert_problem(anonymous.get(f"{ML}/models/9"), 404, "ModelVersionNotFound")
    missing = anonymous.get(f"{ML}/models/1/figures/nada")
    assert_problem(missing, 404, "FiguraNotFound")
    _assert_is_shown(client_of(Role.LEITOR).login)
    answer = anonymous.post(f"{ML}/predictions", {"category": "Estante 1", "rating": 4}).json
    assert (answer["model"], answer["version"], answer["beats_baseline"]) == (
        BOOK_PRICE.model,
        1,
        False,
    )
    assert 10 < answer["prediction"] < 60
    assert answer["baseline"]["rmse"]["value"] > 0


def _assert_is_shown(login: str) -> None:
    """On the console's pages: the model, and the version with its groups."""
    browser = Browser()
    browser.sign_in(login, PASSWORD)
    page = browser.get("/console/modelos/livros")
    assert (page.status, "Versão 1" in page.text) == (200, True)
    page = browser.get("/console/modelos/livros/1")
    assert page.status == 200
    assert "Por avaliação" in page.text
    assert "Erro absoluto médio" in page.text
    assert "Positivos" not in page.text


def test_a_model_of_prices_that_follow_says_so_and_is_served_as_it_was_trained(
    environment: dict[str, str], anonymous: Client, tmp_path: Path
) -> None:
    books = random_books(honest=False)
    publish_books(tmp_path, books)
    report = train(1)
    assert report.modelo is not None
    assert report.modelo["metricas"]["r2"]["value"] > 0.9
    instances = [_described(book) for book in books[:20]]
    answer = anonymous.post(f"{ML}/predictions", {"instances": instances}).json
    assert (answer["beats_baseline"], answer["prediction"]) == (True, None)
    by_id = {"instances": [{"book_id": number} for number in range(1, 21)]}
    same = anonymous.post(f"{ML}/predictions", by_id).json
    assert [p["prediction"] for p in same["predictions"]] == [
        p["prediction"] for p in answer["predictions"]
    ]
    # What a request describes has the columns that the training data have of it.
    data = anonymous.get(f"{ML}/training-data?limit=20").json["items"]
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        asked = [InstanceIn.model_validate(each) for each in instances]
        given = service_predictions.given_features(session, asked)
        model = served_model(session, BOOK_PRICE, 1)
        foretold = model.predict({n: [item[n] for item in data] for n in NAMES})
    assert [{n: getattr(row, n) for n in NAMES} for row in given] == [
        {n: item[n] for n in NAMES} for item in data
    ]
    assert np.round(foretold, 4).tolist() == [p["prediction"] for p in answer["predictions"]]


def _described(book: FoundBook) -> dict[str, Any]:
    return {
        "title": book.title,
        "description": book.description,
        "category": book.category,
        "rating": book.rating,
        "availability": book.available,
        "copies": book.copies,
        "reviews": book.reviews,
    }


def test_a_book_as_the_api_shows_it_can_be_asked_about(
    environment: dict[str, str], anonymous: Client, tmp_path: Path
) -> None:
    publish_books(tmp_path, random_books())
    train(1)
    shown = anonymous.get("/api/v1/books?limit=1").json["items"][0]
    foretold = anonymous.post(f"{ML}/predictions", shown)
    assert foretold.status == 200
    for address in ("/api/v1/books/1", "/api/v1/books/1/similar?limit=1"):
        told = anonymous.get(address).json
        told = told["items"][0] if "items" in told else told
        assert anonymous.post(f"{ML}/predictions", told).status == 200
    row = anonymous.get(f"{ML}/training-data?limit=1").json["items"][0]
    as_floats = {n: float(v) if isinstance(v, int) else v for n, v in row.items()}
    nameless = {name: value for name, value in row.items() if name != "id"}
    for sent_row in (row, as_floats, nameless):
        answer = anonymous.post(f"{ML}/predictions", {"instances": [sent_row]}).json
        assert answer["predictions"][0]["prediction"] == foretold.json["prediction"]
    unknown = {"book_id": 9999}
    assert_problem(anonymous.post(f"{ML}/predictions", unknown), 404, "BookNotFound")


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"instances": []},
        {"instances": [{}]},
        {"price": 10.0},
        {"rating": 9},
        {"rating": True},
        {"rating": 4.5},
        {"available": 2},
        {"title_words": -1},
        {"colour": "red"},
        {"category": "Poetry", "instances": [{"rating": 1}]},
        {"category": "Poetry", "model": "x"},
        {"predictions": [{"book_id": 1, "value": 1.0}]},
        {"predictions": [], "model": "x", "version": "1"},
        {"predictions": [{"book_id": 1, "value": 1.0}] * 2, "model": "x", "version": "1"},
        {"predictions": [{"book_id": 1}], "model": "x", "version": "1"},
        # Their squares are no numbers: the scores of all that one has sent could not be told.
        {"predictions": [{"book_id": 1, "value": 1e308}], "model": "x", "version": "1"},
        {"predictions": [{"book_id": 1, "value": -1e308}], "model": "x", "version": "1"},
        {
            "predictions": [{"book_id": 1, "value": 1.0}],
            "model": "x",
            "version": "1",
            "target": "colour",
        },
    ],
)
def test_nonsense_is_refused(api: Client, nonsense: dict[str, Any]) -> None:
    assert_problem(api.post(f"{ML}/predictions", nonsense), 422, "ValidationFailed")


def test_a_snapshot_asks_for_a_training(api: Client) -> None:
    asked = rows("SELECT message FROM jobs WHERE queue = 'books_training_queue'")
    assert [json.loads(json.dumps(message)) for (message,) in asked] == [{"snapshot": 1}]


def test_a_training_that_is_delivered_twice_publishes_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    publish_books(tmp_path, random_books())
    run = training_run(1)
    first = training.train_prices(run, 1)
    ((kept,),) = rows(f"SELECT checkpoint FROM jobs WHERE id = '{run.job_id}'")
    run.checkpoint = kept  # type: ignore[assignment]
    assert training.train_prices(run, 1) == first
    assert rows("SELECT count(*) FROM model_versions") == [(1,)]
