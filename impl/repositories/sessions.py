from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, Text, and_, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.dml import ReturningUpdate

from charter.service.sessions import Session as Connected
from charter.service.statements import statement
from impl.db.pages import Order, Page
from impl.db.repository import Repository
from impl.models import Session, User

NOW = func.clock_timestamp()
NEWEST_FIRST = Order[Session](Session.created_at, Session.id)


def is_live() -> ColumnElement[bool]:
    return and_(
        Session.revoked_at.is_(None),
        Session.idle_expires_at > NOW,
        Session.expires_at > NOW,
    )


class SessionRepository(Repository[Session]):
    async def open(
        self,
        user_id: UUID,
        password_hash: str,
        *,
        scopes: Sequence[str],
        idle: timedelta,
        absolute: timedelta,
        user_agent: str | None,
        address: str | None,
    ) -> Session | None:
        """Open a session if the user is active and still has the password that was checked.

        The row of the user is locked until the transaction ends, so that a change of the password
        or a deactivation either refuses this session or ends it.
        """
        values = {
            Session.id: literal(uuid4()),
            Session.user_id: User.id,
            Session.generation: literal(0),
            Session.scopes: array(scopes, type_=Text()),
            Session.idle_expires_at: NOW + min(idle, absolute),
            Session.expires_at: NOW + absolute,
            Session.user_agent: literal(user_agent, Text()),
            Session.address: literal(address, Text()),
        }
        unchanged = (
            select(*values.values())
            .where(User.id == user_id, User.active, User.password_hash == password_hash)
            .with_for_update(read=True)
        )
        statement = insert(Session).from_select(list(values), unchanged).returning(Session)
        return await self.session.scalar(statement)

    async def get(self, session_id: UUID) -> Session | None:
        return await self.session.scalar(select(Session).where(Session.id == session_id))

    async def live(self, user_id: UUID, *, limit: int, cursor: str | None) -> Page[Session]:
        query = select(Session).where(Session.user_id == user_id, is_live())
        order = NEWEST_FIRST.of(user_id)
        rows = await self.session.scalars(order.slice(query, cursor, limit))
        return order.page(rows, limit)

    async def rotate(self, session_id: UUID, presented: int, idle: timedelta) -> Session | None:
        """Spend a generation: one statement, so that of many at once exactly one succeeds."""
        return await self.session.single(rotation(session_id, presented, idle))

    async def just_rotated(
        self, session_id: UUID, presented: int, grace: timedelta
    ) -> Session | None:
        """The session whose generation before the current one was presented, a moment ago."""
        query = (
            select(Session)
            .join(User, User.id == Session.user_id)
            .where(
                Session.id == session_id,
                Session.generation == presented + 1,
                Session.rotated_at > NOW - grace,
                is_live(),
                User.active,
            )
        )
        return await self.session.scalar(query)

    async def revoke(self, session_id: UUID, user_id: UUID | None = None) -> bool:
        """End a session, of that user if one is named. Whether it was there and live."""
        statement = update(Session).where(Session.id == session_id, Session.revoked_at.is_(None))
        if user_id is not None:
            statement = statement.where(Session.user_id == user_id)
        ended = await self.session.scalar(statement.values(revoked_at=NOW).returning(Session.id))
        return ended is not None

    async def revoke_all(self, user_id: UUID, except_for: UUID | None = None) -> None:
        statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
        if except_for is not None:
            statement = statement.where(Session.id != except_for)
        await self.session.execute(statement.values(revoked_at=NOW))


@statement()
def rotation(session_id: UUID, presented: int, idle: timedelta) -> ReturningUpdate[Session]:
    return (
        update(Session)
        .where(
            Session.id == session_id,
            Session.generation == presented,
            is_live(),
            Session.user_id == User.id,
            User.active,
        )
        .values(
            generation=Session.generation + 1,
            rotated_at=NOW,
            idle_expires_at=func.least(NOW + idle, Session.expires_at),
        )
        .returning(Session)
    )


@dataclass(frozen=True)
class Bearer:
    """What the database knows of the bearer of an access token."""

    administrator: bool
    scopes: Sequence[str]


@statement()
def of_bearer(user_id: UUID, session_id: UUID) -> Select[bool, list[str]]:
    return (
        select(User.administrator, Session.scopes)
        .join(User, User.id == Session.user_id)
        .where(Session.id == session_id, Session.user_id == user_id, is_live(), User.active)
    )


async def find_bearer(session: Connected, user_id: UUID, session_id: UUID) -> Bearer | None:
    """Asked for every request: a revocation holds on the next one, on every worker."""
    rows = await session.rows(of_bearer(user_id, session_id))
    return Bearer(*rows[0]) if rows else None
