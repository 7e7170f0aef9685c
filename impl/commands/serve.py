"""`python -m impl serve`: the schema where asked for, then the service."""

from functools import partial
from pathlib import Path

from charter.service import server
from generated import DOCUMENT
from impl.core import config, problems
from impl.db.migrations import SCHEMA, target

ROOT = Path(__file__).resolve().parents[2]

SOURCES = (ROOT / "impl", ROOT / "generated")
"""The folders whose changes start a reloading server anew; not the environment, nor the data."""


def run(application: str, *, reload: bool = False, migrate: bool = False) -> int:
    """The exit code, once the last request has been answered.

    Raises ConfigurationError or Refused before it begins, and CommandError where it can't migrate.
    """
    settings = config.load()  # before anything is started: what is wrong is known at once
    return server.run(
        application,
        settings,
        problems.response,
        document=DOCUMENT,
        prepare=partial(prepare, settings, migrate=migrate),
        watched=SOURCES if reload else (),
    )


def prepare(settings: config.Settings, *, migrate: bool) -> None:
    if migrate:
        SCHEMA.upgrade(target(settings))
    elif settings.production:
        SCHEMA.require_head(target(settings))
