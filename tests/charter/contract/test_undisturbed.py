"""What the machine does to a run says nothing of the service: exit code 2, and one sentence."""

from pathlib import Path

import pytest
import requests

from charter.contract.fuzz import NotFuzzed, undisturbed


def test_a_full_disk_is_said() -> None:
    with pytest.raises(NotFuzzed, match="No space left on device") as caught, undisturbed():
        Path("/dev/full").write_text("a report")

    assert caught.value.exit_code == 2
    assert str(caught.value).count("\n") == 0


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFuzzed, match=f"{tmp_path}: Is a directory"), undisturbed():
        tmp_path.write_text("a report")


def test_a_service_that_is_gone_is_said() -> None:
    with pytest.raises(NotFuzzed, match="stopped answering"), undisturbed():
        requests.get("http://127.0.0.1:1", timeout=5)


def test_a_clock_that_jumps_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFuzzed, match="clock jumped"), undisturbed():
        monkeypatch.setattr("charter.contract.fuzz.time", lambda: 0.0)


def test_a_quiet_machine_disturbs_nothing() -> None:
    with undisturbed():
        pass
