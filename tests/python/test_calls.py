"""Calls beside one another: a sweep leaves threads to others, signals are served, each call has its own warnings."""

import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

import roundlaw


def interruptible():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_calls_go_on_while_a_sweep_runs(config, long_config, tmp_path):
    x = np.random.default_rng(0).standard_normal((500, 1000), dtype=np.float32)
    small = {**config, "train": {"model": [4], "samples": [64]}, "sweep": {"seeds": 3}}
    is_enough, is_done = threading.Event(), threading.Event()

    def stop(*_):
        if is_enough.is_set():
            raise LookupError

    def run():
        with contextlib.suppress(LookupError):
            roundlaw.sweep(long_config, tmp_path / "out", progress=stop)
        is_done.set()

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    q = roundlaw.quantize(x, "mxfp4")
    assert np.array_equal(roundlaw.decode(q.codes, "mxfp4", scales=q.scales), q.values)
    assert roundlaw.verify_codec(x, "mxfp4", codes=q.codes, scales=q.scales)["different"] == 0
    assert len(roundlaw.predict(small)) == 2
    assert roundlaw.sweep(small, tmp_path / "small").runs == 6
    is_ended = is_done.is_set()
    is_enough.set()
    thread.join()
    assert not is_ended, "another call waited for the sweep"


def test_a_second_signal_is_looked_at_too(long_config, tmp_path):
    program = textwrap.dedent("""
        import os, signal, sys, threading, time, roundlaw
        calls = []
        def handler(*_):
            calls.append(time.monotonic())
            if len(calls) == 1:
                raise KeyboardInterrupt
        signal.signal(signal.SIGINT, handler)
        def kill():
            for _ in range(2):
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGINT)
        def progress(*_):
            if not calls:
                threading.Thread(target=kill).start()
                time.sleep(0.3)
        try:
            roundlaw.sweep({config!r}, sys.argv[1], progress=progress)
        except KeyboardInterrupt:
            while len(calls) < 2:
                time.sleep(0.01)
            print(len(calls))
    """).replace("{config!r}", repr(long_config))
    words = [sys.executable, "-c", program, str(tmp_path / "out")]
    found = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert found.stdout == "2\n", found.stderr


def test_warnings_are_those_of_their_own_call(config, tmp_path):
    config["train"]["step_size"] = 4.0
    strangers, is_done = [], threading.Event()

    def other():
        while not is_done.is_set():
            try:
                roundlaw.table("e2m1")
            except Warning as warning:
                strangers.append(warning)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        thread = threading.Thread(target=other)
        thread.start()
        try:
            for k in range(3):
                with pytest.raises(roundlaw.RoundlawWarning):
                    roundlaw.sweep(config, tmp_path / str(k))
        finally:
            is_done.set()
            thread.join()
    assert not strangers


def test_a_warning_does_not_hide_an_error(config, tmp_path):
    config["train"]["step_size"] = 4.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(roundlaw.InputError, match="--memory is that of a GPU"):
            roundlaw.sweep(config, tmp_path / "out", memory=1.0)


def test_nothing_of_an_interrupted_call_is_told_later(config, tmp_path, recwarn):
    config["train"]["step_size"] = 4.0

    def stop(*_):
        raise LookupError

    config["train"]["samples"] = [65536]
    with pytest.raises(LookupError):
        roundlaw.sweep(config, tmp_path / "out", progress=stop)
    assert any("step_size" in str(own.message) for own in recwarn.list)
    recwarn.clear()
    roundlaw.table("e2m1")
    assert not recwarn.list


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_ctrl_c_ends_the_first_pass_of_nvfp4():
    program = textwrap.dedent("""
        import numpy as np, os, signal, threading, roundlaw
        x = np.ones(1 << 25, np.float32)
        threading.Timer(0.01, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            for _ in range(100):
                roundlaw.quantize(x, "nvfp4")
        except KeyboardInterrupt:
            print("interrupted")
    """)
    words = [sys.executable, "-c", program]
    found = subprocess.run(words, capture_output=True, text=True, timeout=60, preexec_fn=interruptible)
    assert found.stdout == "interrupted\n", found.stderr
