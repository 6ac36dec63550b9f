"""Somebody else's codec: causes are found in arrays as in files."""

import ml_dtypes
import numpy as np
import pytest

import roundlaw


def inputs() -> np.ndarray:
    return np.random.default_rng(11).standard_normal((48, 64)).astype(np.float32)


def test_a_codec_without_faults_differs_nowhere():
    x = inputs()
    found = roundlaw.verify_codec(x, "e4m3", codes=x.astype(ml_dtypes.float8_e4m3fn))
    assert (found["rows"], found["different"], found["causes"]) == (x.size, 0, [])
    again = roundlaw.quantize(x, "mxfp4", axis=0, nibbles="high")
    found = roundlaw.verify_codec(x, "mxfp4", codes=again.codes, scales=again.scales, axis=0, nibbles="high")
    assert found["different"] == found["different_scales"] == 0
    found = roundlaw.verify_codec(np.asfortranarray(x), "mxfp4", values=np.asfortranarray(again.values), axis=0)
    assert found["different"] == 0


@pytest.mark.parametrize(
    ("format", "fault", "cause"),
    [
        ("e4m3", {"rounding": "toward-zero"}, "toward zero"),
        ("e4m3", {"format": "e5m2"}, "e5m2"),
        ("mxfp4", {"scale_mode": "rceil"}, "scale"),
    ],
)
def test_the_cause_of_differences_is_the_first_one(format, fault, cause):
    x = inputs()
    theirs = roundlaw.quantize(x, **{"format": format, **fault})
    found = roundlaw.verify_codec(x, format, codes=theirs.codes, scales=theirs.scales)
    assert found["different"] > 0 and cause in found["causes"][0]["cause"]
    assert found["causes"][0]["explains"] == found["different"]
    assert found["causes"][0]["confirm"].startswith("roundlaw quantize --format")
    assert found["first"][0]["index"][0] >= 0


def test_random_roundings_are_judged_by_statistics():
    x = inputs()
    options = {"format": "e4m3", "rounding": "stochastic"}
    calls = [roundlaw.quantize(x, seed=seed, **options).values for seed in (1, 2)]
    found = roundlaw.verify_codec(x, values=calls[0], again=calls[1], **options)
    assert found["different"] == 0 and all(test["passed"] for test in found["tests"])
    same = roundlaw.verify_codec(x, values=calls[0], again=calls[0], **options)
    assert not all(test["passed"] for test in same["tests"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "--codec: allowed are --codes or --values"),
        ({"codes": [0], "values": [0.0]}, "cannot be used with '--codes'"),
        ({"codes": [0, 1]}, r"--codes: codes has elements of shape \[2\]: allowed is \[1\], as inputs has"),
        ({"values": [0.1]}, "numbers that are no f32"),
        ({"values": [0.0], "again": [0.0]}, "--again: allowed with --rounding stochastic"),
        ({"codes": [0], "nibbles": "low"}, "--nibbles: allowed with codes of up to 4 bits, not of 8"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, message):
    with pytest.raises(roundlaw.InputError, match=message):
        roundlaw.verify_codec([1.0], "e4m3", **given)
