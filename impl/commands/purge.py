"""`python -m impl purge`: delete now what the service deletes on its own every few minutes."""

import asyncio
from collections import Counter

from charter.service import Refused
from charter.service.migrations import unreachable
from charter.service.outage import is_outage
from impl.core import config
from impl.core.config import Settings
from impl.db.migrations import target
from impl.db.session import Database
from impl.services.purge import Purge


def run() -> int:
    """Raises Refused where the database can't be reached."""
    settings = config.without_tokens()
    gone = asyncio.run(purge(settings))
    rows = ", ".join(f"{count} of {table}" for table, count in gone.items())
    print(f"Deleted {rows}." if rows else "There was nothing to delete.")
    return 0


async def purge(settings: Settings) -> Counter[str]:
    database = Database(settings)
    try:
        return await Purge(database, settings).run()
    except Exception as error:
        if is_outage(error):
            raise Refused(unreachable(target(settings), error)) from error
        raise
    finally:
        await database.dispose()
