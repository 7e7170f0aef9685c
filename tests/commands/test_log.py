"""What a service writes while it starts, loses a worker, and ends."""

import json
import time
from pathlib import Path

import psutil
import pytest

from tests.commands.conftest import Start, everything_logged
from tests.data import ROOT

SLOW = """
import multiprocessing, sys, time
if multiprocessing.parent_process() is not None:
    time.sleep(6)  # what it imports
from impl.__main__ import main
if __name__ == "__main__":
    sys.exit(main(["serve"]))
"""


@pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])
def test_every_line_is_json_from_the_first_to_the_last(start: Start, workers: int) -> None:
    service = start(WORKERS=str(workers), DRAIN_SECONDS="0", LOG_FORMAT="json")
    service.terminate()
    lines = [json.loads(line) for line in everything_logged(service)]

    said = [line["message"] for line in lines if line["logger"] == "uvicorn.error"]
    for beginning in ("Started server process", "Finished server process"):
        assert sum(message.startswith(beginning) for message in said) == workers
    assert any(message.startswith("Started parent process") for message in said) is (workers > 1)
    assert all(line["time"].endswith("Z") for line in lines)


def test_a_worker_that_dies_is_a_line_of_json_too(start: Start) -> None:
    service = start(WORKERS="2", DRAIN_SECONDS="0", LOG_FORMAT="json")
    worker = psutil.Process(service.process.pid).children()[-1]
    worker.kill()
    worker.wait(5)
    time.sleep(1)
    service.terminate()

    said = [json.loads(line)["message"] for line in everything_logged(service)]

    assert f"Child process [{worker.pid}] died" in said


def test_a_worker_that_is_slow_to_start_is_waited_for(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)

    service = start(script, PYTHONPATH=str(ROOT), WORKERS="2", DRAIN_SECONDS="0")
    service.terminate()

    assert not any("died" in line for line in everything_logged(service))
