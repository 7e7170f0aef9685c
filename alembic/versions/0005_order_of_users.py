"""order of users."""

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("users_created_at_id_idx"), "users", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f("users_created_at_id_idx"), table_name="users")
