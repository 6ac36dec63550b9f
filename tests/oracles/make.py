#!/usr/bin/env python3
"""Writes the tables of this directory from what ml_dtypes, gfloat and numpy compute; see README.md.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py

Nothing is random: the same versions write the same bytes.
"""

import pathlib

import gfloat
import ml_dtypes
import numpy as np
from gfloat import RoundMode, formats

HERE = pathlib.Path(__file__).parent
INFINITY, SIGN = 0x7F800000, 0x80000000
SPECIAL = [INFINITY, SIGN | INFINITY, 0x7FC00000, 0xFFC00000, 0xFFFFFFFF]
LARGEST, SMALLEST = 0x7F7FFFFF, 1  # of f32

# Name in the tables: bits of a code, type of ml_dtypes or numpy, format of gfloat.
FORMATS = {
    "e4m3": (8, ml_dtypes.float8_e4m3fn, formats.format_info_ocp_e4m3),
    "e5m2": (8, ml_dtypes.float8_e5m2, formats.format_info_ocp_e5m2),
    "e3m2": (6, ml_dtypes.float6_e3m2fn, formats.format_info_ocp_e3m2),
    "e2m3": (6, ml_dtypes.float6_e2m3fn, formats.format_info_ocp_e2m3),
    "e2m1": (4, ml_dtypes.float4_e2m1fn, formats.format_info_ocp_e2m1),
    "e8m0": (8, ml_dtypes.float8_e8m0fnu, formats.format_info_ocp_e8m0),
    "e4m3fnuz": (8, ml_dtypes.float8_e4m3fnuz, None),
    "e5m2fnuz": (8, ml_dtypes.float8_e5m2fnuz, None),
    "e4m3b11fnuz": (8, ml_dtypes.float8_e4m3b11fnuz, None),
    "e4m3-ieee": (8, ml_dtypes.float8_e4m3, None),
    "e3m4-ieee": (8, ml_dtypes.float8_e3m4, None),
    "bf16": (16, ml_dtypes.bfloat16, formats.format_info_bfloat16),
    "f16": (16, np.float16, formats.format_info_binary16),
}
ELEMENTS = ["e4m3", "e5m2", "e3m2", "e2m3", "e2m1"]
BLOCKS = {
    "mxfp8": formats.format_info_mxfp8_e4m3,
    "mxfp8-e5m2": formats.format_info_mxfp8_e5m2,
    "mxfp6-e3m2": formats.format_info_mxfp6_e3m2,
    "mxfp6-e2m3": formats.format_info_mxfp6_e2m3,
    "mxfp4": formats.format_info_mxfp4_e2m1,
    "mxint8": formats.format_info_mxint8,
}
DIRECTIONS = {"nearest-even": RoundMode.TiesToEven, "nearest-away": RoundMode.TiesToAway}
DIRECTIONS |= {"toward-zero": RoundMode.TowardZero, "up": RoundMode.TowardPositive, "down": RoundMode.TowardNegative}
STOCHASTIC = [RoundMode.StochasticFastest, RoundMode.StochasticFast, RoundMode.Stochastic, RoundMode.StochasticOdd]


def bits(value):
    """The f32 bits of a value that f32 holds; every NaN is 7fc00000."""
    if np.isnan(value):
        return 0x7FC00000
    assert float(np.float32(value)) == float(value), value
    return int(np.float32(value).view(np.uint32))


def value(pattern):
    return float(np.uint32(pattern).view(np.float32))


def digits(pattern, width=32):
    return f"{pattern:0{max(width // 4, 2)}x}"


def write(name, header, rows):
    text = "\n".join([header, *(",".join(row) for row in rows)]) + "\n"
    (HERE / name).write_text(text, newline="\n")


def codes_of(name):
    """All codes of up to 8 bits; of 16 bits the ends and the middle of some exponents."""
    width = FORMATS[name][0]
    if width < 16:
        return list(range(1 << width))
    mantissa = 7 if name == "bf16" else 10
    last = (1 << (15 - mantissa)) - 1  # the exponent field of infinities and NaNs
    fields = sorted({0, 1, 2, last - 1, last, *range(0, last, (last + 1) // 8)})
    inside = [0, 1, 2, 1 << (mantissa - 1), (1 << mantissa) - 2, (1 << mantissa) - 1]
    return [sign << 15 | field << mantissa | low for sign in (0, 1) for field in fields for low in inside]


def decoded(name, code):
    width, dtype, _ = FORMATS[name]
    raw = np.array([code], np.uint16 if width == 16 else np.uint8)
    with np.errstate(invalid="ignore"):
        return float(raw.view(dtype).astype(np.float64)[0])


def decode_rows():
    for name, (width, _, info) in FORMATS.items():
        for code in codes_of(name):
            pattern = bits(decoded(name, code))
            assert info is None or pattern == bits(gfloat.decode_float(info, code).fval), (name, code)
            yield name, digits(code, width), digits(pattern), "1" if info is None else "2"


def inputs(name, negative=1):
    """Bits of finite inputs: values, midpoints, what would be the next value after the largest, and twice that, each
    with both f32 neighbours, and ends of f32. Negative ones too, or only every so manieth."""
    points = set()
    for code in codes_of(name):
        low = decoded(name, code)
        if low > 0 and np.isfinite(low):
            high = decoded(name, code + 1)
            high = high if np.isfinite(high) and high > 0 else 2 * low - decoded(name, code - 1)
            points |= {low, (low + high) / 2, high}
    points |= {min(points) / 2, min(points) / 4, 2 * max(points)}
    patterns = {0, SMALLEST, 2, 0x00200000, 0x00400000, 0x007FFFFF, 0x00800000, LARGEST}
    for point in points:
        if value(SMALLEST) <= point <= value(LARGEST) and float(np.float32(point)) == point:
            patterns |= {bits(point) - 1, bits(point), min(bits(point) + 1, LARGEST)}
    if name == "e8m0":  # no sign, and few octaves are enough
        kept = {p for p in patterns if ((p + 1) >> 23) % 8 == 7 or p < 0x01000000 or p > 0x7E800000}
        return sorted(kept) + [SIGN, SIGN | 1, 0xBF800000]
    return sorted(patterns) + [SIGN | p for p in sorted(patterns)[::negative]]


def encode_rows():
    for name, (width, dtype, _) in FORMATS.items():
        for pattern in inputs(name) + SPECIAL:
            with np.errstate(all="ignore"):
                code = np.array([pattern], np.uint32).view(np.float32).astype(dtype)
            code = int(code.view(np.uint16 if width == 16 else np.uint8)[0])
            yield name, digits(pattern), digits(code, width)


def rounded(info, pattern, mode, saturate, *random):
    """gfloat's result as f32 bits, or none where it refuses."""
    try:
        return digits(bits(gfloat.round_float(info, value(pattern), mode, saturate, *random)))
    except ValueError:
        return "none"


def round_rows():
    for name in ELEMENTS:
        info = FORMATS[name][2]
        for pattern in inputs(name, 4) + SPECIAL[:4]:
            beyond = pattern & ~SIGN > bits(info.max)  # below, saturate changes nothing
            for saturate in [True, False] if beyond else [True]:
                results = [rounded(info, pattern, mode, saturate) for mode in DIRECTIONS.values()]
                yield name, digits(pattern), str(int(saturate)), *results


def stochastic_rows():
    """Fractions next to multiples of 1/512, and random bytes next to where the result changes."""
    for name in ELEMENTS:
        info = FORMATS[name][2]
        values = [decoded(name, code) for code in range(info.code_of_max + 1)]
        places = sorted({0, 1, len(values) // 3, len(values) // 2, len(values) - 2})
        for turn, place in enumerate(places):
            low, step = values[place], values[place + 1] - values[place]
            for half in (0, 1, 2, 77 + turn, 255, 256, 257, 300 + 7 * turn, 511):
                exact = bits(low + step * half / 512)
                sign = SIGN if (turn + half) % 3 == 0 else 0
                change = 256 - half // 2
                for pattern in sorted({exact, exact + 1, max(exact - 1, bits(low))}):
                    for random in (r for r in (change - 1, change, change + 1) if r < 256):
                        results = [rounded(info, pattern | sign, mode, True, random, 8) for mode in STOCHASTIC]
                        yield name, digits(pattern | sign), "8", digits(random, 8), *results


def blocks():
    """Blocks of 32 f32 bit patterns, where they need variety from a linear congruence."""
    state = 1

    def word():
        nonlocal state
        state = (state * 1664525 + 1013904223) % (1 << 32)
        return state

    def spread(top, octaves):
        """The last has the exponent field `top`, the others at most that and at least `octaves` less."""
        fields = [max(top - (word() >> 8) % (octaves + 1), 0) for _ in range(31)] + [top]
        return [(word() & SIGN) | field << 23 | word() >> 9 for field in fields]

    yield from ([0] * 32, [SIGN] * 32, [SMALLEST] * 32)
    yield [0, SIGN] * 15 + [0, 0x3F800000]
    for top in (127, 135, 20, 254):  # powers of two
        yield [(top - k % 16) << 23 | SIGN * (k & 1) for k in range(32)]
    for mantissa in (0x400000, 0x400001, 0x600000, 0x600001, 0x700000, 0x7C0000, 0x7E0000, 0x7E0001, 0x7FFFFF):
        yield [127 << 23 | mantissa, SIGN | 127 << 23 | mantissa, *spread(126, 6)[2:]]
    for top in (254, 253, 140, 128, 100, 40, 14, 9, 5, 2, 1, 0):
        yield spread(top, 10)
    yield [word() >> 12 for _ in range(32)]


def block_rows():
    for name, info in BLOCKS.items():
        for number, patterns in enumerate(blocks()):
            values = np.array([value(p) for p in patterns], np.float64)
            scale = gfloat.encode_float(info.stype, gfloat.compute_scale_amax(info.etype.emax, values))
            results = [bits(v) for v in gfloat.quantize_block(info, values, gfloat.compute_scale_amax)]
            yield name, str(number), " ".join(map(digits, patterns)), digits(scale, 8), " ".join(map(digits, results))


write("decode.csv", "format,code,value,libraries", decode_rows())
write("encode.csv", "format,input,code", encode_rows())
write("round.csv", "format,input,saturate," + ",".join(DIRECTIONS), round_rows())
write("stochastic.csv", "format,input,bits,random," + ",".join(m.name for m in STOCHASTIC), stochastic_rows())
write("block.csv", "format,block,input,scale,value", block_rows())
