"""What is given besides arrays: configs, overrides, directories, columns."""

import os

import numpy as np
import pytest

import roundlaw


def test_texts_of_any_script_are_overrides(config, tmp_path):
    recipe = [{"name": "fp32"}, {"name": "\U0001f600 \u00e9 \x7f \t \"'\\", "feature": "mxfp4"}]
    overridden = roundlaw.plan(config, overrides={"recipe": recipe})
    assert overridden["runs"] == 36 and overridden == roundlaw.plan({**config, "recipe": recipe})
    with pytest.raises(roundlaw.InputError, match="sweep.title = .* is no value of a config"):
        roundlaw.plan(config, overrides={"sweep.title": "\udcff"})


def test_a_path_with_an_equals_sign_is_a_path(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c=1.toml").write_text("problem = {}")
    with pytest.raises(roundlaw.InputError, match="c=1.toml"):
        roundlaw.plan("c=1.toml")
    roundlaw.sweep(config, "a=b", check="off")
    assert len(roundlaw.predict("a=b")) == len(roundlaw.predict(config))


def test_columns_are_names_or_one(config, tmp_path):
    roundlaw.sweep(config, tmp_path / "out", check="off")
    rows = roundlaw.read(tmp_path / "out").num_rows
    assert rows > 0
    assert roundlaw.read(tmp_path / "out", columns="recipe").column_names == ["recipe"]
    none = roundlaw.read(tmp_path / "out", columns=[])
    assert (none.num_rows, none.column_names) == (rows, [])
    assert roundlaw.read(tmp_path / "out", columns=np.array(["model", "recipe"])).column_names == ["model", "recipe"]
    with pytest.raises(roundlaw.InputError, match="columns: 'recip' is no column: .* did you mean 'recipe'"):
        roundlaw.read(tmp_path / "out", columns=["model", "recip"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda config: roundlaw.plan(None), "config = None: allowed are a path, a TOML text or a table"),
        (lambda config: roundlaw.plan([1]), "config = .*: allowed are a path, a TOML text or a table"),
        (lambda config: roundlaw.plan(b"no-such"), "no-such cannot be read"),
        (lambda config: roundlaw.plan(config, adapter=None), "--adapter None: allowed are cpu"),
        (lambda config: roundlaw.plan(config, overrides=None), "overrides = None: allowed are a table"),
        (lambda config: roundlaw.plan(config, overrides=3), "overrides = 3: allowed are a table"),
        (lambda config: roundlaw.plan(config, overrides=[3]), "overrides = .*: allowed are a table"),
        (lambda config: roundlaw.plan(config, overrides={"problem.noise": None}), "overrides: problem.noise = None"),
        (lambda config: roundlaw.plan(config | {"a": [{"b": None}]}), "config: a.0..b = None is no value of a config"),
        (
            lambda config: roundlaw.plan(config | {"a": float("nan")}),
            "config: a = nan is no value of a config: allowed is a finite number",
        ),
        (lambda config: roundlaw.sweep(config, "out", memory=-1), "--memory -1: allowed is a number of GiB above 0"),
        (lambda config: roundlaw.sweep(config, "out", memory=1e30), "--memory 1e.30: allowed is a number of GiB"),
        (lambda config: roundlaw.sweep(config, "out", memory=float("nan")), "--memory nan: allowed is a number of GiB"),
        (lambda config: roundlaw.sweep(config, "out", memory="1"), "--memory '1': allowed is a number of GiB"),
        (lambda config: roundlaw.sweep(config, "out", shard=None), "--shard None: allowed are i/n"),
        (lambda config: roundlaw.sweep(config, "out", check=1.5), "--check 1.5: allowed are auto"),
        (lambda config: roundlaw.sweep(config, "out", progress=3), "progress = 3: allowed is a function"),
        (lambda config: roundlaw.sweep(config, None), "out = None: allowed is a path"),
        (lambda config: roundlaw.predict(config, budget="1"), "--budget '1': allowed is a finite number"),
        (lambda config: roundlaw.predict(config, prior=1), "prior = 1: allowed are True, False"),
        (lambda config: roundlaw.predict(config, progress="x"), "progress = 'x': allowed is a function"),
        (lambda config: roundlaw.fit(), "dirs is empty: allowed are one directory or more"),
        (lambda config: roundlaw.fit(["a"]), "dirs = .*: allowed is a path"),
        (lambda config: roundlaw.fit("a", resamples=-1), "--resamples -1: allowed is a whole number in 40"),
        (lambda config: roundlaw.fit("a", resamples=None), "--resamples None: allowed is a whole number in 40"),
        (lambda config: roundlaw.status(3), "dir = 3: allowed is a path"),
    ],
)
def test_what_is_of_another_kind_is_refused(call, message, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(roundlaw.InputError, match=message):
        call(config)
    assert not os.path.exists("out")
