"""What docs/operations.md says can be done, and the files that it hands out fit the service."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from charter.postgres import Address, databases
from charter.postgres.binaries import installed_binaries
from impl.core.config import Settings
from impl.db.session import Database
from tests.data import DOCUMENT, ROOT
from tests.people import at, changed, register, worker

PAGE = (ROOT / "docs" / "operations.md").read_text()
FILES = ROOT / "docs" / "operations"


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> list[str]:
    dashboard = json.loads((FILES / "dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in alerts()] + shown


def test_each_alert_has_its_section_of_the_runbook() -> None:
    sections = re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)

    assert [rule["alert"] for rule in alerts()] == sections
    for rule in alerts():
        name = rule["alert"].lower()
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name}"


@pytest.mark.parametrize("expression", expressions())
def test_what_is_watched_is_measured(expression: str) -> None:
    families = {family.name for family in REGISTRY.collect()}
    operations = set(re.findall(r"operationId: (\w+)", DOCUMENT.read_text()))

    for name in re.findall(r"charter_\w+", expression):
        assert re.sub(r"_(total|bucket|count|sum)$", "", name) in families
    for named in re.findall(r'operation!?[=~]+"([^"]+)"', expression):
        assert set(named.split("|")) <= operations


def test_the_settings_that_are_named_exist() -> None:
    known = {name.upper() for name in Settings.model_fields}
    configured = next(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))["data"]

    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)[=`]", PAGE))

    assert len(named) > 10
    assert named <= known
    assert configured.keys() <= known


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    unit = tmp_path / "charter.service"
    text = (FILES / "charter.service").read_text()
    unit.write_text(re.sub(r"/srv/charter/\.venv/bin/\w+", sys.executable, text))

    done = subprocess.run([verify, "verify", unit], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


async def test_a_backup_restores_accounts_sessions_and_what_they_own(
    server: Address, settings: Settings, database: Database, tmp_path: Path
) -> None:
    restored = changed(settings, db_name=f"{settings.db_name}_restored")
    async with worker(settings) as client:
        ada = await register(client)
        item = (await ada.post("/items", json={"title": "Kept"})).json()
    try:
        for step in ("backup", "restore, into a new database"):
            walk(step, settings, BACKUP=str(tmp_path / "charter.dump"), RESTORED=restored.db_name)
        async with worker(restored) as client:
            ready = await client.get("/readyz")
            again = await at(client, ada).get(f"/items/{item['id']}")
            logged_in = await at(client, ada).log_in()
    finally:
        await asyncio.to_thread(databases.drop, server, restored.db_name)

    assert (ready.status_code, logged_in.status_code) == (200, 200)
    assert again.json() == item


def walk(step: str, settings: Settings, **variables: str) -> None:
    """Run the commands of the page, as they stand there."""
    (commands,) = re.findall(rf"```sh\n# {re.escape(step)}.*?\n(.+?)```", PAGE, re.DOTALL)
    programs = next(installed_binaries(copies=None), None)
    assert programs is not None
    where = {
        "PATH": f"{programs.directory}:{os.environ['PATH']}",
        "PGHOST": settings.db_host,
        "PGPORT": str(settings.db_port),
        "PGUSER": settings.db_user,
        "PGPASSWORD": settings.db_password.get_secret_value(),
        "PGDATABASE": settings.db_name,
    }
    done = subprocess.run(
        ["sh", "-eu", "-c", commands],
        env=os.environ | where | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
