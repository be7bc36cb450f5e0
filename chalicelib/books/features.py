"""What a model may learn of a book: one SQL statement, for training, for serving, for others.

Nothing here is learnt from other books or looked up in time: a row's columns are worked out of the
row alone, so the same book has the same columns in a snapshot, in a file and in a request.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from chalicelib.ml.columns import Column

TARGET = "price"
TEST, TRAIN = "test", "train"
SPLIT_RULE = "test where the first byte of SHA-256 of 'previsto/books/' and the UPC is below 51"
"""As `livro_de_teste` in the database has it: 51 of 256, and the same books for ever."""

TEST_BELOW = 51


def judges(upc: str) -> bool:
    """Whether a book judges models, and trains none; see `SPLIT_RULE`."""
    return hashlib.sha256(f"previsto/books/{upc}".encode()).digest()[0] < TEST_BELOW


COLUMNS = (
    Column("category", "category", label="Categoria", rare_below=5),
    Column("rating", "number", label="Avaliação", unit="estrelas"),
    Column("available", "number", label="Em estoque", unit="0 ou 1"),
    Column("copies", "number", label="Exemplares", unit="exemplares"),
    Column("reviews", "number", label="Resenhas", unit="resenhas"),
    Column("title_characters", "number", label="Tamanho do título", unit="caracteres"),
    Column("title_words", "number", label="Palavras do título", unit="palavras"),
    Column("description_characters", "number", label="Tamanho da descrição", unit="caracteres"),
    Column("description_words", "number", label="Palavras da descrição", unit="palavras"),
)
"""What the price model reads."""

NAMES = tuple(column.name for column in COLUMNS)


@dataclass(frozen=True)
class Described:
    """A column of the training data, for people and programs.

    Attributes:
        name: As files and answers have it.
        type: `string`, `integer` or `number`.
        unit: Of a number.
        role: What it is for.
        meaning: In a sentence.
        nullable: Whether it may be empty.
    """

    name: str
    type: Literal["string", "integer", "number"]
    unit: str | None
    role: Literal["id", "feature", "target", "split"]
    meaning: str
    nullable: bool = False


def _feature(
    name: str,
    unit: str | None,
    meaning: str,
    *,
    kind: Literal["string", "integer"] = "integer",
    nullable: bool = False,
) -> Described:
    return Described(name, kind, unit, "feature", meaning, nullable)


SCHEMA = (
    Described("id", "integer", None, "id", "The book's id in this API."),
    Described("upc", "string", None, "id", "The book's code in the shop."),
    _feature("category", None, "Its shelf in the shop.", kind="string"),
    _feature("rating", "stars", "1 to 5."),
    _feature("available", "0 or 1", "Whether it is in stock."),
    _feature("copies", "copies", "How many are in stock."),
    _feature("reviews", "reviews", "How many people have written one."),
    _feature("title_characters", "characters", "Length of the title."),
    _feature("title_words", "words", "Words of the title, parted by blanks."),
    _feature("description_characters", "characters", "Length; empty without one.", nullable=True),
    _feature("description_words", "words", "Words; empty without one.", nullable=True),
    Described(TARGET, "number", "the book's currency", "target", "With tax."),
    Described("split", "string", None, "split", f"`{TRAIN}` or `{TEST}`: {SPLIT_RULE}."),
)
DATA_NAMES = tuple(each.name for each in SCHEMA)

_WORDS = r"cardinality(array_remove(regexp_split_to_array({}, '\s+'), ''))"
FEATURES = f"""
    x.category,
    x.rating::int AS rating,
    x.available::int AS available,
    x.copies::int AS copies,
    x.reviews::int AS reviews,
    length(x.title) AS title_characters,
    {_WORDS.format("x.title")} AS title_words,
    length(x.description) AS description_characters,
    {_WORDS.format("x.description")} AS description_words
"""

# The catalogue as a snapshot found it: what its versions say, but for what was gone by then.
AS_OF_SNAPSHOT = """
SELECT v.book_id AS id, b.upc, v.title, v.description, c.name AS category, v.rating, v.available,
       v.copies, v.reviews, v.price
FROM book_versions v
JOIN books b ON b.id = v.book_id
JOIN book_categories c ON c.id = v.category_id
WHERE v.since_snapshot <= {snapshot}
  AND (v.until_snapshot IS NULL OR v.until_snapshot > {snapshot}) AND v.kind <> 'gone'
"""

# Books that a request describes; of one that names a book of the catalogue, what it does not say
# is as the catalogue has it. A text that is told is counted; counts that are told stand for one
# that is not, as rows of features have them.
GIVEN = """
SELECT i.place, i.book_id, b.id AS known,
       coalesce(i.title, b.title) AS title,
       coalesce(i.description, b.description) AS description,
       coalesce(i.category, c.name) AS category,
       coalesce(i.rating, b.rating) AS rating,
       coalesce(i.available, b.available) AS available,
       coalesce(i.copies, b.copies) AS copies,
       coalesce(i.reviews, b.reviews) AS reviews,
       CASE WHEN i.title IS NULL THEN i.title_characters END AS told_title_characters,
       CASE WHEN i.title IS NULL THEN i.title_words END AS told_title_words,
       CASE WHEN i.description IS NULL THEN i.description_characters END
           AS told_description_characters,
       CASE WHEN i.description IS NULL THEN i.description_words END AS told_description_words
FROM jsonb_to_recordset(cast(:instances AS jsonb)) AS i (
    place int, book_id bigint, title text, description text, category text, rating int,
    available boolean, copies int, reviews int, title_characters int, title_words int,
    description_characters int, description_words int)
LEFT JOIN books b ON b.id = i.book_id
LEFT JOIN book_categories c ON c.id = b.category_id
"""


def snapshot_rows_sql(snapshot: str) -> str:
    """The training data of a snapshot, every column of `SCHEMA` in its order.

    Args:
        snapshot: SQL of its number: a number, or a parameter.
    """
    source = AS_OF_SNAPSHOT.format(snapshot=snapshot)
    return f"""
SELECT x.id, x.upc, {FEATURES}, x.price,
       CASE WHEN livro_de_teste(x.upc) THEN '{TEST}' ELSE '{TRAIN}' END AS split
FROM ({source}) x
"""


COUNTED = ("title_characters", "title_words", "description_characters", "description_words")
_GIVEN_NAMES = (name for name in NAMES if name not in COUNTED)
GIVEN_ROWS = f"""
SELECT y.place, y.book_id, y.known, {", ".join(f"y.{name}" for name in _GIVEN_NAMES)},
       {", ".join(f"coalesce(y.told_{name}, y.{name}) AS {name}" for name in COUNTED)}
FROM (
    SELECT x.place, x.book_id, x.known, {", ".join(f"x.told_{name}" for name in COUNTED)},
           {FEATURES}
    FROM ({GIVEN}) x
) y ORDER BY y.place
"""
