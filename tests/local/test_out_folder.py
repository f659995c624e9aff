"""One run at a time writes to a folder."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tidelake.contract.errors import ConfigurationError
from tidelake.local.out_folder import claimed


def test_a_second_run_is_refused_while_the_first_one_holds_the_folder(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "out"),
        pytest.raises(ConfigurationError, match="a folder that no other run is writing to"),
        claimed(tmp_path / "out"),
    ):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with claimed(tmp_path / "out"):
        pass
    with claimed(tmp_path / "out"):
        pass


def test_a_run_is_told_of_one_that_was_killed_before_it_and_of_no_other(tmp_path: Path) -> None:
    killed = multiprocessing.get_context("fork").Process(target=hold_until_killed, args=[tmp_path])
    killed.start()
    killed.join()

    with claimed(tmp_path) as was_cut_short:
        assert was_cut_short
    with suppress(KeyboardInterrupt), claimed(tmp_path) as was_cut_short:
        assert not was_cut_short
        raise KeyboardInterrupt
    with claimed(tmp_path) as was_cut_short:
        assert not was_cut_short


def hold_until_killed(folder: Path) -> None:
    with claimed(folder):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigurationError, match=r"^--out = .*a folder that can be written to \("),
        claimed(tmp_path / name),
    ):
        pass
