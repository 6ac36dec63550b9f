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

View = tuple[str, npt.NDArray[np.uint8], str, list[int], bool]


def view(name: str, array: npt.ArrayLike, as_codes: bool = False) -> View:
    """The bytes of an array, which are copied only if its elements do not follow one another or are big-endian."""
    own = np.asarray(array)
    if as_codes and not isinstance(array, np.ndarray):
        own = _codes(name, own)
    if own.dtype.name not in _ELEMENTS and own.dtype.name.startswith(_SMALL):
        # A code of ml_dtypes fills a byte.
        own = own.view(np.uint8) if as_codes else own.astype(np.float32)
    element = _ELEMENTS.get(own.dtype.name)
    if element is None:
        allowed = ", ".join(_ELEMENTS)
        raise InputError(f"{name} has dtype {own.dtype}: allowed are {allowed}, and small types of ml_dtypes", 2)
    if own.dtype.byteorder == ">" or (own.dtype.byteorder == "=" and sys.byteorder == "big"):
        own = own.astype(own.dtype.newbyteorder("<"))
    shape = list(own.shape)
    is_fortran = own.ndim > 1 and own.flags.f_contiguous and not own.flags.c_contiguous
    # A view where the elements follow one another.
    flat = (own.T if is_fortran else own).reshape(-1)
    return name, np.ascontiguousarray(flat).view(np.uint8), element, shape, is_fortran


def view_of_scales(scales: npt.ArrayLike) -> View:
    """Bytes of scales, or scales in float32."""
    is_byte = np.asarray(scales).dtype not in (np.float16, np.float32, np.float64)
    return view("scales", scales if is_byte else np.asarray(scales, np.float32), as_codes=is_byte)


def _codes(name: str, codes: np.ndarray) -> np.ndarray:
    """Whole numbers of a list in the smallest type that holds them."""
    if codes.size == 0:
        return codes.astype(np.uint8)
    if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() > 0xFFFFFFFF:
        raise InputError(f"{name}: allowed are whole numbers from 0 to 2^32 - 1", 2)
    return codes.astype(np.min_scalar_type(codes.max()))


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
        elif isinstance(value, tuple):
            text = "x".join(str(part) for part in value)
        elif isinstance(value, np.floating):
            text = repr(float(value))
        else:
            text = str(value)
        found.append(f"--{name.replace('_', '-')}={text}")
    return found
