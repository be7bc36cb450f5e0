"""Lines of lots found by their orders, as whoever deletes one has to

Revision: 0016
After: 0013
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEX = "credito_itens_pedidos_pedido_idx"


def upgrade() -> None:
    op.create_index(INDEX, "credito_itens_pedidos", ["pedido_id"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name="credito_itens_pedidos")
