"""The books: catalogue, versions, snapshots, runs, quarantine, similar books

Revision: 0012
After: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# The words of a title, already lower case and without accents. An apostrophe both parts words and
# is left out: "women's" is found as "women", as "womens" and as it stands.
WORDS = r"""
CREATE FUNCTION palavras(texto text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN array_remove(
    regexp_split_to_array(
        texto, '[\s!-/:-@\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f]+')
    || regexp_split_to_array(
        regexp_replace(texto, '[''\u2018\u2019]', '', 'g'),
        '[\s!-/:-@\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f]+'), '')
"""


def upgrade() -> None:
    op.execute(WORDS)
    op.create_table(
        "book_categories",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "name_search",
            sa.Text(collation="C"),
            sa.Computed("left(sem_acentos(name), 200)", persisted=True),
            nullable=False,
            comment="Lower case, without accents.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_categories_pkey")),
        sa.UniqueConstraint("name", name=op.f("book_categories_name_key")),
    )
    op.create_index("book_categories_name_search_idx", "book_categories", ["name_search", "id"])
    op.create_table(
        "book_runs",
        sa.Column("id", sa.Uuid(), nullable=False, comment="The job's."),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("made_up", sa.Boolean(), nullable=True, comment="Null until a page has said it."),
        sa.Column("owner", sa.Text(), nullable=False, comment="Subject of who asked for it."),
        sa.Column(
            "accepts_smaller",
            sa.Boolean(),
            nullable=False,
            comment="An admin takes the catalogue even if it is smaller than it must be.",
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "pages",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Answers that were read.",
        ),
        sa.Column(
            "books", sa.Integer(), server_default="0", nullable=False, comment="Different UPCs."
        ),
        sa.Column(
            "errors",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Pages that were not read.",
        ),
        sa.Column(
            "stated", sa.Integer(), nullable=True, comment="Books that the site says it has."
        ),
        sa.Column("error", postgresql.JSONB(), nullable=True, comment="Why it failed."),
        sa.Column("csv_key", sa.Text(), nullable=True, comment="Object of what it found."),
        sa.CheckConstraint(
            "(state = 'running') = (ended_at IS NULL)", name=op.f("book_runs_ended_check")
        ),
        sa.CheckConstraint(
            "state IN ('running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("book_runs_state_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_runs_pkey")),
    )
    op.create_index("book_runs_started_at_idx", "book_runs", ["started_at", "id"])
    op.create_table(
        "book_quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "status", sa.Integer(), nullable=True, comment="HTTP status; null where none came."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="For people."),
        sa.Column(
            "page_key",
            sa.Text(),
            nullable=True,
            comment="Object of the page as it came; null where none came.",
        ),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('listing', 'book')", name=op.f("book_quarantine_kind_check")),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["book_runs.id"],
            name=op.f("book_quarantine_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_quarantine_pkey")),
    )
    op.create_index(
        "book_quarantine_page_key_idx",
        "book_quarantine",
        ["page_key"],
        postgresql_where=sa.text("page_key IS NOT NULL"),
    )
    op.create_index("book_quarantine_run_id_idx", "book_quarantine", ["run_id", "id"])
    op.create_table(
        "book_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("made_up", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, comment="Of the CSV."),
        sa.Column("books", sa.Integer(), nullable=False),
        sa.Column("categories", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column(
            "kept",
            sa.Integer(),
            nullable=False,
            comment="Not read this time, and not known to be gone.",
        ),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column(
            "dumps",
            postgresql.JSONB(),
            nullable=False,
            comment="Format -> key, sha256, size_bytes of the object.",
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("book_snapshots_sha256_check")),
        sa.CheckConstraint(
            "books = new + changed + unchanged + kept", name=op.f("book_snapshots_books_check")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["book_runs.id"], name=op.f("book_snapshots_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("book_snapshots_pkey")),
        sa.UniqueConstraint("run_id", name=op.f("book_snapshots_run_id_key")),
    )
    op.create_table(
        "books",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("upc", sa.Text(), nullable=False),
        sa.Column(
            "made_up",
            sa.Boolean(),
            nullable=False,
            comment="Of the shop that the project serves itself.",
        ),
        sa.Column(
            "title_search",
            sa.Text(collation="C"),
            sa.Computed("left(sem_acentos(title), 500)", persisted=True),
            nullable=False,
            comment="Lower case, without accents.",
        ),
        sa.Column(
            "title_words",
            postgresql.TSVECTOR(),
            sa.Computed(
                "array_to_tsvector(palavras(left(sem_acentos(title), 500)))", persisted=True
            ),
            nullable=False,
            comment="What a search finds it by.",
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "snapshot_id",
            sa.BigInteger(),
            nullable=False,
            comment="The snapshot that found it as it is; that of its open version.",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False, comment="With tax."),
        sa.Column("price_without_tax", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217, of the three amounts."),
        sa.Column("rating", sa.SmallInteger(), nullable=False, comment="Stars, 1 to 5."),
        sa.Column(
            "available", sa.Boolean(), nullable=False, comment="In stock; false once it is gone."
        ),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True, comment="Some pages have none."),
        sa.Column("image_url", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("books_currency_check")),
        sa.CheckConstraint(
            "copies >= 0 AND (available OR copies = 0)", name=op.f("books_copies_check")
        ),
        sa.CheckConstraint("gone_at IS NULL OR NOT available", name=op.f("books_gone_check")),
        sa.CheckConstraint("price >= 0", name=op.f("books_price_check")),
        sa.CheckConstraint("price_without_tax >= 0 AND tax >= 0", name=op.f("books_tax_check")),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("books_rating_check")),
        sa.CheckConstraint("reviews >= 0", name=op.f("books_reviews_check")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["book_categories.id"], name=op.f("books_category_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["book_snapshots.id"], name=op.f("books_snapshot_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("books_pkey")),
        sa.UniqueConstraint("upc", name=op.f("books_upc_key")),
    )
    op.create_index("books_category_id_idx", "books", ["category_id", "id"])
    op.create_index("books_price_idx", "books", ["price", "id"])
    op.create_index("books_rating_idx", "books", ["rating", "id"])
    op.create_index("books_title_search_idx", "books", ["title_search", "id"])
    op.create_index("books_title_words_idx", "books", ["title_words"], postgresql_using="gin")
    op.create_table(
        "book_versions",
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("since_snapshot", sa.BigInteger(), nullable=False),
        sa.Column("until_snapshot", sa.BigInteger(), nullable=True, comment="Null while it holds."),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, comment="Of the snapshot."),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "fields",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="What differs from the version before; empty at the first.",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False, comment="With tax."),
        sa.Column("price_without_tax", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217, of the three amounts."),
        sa.Column("rating", sa.SmallInteger(), nullable=False, comment="Stars, 1 to 5."),
        sa.Column(
            "available", sa.Boolean(), nullable=False, comment="In stock; false once it is gone."
        ),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True, comment="Some pages have none."),
        sa.Column("image_url", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("book_versions_currency_check")),
        sa.CheckConstraint(
            "kind IN ('new', 'changed', 'gone', 'back')", name=op.f("book_versions_kind_check")
        ),
        sa.CheckConstraint(
            "copies >= 0 AND (available OR copies = 0)", name=op.f("book_versions_copies_check")
        ),
        sa.CheckConstraint("price >= 0", name=op.f("book_versions_price_check")),
        sa.CheckConstraint(
            "price_without_tax >= 0 AND tax >= 0", name=op.f("book_versions_tax_check")
        ),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("book_versions_rating_check")),
        sa.CheckConstraint("reviews >= 0", name=op.f("book_versions_reviews_check")),
        sa.CheckConstraint(
            "until_snapshot > since_snapshot", name=op.f("book_versions_order_check")
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("book_versions_book_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["book_categories.id"], name=op.f("book_versions_category_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["since_snapshot"],
            ["book_snapshots.id"],
            name=op.f("book_versions_since_snapshot_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["until_snapshot"],
            ["book_snapshots.id"],
            name=op.f("book_versions_until_snapshot_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "since_snapshot", name=op.f("book_versions_pkey")),
    )
    op.create_index(
        "book_versions_open_idx",
        "book_versions",
        ["book_id"],
        unique=True,
        postgresql_where=sa.text("until_snapshot IS NULL"),
    )
    op.create_index("book_versions_since_idx", "book_versions", ["since"])
    op.create_index(
        "book_versions_since_snapshot_idx", "book_versions", ["since_snapshot", "book_id"]
    )
    op.create_table(
        "similar_books",
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False, comment="From 1, the nearest."),
        sa.Column("similar_id", sa.BigInteger(), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False, comment="Cosine, 0 to 1."),
        sa.CheckConstraint("book_id <> similar_id", name=op.f("similar_books_other_check")),
        sa.CheckConstraint("rank BETWEEN 1 AND 20", name=op.f("similar_books_rank_check")),
        sa.CheckConstraint(
            "similarity BETWEEN 0 AND 1", name=op.f("similar_books_similarity_check")
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("similar_books_book_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["similar_id"],
            ["books.id"],
            name=op.f("similar_books_similar_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("book_id", "rank", name=op.f("similar_books_pkey")),
        sa.UniqueConstraint(
            "book_id", "similar_id", name=op.f("similar_books_book_id_similar_id_key")
        ),
    )
    op.create_index("similar_books_similar_id_idx", "similar_books", ["similar_id"])


def downgrade() -> None:
    for table in (
        "similar_books",
        "book_versions",
        "books",
        "book_snapshots",
        "book_quarantine",
        "book_runs",
        "book_categories",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION palavras(text)")
