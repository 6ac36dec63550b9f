"""Arrays as the extension takes them: their bytes where they lie, and what is known of them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from roundlaw.errors import InputError

# NumPy's types, and those of ml_dtypes, by their names in a safetensors file. Types that are not here are refused, but
# other small floats and integers of ml_dtypes as numbers: float32 holds each of their values.
_ELEMENTS = {
    "float32": "F32",
    "float64": "F64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
}

_SMALL = ("float8_", "float6_", "float4_", "int4", "int2", "int1", "uint4", "uint2", "uint1")
_WORDS = ("uint8", "uint16", "uint32", "int8", "int16")

# The formats whose codes are the bits of a type of floats.
_FLOATS = {
    "float32": ("fp32",),
    "bfloat16": ("bf16",),
    "float16": ("f16",),
    "float8_e3m4": ("e3m4",),
    "float8_e4m3fn": ("e4m3", "mxfp8"),
    "float8_e5m2": ("e5m2", "mxfp8-e5m2"),
    "float8_e4m3b11fnuz": ("e4m3b11fnuz",),
    "float8_e4m3fnuz": ("e4m3fnuz",),
    "float8_e5m2fnuz": ("e5m2fnuz",),
    "float8_e8m0fnu": ("e8m0",),
    "float6_e2m3fn": ("e2m3", "mxfp6-e2m3"),
    "float6_e3m2fn": ("e3m2", "mxfp6-e3m2"),
    "float4_e2m1fn": ("e2m1", "mxfp4", "nvfp4"),
}

View = tuple[str, npt.NDArray[np.uint8], str, list[int], bool]


def view(name: str, array: npt.ArrayLike, is_fortran: bool | None = None) -> View:
    """The bytes of an array, in the order that is asked for or else in its own, C or Fortran. They are copied only
    where the elements do not follow one another in that order, or are big-endian."""
    own = _array(name, array)
    if own.dtype.name not in _ELEMENTS and own.dtype.name.startswith(_SMALL):
        own = own.astype(np.float32)
    element = _ELEMENTS.get(own.dtype.name)
    if element is None:
        allowed = ", ".join(_ELEMENTS)
        raise InputError(f"{name} has dtype {own.dtype}: allowed are {allowed}, and small types of ml_dtypes", 2)
    if own.dtype.byteorder == ">" or (own.dtype.byteorder == "=" and sys.byteorder == "big"):
        own = own.astype(own.dtype.newbyteorder("<"))
    if is_fortran is None:
        is_fortran = own.ndim > 1 and own.flags.f_contiguous and not own.flags.c_contiguous
    # A view where the elements follow one another.
    flat = (own.T if is_fortran else own).reshape(-1)
    return name, np.ascontiguousarray(flat).view(np.uint8), element, list(own.shape), is_fortran


def view_of_codes(
    name: str, codes: npt.ArrayLike, format: str, options: dict[str, Any], is_fortran: bool | None = None
) -> View:
    """Codes: words, whole numbers that fit some, or floats whose bits are the format's codes."""
    own = _array(name, codes)
    dtype = own.dtype.name
    if dtype in _FLOATS or dtype.startswith(("float8_", "float6_", "float4_")):
        # With these options a format is another one than its name says.
        is_other = any(options.get(option) is not None for option in ("specials", "bias"))
        if str(format) not in _FLOATS.get(dtype, ()) and not (is_other and own.itemsize == 1):
            said = f"{name} has dtype {dtype}, whose bits are no codes of {format}"
            raise InputError(f"{said}: allowed are {', '.join(_WORDS)}, as view() makes them", 2)
        own = own.view(f"u{own.itemsize}")
    elif dtype not in _ELEMENTS and dtype.startswith(_SMALL):
        # A code fills a byte.
        own = own.view(np.uint8)
    elif not isinstance(codes, np.ndarray) or dtype in ("int32", "int64", "uint64"):
        own = _narrow(name, own, str(format).startswith("int"))
    elif dtype not in _WORDS:
        raise InputError(f"{name} has dtype {own.dtype}: allowed are {', '.join(_WORDS)}, and types of the format", 2)
    return view(name, own, is_fortran)


def view_of_scales(scales: npt.ArrayLike, format: str, is_fortran: bool) -> View:
    """Bytes of scales, or scales in float32."""
    own = _array("scales", scales)
    if own.dtype in (np.float16, np.float32, np.float64):
        return view("scales", own.astype(np.float32, copy=False), is_fortran)
    of_format = "float8_e4m3fn" if str(format) == "nvfp4" else "float8_e8m0fnu"
    if own.dtype.name == of_format:
        own = own.view(np.uint8)
    elif own.dtype != np.uint8 and own.dtype.kind in "iu":
        own = _narrow("scales", own)
    if own.dtype != np.uint8:
        raise InputError(f"scales has dtype {own.dtype}: allowed are uint8, {of_format}, and float32 of absmax", 2)
    return view("scales", own, is_fortran)


def view_of_random(random: npt.ArrayLike, like: View) -> View:
    """A random word for each element of an array."""
    own, (name, _, _, shape, is_fortran) = _array("random", random), like
    if own.dtype != np.uint32 and own.dtype.kind in "iu":
        own = _narrow("random", own).astype(np.uint32)
    if own.dtype != np.uint32:
        raise InputError(f"random has dtype {own.dtype}: allowed is uint32", 2)
    if list(own.shape) != shape:
        raise InputError(f"random has shape {list(own.shape)}: allowed is {shape}, as {name} has", 2)
    return view("random", own, is_fortran)


def _array(name: str, array: npt.ArrayLike) -> np.ndarray:
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array: allowed are arrays without a mask, as filled() makes them", 2)
    return np.asarray(array)


def _narrow(name: str, words: np.ndarray, is_signed: bool = False) -> np.ndarray:
    """Whole numbers in the smallest type that holds them."""
    if words.size == 0:
        return words.astype(np.uint8)
    if words.dtype.kind in "iu":
        least, most = int(words.min()), int(words.max())
        if 0 <= least and most < 1 << 32:
            return words.astype(np.min_scalar_type(most))
        if is_signed and -(1 << 15) <= least and most < 1 << 15:
            return words.astype(np.int8 if -(1 << 7) <= least and most < 1 << 7 else np.int16)
    allowed = "from -2^15 to 2^32 - 1" if is_signed else "from 0 to 2^32 - 1"
    raise InputError(f"{name}: allowed are whole numbers {allowed}", 2)


def shaped(flat: npt.NDArray[Any], dtype: npt.DTypeLike, shape: list[int], is_fortran: bool) -> npt.NDArray[Any]:
    """Stored elements as an array of that type, shape and order, without a copy."""
    own = flat.view(dtype)
    return own.reshape(shape[::-1]).T if is_fortran else own.reshape(shape)


def words(options: dict[str, Any]) -> list[str]:
    """Keywords as options of the command line: ``scale_mode="rceil"`` is ``--scale-mode=rceil``."""
    found = []
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, (bool, np.bool_)):
            text = "true" if value else "false"
        elif isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim == 1):
            text = "x".join(str(part) for part in value)
        elif isinstance(value, np.floating):
            text = repr(float(value))
        else:
            text = str(value)
        found.append(f"--{name.replace('_', '-')}={text}")
    return found


def refuse(options: dict[str, Any], names: tuple[str, ...], allowed: str) -> None:
    """Refuses options that mean nothing to a function."""
    for name in names:
        if options.get(name) is not None:
            raise InputError(f"--{name}: allowed with {allowed}", 2)


def truth(name: str, value: Any) -> bool:
    """A truth value, of Python or NumPy."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name} = {value!r}: allowed are True, False", 2)
    return bool(value)
