from generated import schemas
from generated.operations import HealthOperations
from impl.core.problems import ServiceUnavailable
from impl.db.migrations import is_at_head
from impl.db.session import Database


class HealthService(HealthOperations):
    """Liveness asks nobody; readiness asks the database whether it is there and migrated."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def get_liveness(self) -> schemas.Health:
        return schemas.Health(status="ok")

    async def get_readiness(self) -> schemas.Health:
        async with self.database.autocommit.connect() as connection:
            if not await is_at_head(connection):
                raise ServiceUnavailable
        return schemas.Health(status="ok")
