"""The programs in the pages run as they stand."""

import os
import re

import pytest
from conftest import ROOT


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_programs_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    os.symlink(ROOT / "configs", tmp_path / "configs")
    programs = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert programs
    # A page is one session.
    session = {"__name__": "page"}
    for program in programs:
        exec(compile(program, page, "exec"), session)
    if page == "README.md":
        import matplotlib.pyplot as plt

        (axes,) = plt.gcf().axes
        assert len(axes.lines) > 1 and all(len(line.get_xdata()) > 3 for line in axes.lines)
        plt.close("all")
