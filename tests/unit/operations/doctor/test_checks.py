import subprocess
from pathlib import Path

import pytest

from ragkeeper.core.checks import Check, Finding, NotLooked
from ragkeeper.operations.doctor.checks import absence_checks, folder_checks, reach_checks

SERVER = {"url": "http://127.0.0.1:1", "pid": "7"}


def codes(checks: list[Check], name: str) -> list[str]:
    return [finding.code for finding in findings(checks, name)]


def findings(checks: list[Check], name: str) -> list[Finding]:
    return [finding for check in checks if check.name == name for finding in check.look()]


def test_what_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "ragkeeper.db").touch()
    paths = {"data": tmp_path, "index": tmp_path / "index"}
    checks = folder_checks(tmp_path, paths, lambda path: path.name != "ragkeeper.db")
    assert codes(checks, "writable") == ["path_not_writable"]
    assert findings(checks, "writable")[0].evidence["path"] == str(tmp_path / "ragkeeper.db")
    assert codes(folder_checks(tmp_path, paths), "writable") == []


def test_what_stands_in_place_of_a_folder_goes_aside_with_one_command(tmp_path: Path) -> None:
    logs = tmp_path / "my logs"
    logs.write_text("of somebody")
    (tmp_path / "my logs.aside-1").touch()
    checks = folder_checks(tmp_path, {"data": tmp_path, "logs": logs})
    [found] = findings(checks, "folders")
    assert (found.code, found.message) == ("no_folder", f"{logs} should be a folder and is a file")
    subprocess.run(["sh", "-c", found.fix], check=True)
    assert codes(checks, "folders") == []
    assert (tmp_path / "my logs.aside-2").read_text() == "of somebody"


def test_a_data_folder_that_is_a_file_is_not_called_absent(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.touch()
    assert codes(folder_checks(root, {"data": root}), "folders") == ["no_folder"]


def test_a_link_that_leads_nowhere_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "logs").symlink_to("../away")
    checks = folder_checks(tmp_path, {"logs": tmp_path / "logs"})
    [found] = findings(checks, "folders")
    assert (found.code, found.evidence["target"]) == ("folder_link_broken", f"{tmp_path}/../away")
    assert found.mend is None
    subprocess.run(["sh", "-c", found.fix.rpartition(": ")[2]], check=True)
    assert codes(checks, "folders") == []


def reach(root: Path, server: dict[str, str] | None, version: str | None, *, held: bool) -> list[str]:
    def running() -> str:
        if version is None:
            raise NotLooked(reason="timed out")
        return version

    return codes(reach_checks(root, server, running, "2", held=held), "answers")


@pytest.mark.parametrize(
    ("server", "version", "held", "found"),
    [
        (None, None, False, ["server_not_running"]),
        (None, None, True, ["server_starting"]),
        (SERVER, "2", True, []),
        (SERVER, "1", True, ["server_of_another_version"]),
        (SERVER, None, True, ["server_silent"]),
    ],
)
def test_a_server_is_away_starting_silent_or_another(
    tmp_path: Path, server: dict[str, str] | None, version: str | None, held: bool, found: list[str]
) -> None:
    assert reach(tmp_path, server, version, held=held) == found


def test_a_key_that_the_server_refuses_is_told(tmp_path: Path) -> None:
    refused = reach_checks(tmp_path, SERVER, lambda: "2", "2", held=True, admitted=lambda: False)
    assert codes(refused, "answers") == ["server_key_refused"]


def test_alerts_without_an_address_are_told(tmp_path: Path) -> None:
    assert codes(absence_checks([], "Set it."), "alerts") == ["alert_address_not_configured"]
    assert findings(absence_checks([], "Set it."), "alerts")[0].fix == "Set it."
    assert codes(absence_checks(["a@b"], ""), "alerts") == []
