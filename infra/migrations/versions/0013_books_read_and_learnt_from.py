"""Books searched by words

Revision: 0013
After: 0012
"""

from alembic import op

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


def upgrade() -> None:
    op.execute(QUERY)
    op.execute(UNAVAILABLE)


def downgrade() -> None:
    op.execute("DROP INDEX books_unavailable_idx")
    op.execute("DROP FUNCTION consulta_de_palavras(text)")
