"""item changes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOTE = """
CREATE FUNCTION note_item_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO item_changes (owner_id, item_id, event) VALUES (
        COALESCE(NEW.owner_id, OLD.owner_id),
        COALESCE(NEW.id, OLD.id),
        CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END
    );
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER note_item_change AFTER INSERT OR UPDATE OR DELETE ON items
FOR EACH ROW EXECUTE FUNCTION note_item_change()
"""


def upgrade() -> None:
    op.create_table(
        "item_changes",
        sa.Column(
            "transaction",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("transaction", "position", name=op.f("item_changes_pkey")),
    )
    op.create_index(
        op.f("item_changes_owner_id_transaction_position_idx"),
        "item_changes",
        ["owner_id", "transaction", "position"],
        unique=False,
    )
    op.execute(NOTE)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER note_item_change ON items")
    op.execute("DROP FUNCTION note_item_change()")
    op.drop_index(op.f("item_changes_owner_id_transaction_position_idx"), "item_changes")
    op.drop_table("item_changes")
