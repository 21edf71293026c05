"""Reports on disk: all four, or whichever can be written, and the counters in any case."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarmscope.edge import report_files
from swarmscope.edge.report_files import folder_name, write_reports
from swarmscope.errors import ExitCode, ReportNotWritten
from swarmscope.report import read_result
from swarmscope.run_result import RunResult

FILES = ["result.json", "report.md", "junit.xml", "report.html"]
HINT = "\n  hint: the verdict stands; make room or choose another folder (SWARMSCOPE_REPORTS)"


@pytest.fixture
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory that a result is saved in when its own folder cannot be written."""
    folder = tmp_path / "spare"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many KiB; needs root."""
    mounted: list[Path] = []

    def mount(kib: int) -> Path:
        folder = tmp_path / f"disk{kib}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounting a small file system needs root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_all_four_reports_lie_in_the_runs_folder_and_nothing_else(tmp_path: Path, result: RunResult) -> None:
    paths = write_reports(result, tmp_path / "reports")
    folder = tmp_path / "reports" / "triggers-20250101-000000"
    assert paths == tuple(folder / name for name in FILES)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert read_result((folder / "result.json").read_text()).judgements == result.judgements


def test_a_second_report_of_the_same_run_replaces_the_first(tmp_path: Path, result: RunResult) -> None:
    write_reports(result, tmp_path)
    before = (tmp_path / result.info.run / "result.json").stat().st_ino
    write_reports(result, tmp_path)
    assert (tmp_path / result.info.run / "result.json").stat().st_ino != before


def test_a_full_disk_costs_only_what_does_not_fit(
    small_disk: Callable[[int], Path], spare: Path, result: RunResult
) -> None:
    folder = small_disk(64)
    with pytest.raises(ReportNotWritten) as caught:
        write_reports(result, folder)
    html = folder / result.info.run / "report.html"
    assert str(caught.value) == (
        f"1 of 4 reports could not be written:\n  {html}: No space left on device{HINT}"
    )
    assert caught.value.exit_code is ExitCode.REPORT_NOT_WRITTEN
    assert sorted(path.name for path in html.parent.iterdir()) == ["junit.xml", "report.md", "result.json"]
    assert list(spare.iterdir()) == []


def test_a_result_that_does_not_fit_is_saved_in_the_temporary_directory(
    small_disk: Callable[[int], Path], spare: Path, result: RunResult
) -> None:
    folder = small_disk(4)
    with pytest.raises(ReportNotWritten) as caught:
        write_reports(result, folder)
    (saved,) = spare.iterdir()
    assert read_result(saved.read_text()).window == result.window
    first = f"{folder / result.info.run / 'result.json'}: No space left on device (saved as {saved} instead)"
    assert first in str(caught.value)


def test_a_file_in_place_of_the_folder_fails_all_four_by_name(
    tmp_path: Path, spare: Path, result: RunResult
) -> None:
    in_the_way = tmp_path / "reports"
    in_the_way.write_text("")
    with pytest.raises(ReportNotWritten) as caught:
        write_reports(result, in_the_way)
    (saved,) = spare.iterdir()
    folder = in_the_way / result.info.run
    assert str(caught.value) == (
        "4 of 4 reports could not be written:\n"
        f"  {folder / 'result.json'}: Not a directory (saved as {saved} instead)\n"
        f"  {folder / 'report.md'}: Not a directory\n"
        f"  {folder / 'junit.xml'}: Not a directory\n"
        f"  {folder / 'report.html'}: Not a directory" + HINT
    )


def test_a_folder_in_place_of_one_report_does_not_keep_the_others_back(
    tmp_path: Path, result: RunResult
) -> None:
    in_the_way = tmp_path / result.info.run / "report.md"
    in_the_way.mkdir(parents=True)
    with pytest.raises(ReportNotWritten) as caught:
        write_reports(result, tmp_path)
    assert f"1 of 4 reports could not be written:\n  {in_the_way}: Is a directory" in str(caught.value)
    assert sorted(path.name for path in in_the_way.parent.iterdir()) == sorted(FILES)


def test_with_no_place_left_the_result_is_printed(
    tmp_path: Path,
    result: RunResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    (tmp_path / "reports").write_text("")
    with pytest.raises(
        ReportNotWritten, match=r"result\.json: Not a directory \(printed to stderr instead\)"
    ):
        write_reports(result, tmp_path / "reports")
    assert read_result(capsys.readouterr().err).totals == result.totals


def test_a_temporary_directory_that_is_full_too_leaves_nothing_half_written(
    small_disk: Callable[[int], Path],
    tmp_path: Path,
    result: RunResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spare = small_disk(8)
    (spare / "filler").write_bytes(b"x" * 4096)
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    (tmp_path / "reports").write_text("")
    with pytest.raises(ReportNotWritten, match="printed to stderr instead"):
        write_reports(result, tmp_path / "reports")
    assert [path.name for path in spare.iterdir()] == ["filler"]
    assert json.loads(capsys.readouterr().err)["schema_version"] == 1


def test_a_bug_in_one_report_costs_neither_the_others_nor_the_verdict(
    tmp_path: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: RunResult) -> str:
        raise KeyError("oops")

    monkeypatch.setitem(report_files._WRITERS, "report.html", broken)
    with pytest.raises(ReportNotWritten, match=r"report\.html: KeyError: 'oops'"):
        write_reports(result, tmp_path)
    assert (tmp_path / result.info.run / "junit.xml").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path, spare: Path, result: RunResult) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ReportNotWritten, match="Permission denied"):
            write_reports(result, tmp_path / "reports")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("run", "folder"),
    [
        ("triggers-20250101", "triggers-20250101"),
        ("../../etc", ".._.._etc"),
        ("..", "_.."),
        ("", "_"),
        ("a b/ü", "a_b__"),
    ],
)
def test_a_runs_name_cannot_leave_the_folder(run: str, folder: str) -> None:
    assert folder_name(run) == folder
