"""Books found by the beginnings of words, category and block of ids in one index

Revision: 0017
After: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Every beginning of every word, so that the index has each as a list of its own: lists are
# compared by skipping in them, while the words that begin so are gathered whole. It takes long,
# and is to be read off the index; what does so takes a moment, and no workers.
BEGINNINGS = """
CREATE FUNCTION comecos(palavras tsvector) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL RESTRICTED COST 10000
RETURN (
    SELECT array_agg(left(w.palavra, n))
    FROM unnest(tsvector_to_array(palavras)) AS w (palavra),
         generate_series(1, least(length(w.palavra), 20)) AS n
)
"""
# What a search asks it for; nothing, which nothing has, where there is no word.
WANTED = """
CREATE FUNCTION comecos_de_palavras(texto text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN (
    SELECT array_agg(DISTINCT left(w.palavra, 20))
    FROM unnest(palavras(left(sem_acentos(texto), 500))) AS w (palavra)
)
"""
# The blocks of 1,024 and of 16,384 ids that a book is in.
BLOCKS = """
CREATE FUNCTION blocos(id bigint) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[(id >> 10) * 2, (id >> 14) * 2 + 1]
"""
# Without a list of what is still to be put in its place: every search would read that, too.
FOUND = """
CREATE INDEX books_found_idx ON books
USING gin (comecos(title_words), (ARRAY[category_id]), blocos(id)) WITH (fastupdate = off)
WHERE gone_at IS NULL
"""


def upgrade() -> None:
    op.execute(BEGINNINGS)
    op.execute(WANTED)
    op.execute(BLOCKS)
    op.drop_index("books_title_words_idx", "books")
    op.execute(FOUND)


def downgrade() -> None:
    op.drop_index("books_found_idx", "books")
    op.create_index("books_title_words_idx", "books", ["title_words"], postgresql_using="gin")
    op.execute("DROP FUNCTION blocos(bigint)")
    op.execute("DROP FUNCTION comecos_de_palavras(text)")
    op.execute("DROP FUNCTION comecos(tsvector)")
