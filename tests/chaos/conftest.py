"""Experiments: a fault under steady load, and what must hold all the same.

    ./scripts/test tests/chaos            # the short forms; in CI with LONG_TESTS=1
    ./scripts/test tests/chaos --long     # as long and as often as docs/operations.md says

Each has the criteria that `Load` keeps: no 500, no acknowledged write lost, none doubled, nobody
waits longer than six seconds, and every refusal says when to come back.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from impl.core import config
from impl.db.migrations import SCHEMA, target
from tests.chaos.cluster import Cluster, Clusters, clusters, with_port
from tests.chaos.line import Line, line_to
from tests.chaos.load import FIGURES
from tests.chaos.services import Service, serving
from tests.conftest import JWT_SECRET

POOL = 4
"""Connections of each service to its database."""


@dataclass
class Setup:
    """Two services, one database, and the line between them."""

    cluster: Cluster
    line: Line
    services: list[Service]

    @property
    def urls(self) -> list[str]:
        return [service.url for service in self.services]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the experiments in full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long", default=False):
        deselected = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("what the experiments measured")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long", default=False))


@pytest.fixture
def rounds(long: bool) -> int:
    """How often a fault is repeated that takes moments."""
    return 30 if long else 3


@pytest.fixture(scope="session")
async def all_clusters() -> AsyncIterator[Clusters]:
    async with clusters() as made:
        yield made


@pytest.fixture(scope="session")
async def shared_cluster(all_clusters: Clusters) -> Cluster:
    """A migrated database, on a server that may be killed."""
    cluster = all_clusters.make()
    await cluster.create()
    await migrate(cluster)
    return cluster


async def migrate(cluster: Cluster) -> None:
    given = {name.lower(): value for name, value in cluster.environment.items()}
    settings = config.load(_env_file=None, jwt_secret=JWT_SECRET, db_sslmode="disable", **given)
    await asyncio.to_thread(SCHEMA.upgrade, target(settings))


@pytest.fixture
async def cluster(shared_cluster: Cluster) -> Cluster:
    await shared_cluster.execute("TRUNCATE users CASCADE")
    return shared_cluster


@pytest.fixture(scope="session")
async def shared_setup(
    shared_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Setup]:
    async with line_to(shared_cluster.port) as line:
        environment = with_port(shared_cluster.environment, line.port)
        environment |= {"DB_POOL_SIZE": str(POOL)}
        async with serving(tmp_path_factory.mktemp("services"), environment) as services:
            yield Setup(shared_cluster, line, services)


@pytest.fixture
async def setup(cluster: Cluster, shared_setup: Setup) -> AsyncIterator[Setup]:
    """The line is as it was once the experiment is over, whether or not it succeeded."""
    yield shared_setup
    shared_setup.line.heal()
