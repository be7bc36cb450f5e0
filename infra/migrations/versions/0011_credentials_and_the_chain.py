"""Users without a password, suspended tenants, and the trail as a chain

Revision: 0011
After: 0010
"""

import sqlalchemy as sa
from alembic import op

from infra.migrations.access import APP, SYSTEM, isolate_tenants

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OWNER = "previsto_owner"
LINKS = ("seq", "anterior", "hash")

# The canonical text of an entry: a JSON array as PostgreSQL writes jsonb, in UTF-8. It is bound to
# what it calls when it is made, so no search path leads it elsewhere.
TEXT = """
CREATE FUNCTION auditoria_texto(
    anterior bytea, tenant text, seq bigint, em timestamptz, ator text, acao text, objeto text,
    detalhes jsonb, request_id text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_array(
    encode(anterior, 'hex'), tenant, seq,
    to_char(em AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    ator, acao, objeto, detalhes, request_id
)::text
"""

# The program may not write heads, so the trigger does it as the owner. Its UPDATE waits for
# whoever else is about to commit an entry of the tenant, and then goes on from theirs.
CHAIN = """
CREATE FUNCTION auditoria_encadear() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOOP
        UPDATE public.auditoria_cabecas c
        SET seq = c.seq + 1, anterior = c.hash,
            hash = sha256(convert_to(public.auditoria_texto(
                c.hash, NEW.tenant, c.seq + 1, NEW.em, NEW.ator, NEW.acao, NEW.objeto,
                NEW.detalhes, NEW.request_id
            ), 'UTF8'))
        WHERE c.tenant = NEW.tenant
        RETURNING c.seq, c.anterior, c.hash INTO NEW.seq, NEW.anterior, NEW.hash;
        EXIT WHEN FOUND;
        INSERT INTO public.auditoria_cabecas (tenant, seq, anterior, hash)
        VALUES (NEW.tenant, 0, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NEW;
END $$
"""

CHAIN_WHAT_THERE_IS = """
DO $$
DECLARE
    entry auditoria%ROWTYPE;
    ours text;
    place bigint;
    link bytea;
BEGIN
    FOR entry IN SELECT * FROM auditoria ORDER BY tenant, id LOOP
        IF ours IS DISTINCT FROM entry.tenant THEN
            ours := entry.tenant;
            place := 0;
            link := decode(repeat('00', 32), 'hex');
        END IF;
        place := place + 1;
        entry.hash := sha256(convert_to(auditoria_texto(
            link, entry.tenant, place, entry.em, entry.ator, entry.acao, entry.objeto,
            entry.detalhes, entry.request_id
        ), 'UTF8'));
        UPDATE auditoria SET seq = place, anterior = link, hash = entry.hash WHERE id = entry.id;
        link := entry.hash;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.alter_column(
        "usuarios",
        "senha_hash",
        nullable=True,
        comment="argon2id, with its parameters; null until a first password is set.",
    )
    op.create_table(
        "tenants_suspensos",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("desde", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("tenants_suspensos_pkey")),
    )
    op.create_table(
        "auditoria_cabecas",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("anterior", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("auditoria_cabecas_pkey")),
    )
    isolate_tenants(("tenants_suspensos", "auditoria_cabecas"))
    op.execute(
        f"CREATE POLICY trigger_of_the_trail ON auditoria_cabecas TO {OWNER}"
        " USING (true) WITH CHECK (true)"
    )
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON auditoria_cabecas FROM {APP}, {SYSTEM}")
    _chain_the_trail()


def _chain_the_trail() -> None:
    op.add_column(
        "auditoria",
        sa.Column("seq", sa.BigInteger(), comment="From 1, of the tenant, without a gap."),
    )
    op.add_column(
        "auditoria",
        sa.Column(
            "anterior",
            sa.LargeBinary(),
            comment="Hash of the entry before; zeros before the first.",
        ),
    )
    op.add_column(
        "auditoria", sa.Column("hash", sa.LargeBinary(), comment="SHA-256 of auditoria_texto().")
    )
    op.execute(TEXT)
    # Forced row-level security hides the entries of every tenant from the owner, too.
    op.execute("ALTER TABLE auditoria NO FORCE ROW LEVEL SECURITY")
    op.execute(CHAIN_WHAT_THERE_IS)
    op.execute(
        "INSERT INTO auditoria_cabecas SELECT DISTINCT ON (tenant) tenant, seq, anterior, hash"
        " FROM auditoria ORDER BY tenant, seq DESC"
    )
    op.execute("ALTER TABLE auditoria FORCE ROW LEVEL SECURITY")
    for column in LINKS:
        op.alter_column("auditoria", column, nullable=False)
    op.create_unique_constraint(op.f("auditoria_tenant_seq_key"), "auditoria", ["tenant", "seq"])
    op.execute(CHAIN)
    op.execute(
        "CREATE TRIGGER auditoria_encadear BEFORE INSERT ON auditoria"
        " FOR EACH ROW EXECUTE FUNCTION auditoria_encadear()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER auditoria_encadear ON auditoria")
    op.execute("DROP FUNCTION auditoria_encadear")
    for column in LINKS:
        op.drop_column("auditoria", column)
    op.execute("DROP FUNCTION auditoria_texto")
    op.drop_table("auditoria_cabecas")
    op.drop_table("tenants_suspensos")
    # What no password fits: there is no hash of this form.
    op.execute("ALTER TABLE usuarios NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE usuarios SET senha_hash = 'none' WHERE senha_hash IS NULL")
    op.execute("ALTER TABLE usuarios FORCE ROW LEVEL SECURITY")
    op.alter_column(
        "usuarios", "senha_hash", nullable=False, comment="argon2id, with its parameters."
    )
