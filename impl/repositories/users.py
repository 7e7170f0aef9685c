from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, delete, func, not_, or_, select, update

from impl.db.pages import Order, Page
from impl.db.repository import Repository
from impl.models import User

NEWEST_FIRST = Order[User](User.created_at, User.id)


class UserRepository(Repository[User]):
    async def get(self, user_id: UUID) -> User | None:
        return await self.session.scalar(select(User).where(User.id == user_id))

    async def locked(self, user_id: UUID) -> User | None:
        """The user, whom nobody else changes until this transaction ends."""
        query = select(User).where(User.id == user_id).with_for_update()
        return await self.session.scalar(query)

    async def by_email(self, email: str) -> User | None:
        return await self.session.scalar(select(User).where(User.email == email.lower()))

    async def lock_administrators(self) -> Sequence[UUID]:
        """Everybody who may administer. Two demotions at once wait for each other here."""
        query = (
            select(User.id)
            .where(User.administrator, User.active)
            .order_by(User.id)
            .with_for_update()
        )
        return await self.session.scalars(query)

    async def replace_password(self, user_id: UUID, checked: str, password_hash: str) -> bool:
        """Replace the hash if it is still the one that was checked. Whether it was."""
        statement = (
            update(User)
            .where(User.id == user_id, User.active, User.password_hash == checked)
            .values(password_hash=password_hash)
        )
        return await self.session.scalar(statement.returning(User.id)) is not None

    async def delete_ordinary(self, user_id: UUID) -> bool:
        """Delete the user unless he may administer. Whether he is gone.

        The condition is judged on the locked row, so that nobody is promoted in between.
        """
        statement = delete(User).where(
            User.id == user_id, not_(and_(User.administrator, User.active))
        )
        return await self.session.scalar(statement.returning(User.id)) is not None

    async def page(
        self,
        *,
        limit: int,
        cursor: str | None,
        text: str | None,
        active: bool | None,
        administrator: bool | None,
    ) -> Page[User]:
        query = select(User)
        if text is not None:
            query = query.where(
                or_(
                    User.email.icontains(text, autoescape=True),
                    func.coalesce(User.full_name, "").icontains(text, autoescape=True),
                )
            )
        if active is not None:
            query = query.where(User.active.is_(active))
        if administrator is not None:
            query = query.where(User.administrator.is_(administrator))
        order = NEWEST_FIRST.of(text, active, administrator)
        rows = await self.session.scalars(order.slice(query, cursor, limit))
        return order.page(rows, limit)
