from charter.service.outage import require_writable
from generated import schemas
from generated.operations import HealthOperations
from impl.core.problems import ServiceUnavailable
from impl.db.migrations import SCHEMA
from impl.db.session import Database


class HealthService(HealthOperations):
    """Liveness asks nobody; readiness asks the database whether it is there, migrated and writable.

    A service that is about to end is alive and not ready, so that the traffic goes elsewhere.
    """

    def __init__(self, database: Database, *, draining: bool = False) -> None:
        self.database = database
        self.draining = draining

    async def get_liveness(self) -> schemas.Health:
        return schemas.Health(status="ok")

    async def get_readiness(self) -> schemas.Health:
        if self.draining:
            raise ServiceUnavailable
        async with self.database.autocommit.connect() as connection:
            if await SCHEMA.is_behind(connection):
                raise ServiceUnavailable
            await require_writable(connection)
        await self.database.disk.require_space()
        return schemas.Health(status="ok")
