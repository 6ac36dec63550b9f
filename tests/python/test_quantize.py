"""Arrays through formats: the bits of ml_dtypes and NumPy, and the dtypes, orders and shapes that are taken."""

import subprocess
import sys
import textwrap
import threading
import time

import ml_dtypes
import numpy as np
import pytest

import roundlaw

# Formats of ml_dtypes that round to nearest-even, whose NaN and overflow are compared where they are as told.
TYPES = {
    "e5m2": (ml_dtypes.float8_e5m2, {"overflow": "ieee"}),
    "e4m3": (ml_dtypes.float8_e4m3fn, {"overflow": "ieee"}),
    "e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, {"overflow": "ieee"}),
    "e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, {"overflow": "ieee"}),
    "e4m3b11fnuz": (ml_dtypes.float8_e4m3b11fnuz, {"overflow": "ieee"}),
    "e3m2": (ml_dtypes.float6_e3m2fn, {}),
    "e2m3": (ml_dtypes.float6_e2m3fn, {}),
    "e2m1": (ml_dtypes.float4_e2m1fn, {}),
    "bf16": (ml_dtypes.bfloat16, {"overflow": "ieee"}),
    "f16": (np.float16, {"overflow": "ieee"}),
}


def every_half() -> np.ndarray:
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def random_floats() -> np.ndarray:
    rng = np.random.default_rng(7)
    scaled = rng.standard_normal(200_000) * np.exp2(rng.integers(-20, 20, 200_000))
    return np.concatenate(
        [scaled.astype(np.float32), rng.integers(0, 1 << 32, 200_000, dtype=np.uint32).view(np.float32)]
    )


def ties(dtype) -> np.ndarray:
    """Every number of a type, and what lies halfway between neighbours, with the f32 around it."""
    bits = 16 if np.dtype(dtype).itemsize == 2 else 8
    numbers = np.arange(1 << bits, dtype=f"u{bits // 8}").view(dtype).astype(np.float32)
    numbers = np.unique(numbers[np.isfinite(numbers)])
    halfway = numbers[:-1] + (numbers[1:] - numbers[:-1]) / 2
    around = [np.nextafter(halfway, np.float32(side)) for side in (-np.inf, np.inf)]
    return np.concatenate([numbers, halfway, *around])


@pytest.mark.parametrize("name", TYPES)
def test_values_and_codes_are_those_of_ml_dtypes(name):
    dtype, options = TYPES[name]
    inputs = np.concatenate([every_half().astype(np.float32), random_floats(), ties(dtype)])
    if name in ("e3m2", "e2m3", "e2m1"):
        # Without infinity and NaN, which the libraries clip and refuse in ways of their own.
        inputs = inputs[np.isfinite(inputs)]
    found = roundlaw.quantize(inputs, name, **options)
    with np.errstate(all="ignore"):
        theirs = inputs.astype(dtype)
    is_number = ~np.isnan(theirs.astype(np.float32))
    assert np.array_equal(found.values[is_number].view(np.uint32), theirs.astype(np.float32)[is_number].view(np.uint32))
    assert np.isnan(found.values[~is_number]).all()
    assert np.array_equal(found.codes[is_number], theirs.view(found.codes.dtype)[is_number])
    decoded = roundlaw.decode(found.codes, name)
    assert np.array_equal(decoded[is_number].view(np.uint32), found.values[is_number].view(np.uint32))


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_integers_are_those_of_numpy(bits):
    inputs, step = random_floats(), 0.0625
    inputs = inputs[np.isfinite(inputs)]
    most = (1 << (bits - 1)) - 1
    found = roundlaw.quantize(inputs, f"int{bits}", step=step)
    theirs = np.clip(np.rint(inputs.astype(np.float64) / step), -most, most)
    assert np.array_equal(found.values, theirs * step)
    assert np.array_equal(found.codes, theirs.astype(np.int64) & ((1 << bits) - 1))
    clipped = np.abs(np.rint(inputs.astype(np.float64) / step)) > most
    assert found.saturated == clipped.sum()
    assert found.underflowed == ((theirs == 0) & (inputs != 0)).sum()


def test_unsigned_integers_have_the_zero_point_of_numpy():
    inputs, step, zero = random_floats(), 0.125, 13
    inputs = inputs[np.isfinite(inputs)]
    found = roundlaw.quantize(inputs, "uint8", step=step, zero_point=zero)
    codes = np.clip(np.rint(inputs.astype(np.float64) / step) + zero, 0, 255)
    assert np.array_equal(found.codes, codes)
    assert np.array_equal(found.values, (codes - zero) * step)
    assert np.array_equal(roundlaw.decode(found.codes, "uint8", step=step, zero_point=zero), found.values)


def test_blocks_share_the_scale_of_their_largest():
    inputs = np.random.default_rng(1).standard_normal((6, 96)).astype(np.float32)
    for axis, blocks in [(-1, inputs.reshape(6, 3, 32)), (0, inputs.T.reshape(96, 1, 6))]:
        found = roundlaw.quantize(inputs, "mxfp4", axis=axis)
        exponent = np.floor(np.log2(np.abs(blocks).max(-1))).astype(int) - 2
        must = (exponent + 127).astype(np.uint8)
        assert np.array_equal(found.scales, must if axis else must.T)
        scaled = np.clip(blocks * np.exp2(-exponent)[..., None], -6, 6).astype(np.float32)
        values = scaled.astype(ml_dtypes.float4_e2m1fn).astype(np.float32) * np.exp2(exponent)[..., None]
        values = values.reshape(6, 96) if axis else values.reshape(96, 6).T
        assert np.array_equal(found.values, values)
        again = roundlaw.decode(found.codes, "mxfp4", scales=found.scales, axis=axis)
        assert np.array_equal(again, found.values)
        theirs = found.scales.view(ml_dtypes.float8_e8m0fnu)
        assert np.array_equal(roundlaw.decode(found.codes, "mxfp4", scales=theirs, axis=axis), found.values)


def test_tiles_and_packed_codes():
    inputs = np.random.default_rng(2).standard_normal((2, 40, 48)).astype(np.float32)
    found = roundlaw.quantize(inputs, "nvfp4", tile=(16, 16), nibbles="low")
    assert found.codes.shape == (2, 40, 24) and found.scales.shape == (2, 3, 3)
    options = {"tile": (16, 16), "scales": found.scales, "tensor_scale": found.tensor_scale}
    assert np.array_equal(roundlaw.decode(found.codes, "nvfp4", nibbles="low", **options), found.values)
    high = roundlaw.quantize(inputs, "nvfp4", tile=(16, 16), nibbles="high").codes
    assert np.array_equal(high, found.codes << 4 | found.codes >> 4)
    with pytest.raises(roundlaw.InputError, match="--tensor-scale is missing"):
        roundlaw.decode(found.codes, "nvfp4", nibbles="low", tile=(16, 16), scales=found.scales)


@pytest.mark.parametrize(
    "dtype",
    [np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32]
    + [np.uint64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu]
    + [ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e3m4, ml_dtypes.float6_e2m3fn, ml_dtypes.float4_e2m1fn]
    + [ml_dtypes.int4, ml_dtypes.uint4, ">f4", ">f8", ">i2"],
)
def test_every_dtype_is_taken_as_its_numbers(dtype):
    inputs = np.array([1, 2, 3, 4, 6, 0.5, 1, 2]).astype(dtype)
    found = roundlaw.quantize(inputs, "fp32")
    assert found.values.dtype == np.float32 and np.array_equal(found.values, inputs.astype(np.float32))


def test_float64_is_rounded_once():
    above = np.nextafter(np.float64(464), np.inf)
    assert roundlaw.quantize([above, 464.0], "e4m3", overflow="ieee").nan == 1
    halfway = 1 + 2.0**-4 + 2.0**-40
    assert roundlaw.quantize([halfway], "e4m3").values == [1.125]
    assert roundlaw.quantize(np.float32([halfway]), "e4m3").values == [1.0]


def test_orders_shapes_and_strides_are_kept():
    inputs = np.random.default_rng(3).standard_normal((5, 7, 32)).astype(np.float32)
    must = roundlaw.quantize(inputs, "mxfp8")
    for own in [np.asfortranarray(inputs), inputs.transpose(2, 0, 1).copy().transpose(1, 2, 0)]:
        found = roundlaw.quantize(own, "mxfp8")
        assert np.array_equal(found.values, must.values) and np.array_equal(found.scales, must.scales)
    assert roundlaw.quantize(np.asfortranarray(inputs), "mxfp8").codes.flags.f_contiguous
    strided = roundlaw.quantize(np.repeat(inputs, 2, axis=1)[:, ::2], "mxfp8")
    assert np.array_equal(strided.codes, must.codes)
    frozen = inputs.copy()
    frozen.flags.writeable = False
    assert np.array_equal(roundlaw.quantize(frozen, "mxfp8").codes, must.codes)
    backward = roundlaw.quantize(inputs[:, :, ::-1], "e4m3").values
    assert np.array_equal(backward, roundlaw.quantize(inputs, "e4m3").values[:, :, ::-1])
    scalar = roundlaw.quantize(np.float32(0.3), "e4m3")
    assert scalar.values.shape == scalar.codes.shape == ()
    for shape in [(0,), (0, 32), (3, 0)]:
        empty = roundlaw.quantize(np.zeros(shape, np.float32), "mxfp4")
        assert empty.values.shape == empty.codes.shape == shape and empty.scales.size == 0


def test_random_roundings_depend_on_seed_and_place_alone():
    inputs = random_floats()[:4096].reshape(64, 64)
    options = {"format": "e4m3", "rounding": "stochastic"}
    found = [roundlaw.quantize(inputs, seed=seed, **options).values for seed in (1, 1, 2)]
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
    assert np.array_equal(roundlaw.quantize(np.asfortranarray(inputs), seed=1, **options).values, found[0])
    words = np.zeros(inputs.shape, np.uint32)
    down = roundlaw.quantize(inputs, random=words, **options).values
    assert np.array_equal(down, roundlaw.quantize(inputs, "e4m3", rounding="toward-zero").values)
    with pytest.raises(roundlaw.InputError, match=r"random has shape \[64\]: allowed is \[64, 64\], as array has"):
        roundlaw.quantize(inputs, random=words[0], **options)


def test_statistics_are_those_of_the_definition():
    inputs = np.random.default_rng(4).standard_normal(10_000).astype(np.float32)
    found = roundlaw.quantize(inputs, "e2m1", stats=True)
    error = found.values.astype(np.float64) - inputs
    assert found.stats["largest_error"] == np.abs(error).max()
    assert found.stats["mean_squared_error"] == pytest.approx((error**2).mean(), rel=1e-12)
    assert found.stats["saturated"] == found.saturated / inputs.size


def test_a_value_without_code_is_told_where_codes_are_read():
    found = roundlaw.quantize([1.0, np.nan], "int8", step=1.0)
    assert np.isnan(found.values[1]) and found.nan == 1
    with pytest.raises(roundlaw.InputError, match="--codes: element 1 has no code in this format"):
        _ = found.codes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roundlaw.quantize([1.0], "e4m4x"), "--format = .*e4m4x.*allowed"),
        (
            lambda: roundlaw.quantize([1.0], "mxfp4", step=1.0),
            "--step does not apply to this format: allowed are --format",
        ),
        (lambda: roundlaw.quantize([1.0], "e4m3", rouding="up"), "unexpected argument '--rouding' found"),
        (lambda: roundlaw.quantize([1.0], "mxfp4", axis=1), r"--axis 1: array has shape \[1\]: allowed are -1 to 0"),
        (lambda: roundlaw.quantize([1.0], "e4m3", axis=0), "--axis: allowed with formats whose blocks share a scale"),
        (lambda: roundlaw.quantize([1.0], "e4m3", seed=1), "--seed: allowed with --rounding stochastic or dither"),
        (lambda: roundlaw.quantize(["a"], "e4m3"), "array has dtype <U1: allowed are float32"),
        (lambda: roundlaw.quantize([1j], "e4m3"), "array has dtype complex128"),
        (lambda: roundlaw.quantize([[1.0]], "mxfp4", tile=(0, 16)), "allowed are two numbers from 1 to 65536"),
        (lambda: roundlaw.quantize([1.0] * 3, "e2m1", nibbles="low"), "allowed is an even last axis"),
        (lambda: roundlaw.decode([256], "e4m3"), "element 0 is 0x100: allowed are codes of 8 bits"),
        (lambda: roundlaw.decode([1], "mxfp4"), "--scales is missing"),
        (lambda: roundlaw.table("fp32"), "codes have 32 bits: allowed are tables of up to 16"),
    ],
)
def test_errors_have_the_messages_of_the_command_line(call, message):
    with pytest.raises(roundlaw.InputError, match=message) as caught:
        call()
    assert isinstance(caught.value, (roundlaw.Error, ValueError)) and caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_formats_and_tables():
    names = [row["name"] for row in roundlaw.formats()]
    assert len(names) == len(set(names)) and {"fp32", "e4m3", "mxfp4", "nvfp4", "eXmY"} <= set(names)
    codes = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    values = np.float32([row["value"] for row in roundlaw.table("e4m3")])
    assert np.array_equal(values, codes, equal_nan=True)


def test_other_threads_run_meanwhile():
    inputs = np.zeros(1 << 24, np.float32)
    inputs[:] = np.random.default_rng(5).standard_normal(1 << 24)
    ticks, is_done = [], threading.Event()

    def tick():
        while not is_done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.monotonic()
    roundlaw.quantize(inputs, "nvfp4", rounding="up")
    ended = time.monotonic()
    is_done.set()
    thread.join()
    during = [t for t in ticks if begun <= t <= ended]
    assert ended - begun > 0.02 and len(during) > 5, (ended - begun, len(during))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss is that of Linux")
def test_memory_is_that_of_the_results():
    program = textwrap.dedent("""
        import numpy as np, resource, roundlaw
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        for dtype in (np.float32, np.float64):
            x = np.ones(1 << 23, dtype)
            roundlaw.quantize(x[:1 << 19], "mxfp8")
            before = peak()
            del x
            x = np.ones(1 << 23, dtype)
            roundlaw.quantize(x, "mxfp8")
            print((peak() - before) / x.size)
    """)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    # Bytes of values, codes and scales for each element: no copy of the input is among them.
    assert max(map(float, found.split())) < 4 + 1 + 1 / 32 + 1.5, found


def test_an_array_is_read_where_it_is():
    from roundlaw._arrays import view

    for own in [np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float64, order="F"), np.zeros(0, np.float16)]:
        assert own.size == 0 or np.shares_memory(view("array", own)[1], own)
    assert not np.shares_memory(view("array", own := np.zeros((64, 64), np.float32)[:, ::2])[1], own)
