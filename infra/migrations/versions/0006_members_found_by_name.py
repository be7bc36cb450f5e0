"""Members found by words, told from synthetic ones, and why they cancelled

Revision: 0006
After: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Written with RETURN, so that their names are resolved here and not by whoever restores a dump.
#
# `sem_acentos` is what a list is ordered by and a search compares: "Ávila" is "avila".
WITHOUT_ACCENTS = r"""
CREATE FUNCTION sem_acentos(texto text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(regexp_replace(normalize(texto, NFKD), '[\u0300-\u036f]', '', 'g'))
"""
# The words of the name, the whole e-mail address, and the telephone's digits with and without
# the codes before them. A lexeme takes 2,046 bytes: 200 characters always fit.
WORDS_OF_MEMBER = r"""
CREATE FUNCTION palavras_do_aluno(nome_busca text, email text, telefone text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN array_to_tsvector(array_remove(
    regexp_split_to_array(nome_busca, '[\s!-/:-@\[-`{-~]+')
    || left(sem_acentos(email), 200)
    || ARRAY[
        regexp_replace(coalesce(telefone, ''), '[^0-9]', '', 'g'),
        right(regexp_replace(coalesce(telefone, ''), '[^0-9]', '', 'g'), 11),
        right(regexp_replace(coalesce(telefone, ''), '[^0-9]', '', 'g'), 10),
        right(regexp_replace(coalesce(telefone, ''), '[^0-9]', '', 'g'), 9),
        right(regexp_replace(coalesce(telefone, ''), '[^0-9]', '', 'g'), 8)
    ], ''))
"""


def upgrade() -> None:
    op.execute(WITHOUT_ACCENTS)
    op.execute(WORDS_OF_MEMBER)
    op.add_column(
        "alunos",
        sa.Column(
            "nome_busca",
            sa.Text(collation="C"),
            sa.Computed("left(sem_acentos(nome), 200)", persisted=True),
            nullable=False,
            comment="Lower case, without accents.",
        ),
    )
    op.add_column(
        "alunos",
        sa.Column(
            "sintetico",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Made up, for trying the model.",
        ),
    )
    op.create_index("alunos_nome_busca_idx", "alunos", ["nome_busca", "id"])
    op.create_index("alunos_matriculado_em_idx", "alunos", ["matriculado_em", "id"])
    op.create_index(
        "alunos_palavras_idx",
        "alunos",
        [sa.text("palavras_do_aluno(nome_busca, email, telefone)")],
        postgresql_using="gin",
    )
    op.create_index("alunos_sintetico_idx", "alunos", ["id"], postgresql_where=sa.text("sintetico"))
    op.add_column(
        "aluno_vigencias",
        sa.Column("motivo", sa.Text(), comment="Why they cancelled, in the desk's words."),
    )


def downgrade() -> None:
    op.drop_column("aluno_vigencias", "motivo")
    op.drop_index("alunos_sintetico_idx", "alunos")
    op.drop_index("alunos_palavras_idx", "alunos")
    op.drop_index("alunos_matriculado_em_idx", "alunos")
    op.drop_index("alunos_nome_busca_idx", "alunos")
    op.drop_column("alunos", "sintetico")
    op.drop_column("alunos", "nome_busca")
    op.execute("DROP FUNCTION palavras_do_aluno(text, text, text)")
    op.execute("DROP FUNCTION sem_acentos(text)")
