"""Sweeps from Python: the bits of the command, progress, interruption, and what comes of a directory."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
from conftest import ROOT

import roundlaw


def test_a_sweep_has_the_digest_of_the_command(tmp_path):
    done = roundlaw.sweep(ROOT / "configs/smoke.toml", tmp_path / "smoke", adapter="cpu")
    digest = (ROOT / "tests/digests/smoke.txt").read_text().split()[1]
    status = roundlaw.status(tmp_path / "smoke")
    assert status["digest"] == digest and status["done"] == status["runs"] == done.runs
    assert done.checked == status["checked"] > 0 and done.report.read_text().startswith("<!DOCTYPE html>")
    again = roundlaw.sweep(ROOT / "configs/smoke.toml", tmp_path / "smoke")
    assert again.runs == 0


def test_a_config_is_a_path_a_text_or_a_table(config, tmp_path):
    text = """
        problem = { dim = 100, spectrum = { kind = "power", exponent = 2.0 } }
        train = { model = [4, 8, 16], samples = [64, 256] }
        recipe = [{ name = "fp32" }, { name = "e4m3 weights", weight = "e4m3" }]
        sweep = { seeds = 3 }
    """
    (tmp_path / "config.toml").write_text(text)
    plans = [roundlaw.plan(own) for own in (config, text, tmp_path / "config.toml", str(tmp_path / "config.toml"))]
    assert plans[0]["runs"] == 36 and all(own == plans[0] for own in plans)
    config["train"]["model"] = np.array([4, 8, 16])
    overridden = roundlaw.plan(config, overrides={"sweep.seeds": np.int64(5), "train.samples": [64]})
    assert overridden["runs"] == 3 * 2 * 5
    named = roundlaw.plan(config, overrides=['recipe."e4m3 weights".weight.rounding=stochastic'])
    assert named["runs"] == 36


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": {"dims": 1}}, "problem.dims is no known key: allowed are dim"),
        ({"train": {"model": 0, "samples": 64}}, "train.model = 0: allowed is"),
        ({"recipe": None}, "config: .*: allowed is what TOML has"),
        ({"recipe": {1.5}}, "is no value of a config: allowed is what TOML has"),
    ],
)
def test_a_config_is_refused_as_the_command_does(config, change, message):
    with pytest.raises(roundlaw.InputError, match=message):
        roundlaw.plan(config | change)


def test_errors_are_those_of_the_command(config, tmp_path):
    with pytest.raises(roundlaw.InputError, match="no-such.toml cannot be read"):
        roundlaw.plan(tmp_path / "no-such.toml")
    with pytest.raises(roundlaw.NoAdapterError, match="--adapter no such adapter: ") as caught:
        roundlaw.sweep(config, tmp_path / "out", adapter="no such adapter")
    assert caught.value.exit_code == 4
    with pytest.raises(roundlaw.InputError, match="--shard 0/9: allowed is i/n with n <= sweep.seeds = 3"):
        roundlaw.sweep(config, tmp_path / "out", shard="0/9")
    with pytest.raises(roundlaw.InputError, match='--check = "some": allowed are auto, all, off'):
        roundlaw.sweep(config, tmp_path / "out", check="some")
    with pytest.raises(roundlaw.InputError, match="--memory is that of a GPU"):
        roundlaw.sweep(config, tmp_path / "out", memory=1.0)
    assert not (tmp_path / "out").exists()
    roundlaw.sweep(config, tmp_path / "out", shard="0/3")
    with pytest.raises(roundlaw.Error) as caught:
        roundlaw.sweep(config, tmp_path / "out", overrides={"train.step_size": 0.05})
    assert caught.value.exit_code == 2
    part = next((tmp_path / "out" / "rows").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    with pytest.raises(roundlaw.CorruptError):
        roundlaw.read(tmp_path / "out")


def test_warnings_are_those_of_the_command(config, tmp_path):
    config["train"]["step_size"] = 4.0
    with pytest.warns(roundlaw.RoundlawWarning, match="step_size"):
        roundlaw.sweep(config, tmp_path / "out")
    with warnings.catch_warnings(), pytest.raises(roundlaw.RoundlawWarning):
        warnings.simplefilter("error")
        roundlaw.sweep(config, tmp_path / "other")


def test_rows_fits_and_predictions_of_a_directory(config, tmp_path):
    config["sweep"]["seeds"] = 8
    out = tmp_path / "out"
    roundlaw.sweep(config, out, check="all")
    table = roundlaw.read(out)
    assert table.num_rows == roundlaw.status(out)["rows"] and set(table["checked"].to_pylist()) == {"exact"}
    assert roundlaw.read(out, columns=["recipe", "model"]).column_names == ["recipe", "model"]
    expected = roundlaw.predict(out)
    assert (out / "predict.parquet").exists() and expected == roundlaw.predict(config)
    exact = {(row["recipe"], row["model"], row["samples"]): row for row in expected if row["status"] == "exact"}
    assert len(exact) == 6
    rows = table.to_pylist()
    for (recipe, model, samples), row in exact.items():
        own = [(recipe, model, samples) == (r["recipe"], r["model"], r["samples"]) for r in rows]
        found = np.array([r["excess"] for r, is_own in zip(rows, own) if is_own])
        assert len(found) == 8
        assert abs(found.mean() - row["excess"]) < 6 * found.std(ddof=1) / 8**0.5
    seeds = roundlaw.predict(config, per_seed=True)
    assert {row["seed_index"] for row in seeds} == set(range(8))
    fits = roundlaw.fit(out, resamples=100)
    assert fits[0]["directory"] == str(out) and (out / "fit.json").exists()
    with pytest.raises(roundlaw.InputError, match="allowed is --set with a config file"):
        roundlaw.predict(out, overrides={"sweep.seeds": 2})


def test_progress_counts_to_the_end_and_its_exception_ends_the_sweep(long_config, tmp_path):
    calls = []

    def stop(done, total, seconds_left):
        calls.append((done, total, seconds_left))
        if done >= 10:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        roundlaw.sweep(long_config, tmp_path / "out", progress=stop)
    kept = roundlaw.status(tmp_path / "out")
    assert 10 <= kept["done"] < kept["runs"] == 128
    finished = [done for done, _, _ in calls]
    assert finished == sorted(finished) and all(total == 128 for _, total, _ in calls)
    assert any(left is not None and left > 0 for *_, left in calls)
    long_config["sweep"]["seeds"] = kept["done"] // 2 + 4
    finished = []
    roundlaw.sweep(long_config, tmp_path / "out", progress=lambda *call: finished.append(call))
    assert finished[-1][0] == finished[-1][1] and finished[-1][2] == 0.0


def test_ctrl_c_ends_a_sweep_that_the_same_call_continues(long_config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(long_config))
    program = textwrap.dedent("""
        import json, sys, roundlaw
        def tell(done, total, left):
            print(done, flush=True)
        config = json.load(open(sys.argv[1]))
        try:
            roundlaw.sweep(config, sys.argv[2], progress=tell)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    words = [sys.executable, "-c", program, str(tmp_path / "config.json"), str(tmp_path / "out")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=_default_signals) as process:
        while int(process.stdout.readline()) < 4:
            pass
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.communicate(timeout=60)[0].endswith("interrupted\n")
    assert time.monotonic() - begun < 20
    kept = roundlaw.status(tmp_path / "out")
    assert 4 <= kept["done"] < kept["runs"]
    seeds = kept["done"] // 2 + 4
    long_config["sweep"]["seeds"] = seeds
    done = roundlaw.sweep(long_config, tmp_path / "out")
    assert 0 < done.runs < 128
    roundlaw.sweep(long_config, tmp_path / "whole")
    assert roundlaw.status(tmp_path / "out")["digest"] == roundlaw.status(tmp_path / "whole")["digest"]


def _default_signals():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_run_meanwhile(config, tmp_path):
    config["train"]["samples"] = [65536]
    ticks, is_done = [0], threading.Event()

    def tick():
        while not is_done.is_set():
            ticks[0] += 1
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.monotonic()
    roundlaw.sweep(config, tmp_path / "out")
    seconds = time.monotonic() - begun
    is_done.set()
    thread.join()
    assert ticks[0] > 10 * seconds, (ticks[0], seconds)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_is_told_to_start_anew():
    program = textwrap.dedent("""
        import os, roundlaw
        roundlaw.quantize([1.0], "e4m3")
        if os.fork() == 0:
            try:
                roundlaw.quantize([1.0], "e4m3")
            except roundlaw.InputError as error:
                os._exit(7 if "spawn" in str(error) else 1)
            os._exit(2)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """)
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60)
    assert found.stdout == "7\n", found.stderr
