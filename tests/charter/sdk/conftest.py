"""The service of this repository, for the clients of its document."""

from collections.abc import Iterator

import pytest

from charter.contract.service_under_test import Prepared, prepared

WITHOUT_QUOTAS = {
    "BCRYPT_ROUNDS": "4",
    "LOGINS_PER_MINUTE": "0",
    "REFRESHES_PER_MINUTE": "0",
    "REGISTRATIONS_PER_MINUTE": "0",
}


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("services")
    with prepared(folder, environment=WITHOUT_QUOTAS) as made:
        yield made


@pytest.fixture(scope="package")
def service(services: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with services.service(tmp_path_factory.mktemp("service")) as running:
        yield running.base_url
