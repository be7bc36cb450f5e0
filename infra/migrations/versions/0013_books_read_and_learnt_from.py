"""Books searched by words and learnt from, and calls of the API counted by the minute

Revision: 0013
After: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What a search asks the index of words: every word, as the beginning of one. The words have
# neither quotes nor backslashes.
QUERY = """
CREATE FUNCTION consulta_de_palavras(texto text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN (
    SELECT cast(coalesce(string_agg('''' || w.palavra || ''':*', ' & '), '') AS tsquery)
    FROM (SELECT DISTINCT unnest(palavras(left(sem_acentos(texto), 500))) AS palavra) w
)
"""
# The few that are out of stock must not be looked for among all.
UNAVAILABLE = """
CREATE INDEX books_unavailable_idx ON books (id) WHERE NOT available AND gone_at IS NULL
"""
# What lists and searches select by, without the books' own kilobyte each. An entry of an index
# takes 2,700 bytes: the words of 250 characters always fit.
LISTED = """
CREATE INDEX books_listed_idx ON books (id) INCLUDE (title_words, category_id, rating, available)
WHERE gone_at IS NULL
"""
SORTED_BY = ("title_search", "category_id", "price", "rating")


def words_of_title(characters: int) -> None:
    """Keep the words of so many characters of a title, and index them."""
    op.drop_column("books", "title_words")
    op.add_column(
        "books",
        sa.Column(
            "title_words",
            postgresql.TSVECTOR(),
            sa.Computed(
                f"array_to_tsvector(palavras(left(sem_acentos(title), {characters})))",
                persisted=True,
            ),
            nullable=False,
            comment="What a search finds it by.",
        ),
    )
    op.create_index("books_title_words_idx", "books", ["title_words"], postgresql_using="gin")


# Which books judge models, and train none: a fifth of them, the same ones for ever. Anybody can
# work it out of the UPC.
JUDGES = """
CREATE FUNCTION livro_de_teste(upc text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN get_byte(sha256(convert_to('previsto/books/' || upc, 'UTF8')), 0) < 51
"""


def upgrade() -> None:
    op.execute(QUERY)
    op.execute(UNAVAILABLE)
    words_of_title(250)
    op.execute(LISTED)
    for name in SORTED_BY:
        op.drop_index(f"books_{name}_idx", "books")
        op.create_index(
            f"books_{name}_idx", "books", [name, "id"], postgresql_where=sa.text("gone_at IS NULL")
        )
    op.execute(JUDGES)
    op.create_table(
        "book_training_sets",
        sa.Column("snapshot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("training_rows", sa.Integer(), nullable=False),
        sa.Column("test_rows", sa.Integer(), nullable=False),
        sa.Column(
            "files",
            postgresql.JSONB(),
            nullable=False,
            comment="Format -> key, sha256, size_bytes of the object.",
        ),
        sa.CheckConstraint(
            "training_rows >= 0 AND test_rows >= 0", name=op.f("book_training_sets_rows_check")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["book_snapshots.id"],
            name=op.f("book_training_sets_snapshot_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("book_training_sets_pkey")),
    )
    op.create_table(
        "book_predictions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column(
            "snapshot_id",
            sa.BigInteger(),
            nullable=False,
            comment="The newest when it was sent; it is scored by it.",
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False, comment="Subject of who sent it."),
        sa.CheckConstraint(
            "target IN ('price', 'rating')", name=op.f("book_predictions_target_check")
        ),
        sa.CheckConstraint(
            "value > '-Infinity' AND value < 'Infinity'",
            name=op.f("book_predictions_value_check"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["books.id"],
            name=op.f("book_predictions_book_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["book_snapshots.id"],
            name=op.f("book_predictions_snapshot_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_predictions_pkey")),
        sa.UniqueConstraint(
            "tenant",
            "model",
            "version",
            "target",
            "book_id",
            name=op.f("book_predictions_tenant_model_version_target_book_id_key"),
        ),
    )
    op.create_index("book_predictions_book_id_idx", "book_predictions", ["book_id"])
    isolate_tenants(["book_predictions"])
    op.create_table(
        "route_minutes",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("format", sa.SmallInteger(), nullable=False, comment="Of the buckets' bounds."),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False, comment="Answered with a 4xx."),
        sa.Column("failed", sa.BigInteger(), nullable=False, comment="Answered with a 5xx."),
        sa.Column("seconds", sa.Float(), nullable=False, comment="Sum of what they took."),
        sa.Column(
            "buckets",
            postgresql.ARRAY(sa.BigInteger()),
            nullable=False,
            comment="By duration; each request is in one.",
        ),
        sa.PrimaryKeyConstraint(
            "minute", "method", "route", "format", name=op.f("route_minutes_pkey")
        ),
    )


def downgrade() -> None:
    op.drop_table("route_minutes")
    op.drop_table("book_predictions")
    op.drop_table("book_training_sets")
    op.execute("DROP FUNCTION livro_de_teste(text)")
    for name in SORTED_BY:
        op.drop_index(f"books_{name}_idx", "books")
        op.create_index(f"books_{name}_idx", "books", [name, "id"])
    op.execute("DROP INDEX books_listed_idx")
    words_of_title(500)
    op.execute("DROP INDEX books_unavailable_idx")
    op.execute("DROP FUNCTION consulta_de_palavras(text)")
