"""Formats, arrays through a format, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from roundlaw import _roundlaw
from roundlaw._arrays import refuse, shaped, truth, view, view_of_codes, view_of_random, view_of_scales, words
from roundlaw.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Quantized:
    """An array in a number format, as :func:`quantize` makes it."""

    #: What the codes stand for, scales included: float32, in the shape and the order of the input.
    values: npt.NDArray[np.float32]
    #: A byte for each block: E8M0 (2^(byte - 127)), of nvfp4 E4M3 or UE5M3; a float32 of absmax scales. None where
    #: nothing is shared.
    scales: npt.NDArray[np.uint8] | npt.NDArray[np.float32] | None
    #: The name of the format.
    format: str
    #: How many elements were clipped to the largest value.
    saturated: int
    #: How many underflowed: not zero, they became zero.
    underflowed: int
    #: How many are not finite.
    nan: int
    #: How many numbers of the input are no float32: rounded once, to the format, where that rounds by comparing.
    inexact: int
    #: What multiplies all of a two-level format, as nvfp4: as given, or from the largest magnitude. Else None.
    tensor_scale: float | None
    #: With ``stats=True``: sqnr_db, mean_squared_error, largest_error, the shares saturated, flushed and not_finite.
    stats: dict[str, Any] | None
    _codes: npt.NDArray[Any]
    _without_code: str | None

    @property
    def codes(self) -> npt.NDArray[Any]:
        """The code of each element in the low bits of uint8, or uint16 above 8 bits, or uint32 above 16; integers in
        two's complement; with ``nibbles`` two codes in a byte.

        Raises:
            InputError: the format has no code for an element, as a NaN where it has none.
        """
        if self._without_code is not None:
            raise InputError(self._without_code, 2)
        return self._codes

    def __repr__(self) -> str:
        counts = f"saturated={self.saturated}, underflowed={self.underflowed}, nan={self.nan}"
        return f"<Quantized {self.format} shape={self.values.shape} {counts}>"


def quantize(
    array: npt.ArrayLike,
    format: str,
    *,
    axis: int | None = None,
    tile: Sequence[int] | None = None,
    nibbles: str | None = None,
    seed: int | np.integer[Any] | None = None,
    random: npt.ArrayLike | None = None,
    stats: bool = False,
    **options: Any,
) -> Quantized:
    """Rounds an array to a number format: the bits of ``roundlaw quantize``.

    Args:
        array: float32, float64, float16, integers, bfloat16 and the small types of ml_dtypes, in any order; what lies
            in one piece is read where it is. float64 and wide integers are rounded once, to the format.
        format: a name of :func:`formats`, or any eXmY.
        axis: blocks run along it, by default along the last.
        tile: rows and columns of blocks that are tiles of the last two axes, as (16, 16).
        nibbles: "low" or "high": codes of up to 4 bits are two in a byte, the first one there; all is in C order.
        seed: key of the random words of a random rounding, by default 0.
        random: uint32 in the shape of the array, a random word for each element, in place of the seed's.
        stats: whether to measure errors, see :attr:`Quantized.stats`.
        **options: of the format, as a recipe has them, with underscores: rounding, bits, step, range, scale, block,
            scale_mode, tensor_scale, overflow, nan, subnormals, bias, specials and others; docs/formats.md has them
            all.

    Raises:
        InputError: with the message of the command line.

    Examples:
        >>> import roundlaw
        >>> e4m3 = roundlaw.quantize([464, 465, -0.3], "e4m3")
        >>> e4m3.values.tolist(), e4m3.saturated
        ([448.0, 448.0, -0.3125], 1)
        >>> mxfp4 = roundlaw.quantize([[1.0, 6.0], [0.1, 0.25]], "mxfp4", scale_mode="rceil")
        >>> mxfp4.codes.tolist(), mxfp4.scales.tolist()
        ([[2, 7], [3, 6]], [[127], [123]])
        >>> roundlaw.quantize(0.3, "int8", step=0.0625, rounding="up").values.item()
        0.3125
    """
    if seed is not None and random is not None:
        raise InputError("--seed: allowed without random, which has the words", 2)
    own = view("array", array, _order(nibbles))
    given = None if random is None else view_of_random(random, own)
    options = {"format": format, "axis": axis, "tile": tile, "nibbles": nibbles, "seed": seed, **options}
    done = _roundlaw.quantize(own, words(options), given, truth("stats", stats))
    (*_, shape, is_fortran), scales = own, done["shape_of_scales"]
    type_of_scales = np.uint8 if done["bytes_of_scales"] == 1 else np.float32
    return Quantized(
        values=shaped(done["values"], np.float32, shape, is_fortran),
        scales=None if scales is None else shaped(done["scales"], type_of_scales, scales, is_fortran),
        format=done["format"],
        saturated=done["saturated"],
        underflowed=done["underflowed"],
        nan=done["nan"],
        inexact=done["inexact"],
        tensor_scale=done["tensor_scale"],
        stats=None if done["stats"] is None else json.loads(done["stats"]),
        _codes=shaped(done["codes"], f"<u{done['bytes_of_codes']}", done["shape_of_codes"], is_fortran),
        _without_code=done["without_code"],
    )


def decode(
    codes: npt.ArrayLike,
    format: str,
    *,
    scales: npt.ArrayLike | None = None,
    axis: int | None = None,
    tile: Sequence[int] | None = None,
    nibbles: str | None = None,
    **options: Any,
) -> npt.NDArray[np.float32]:
    """The values that codes stand for, as ``roundlaw quantize --decode``.

    Args:
        codes: words as uint8, whole numbers of any integer type, or floats whose bits are the format's codes:
            float8_e5m2 of e5m2, bfloat16 of bf16. float32 is that only for fp32.
        format: a name of :func:`formats`, or any eXmY.
        scales: what :func:`quantize` gave, where blocks share a scale: a byte for each block, of absmax scales
            a float32; in any order.
        axis, tile, nibbles: as in :func:`quantize`.
        **options: as in :func:`quantize`; two-level formats ask for their tensor_scale.

    Raises:
        InputError: with the message of the command line.

    Examples:
        >>> import roundlaw
        >>> roundlaw.decode([0x7E, 0xAA], "e4m3").tolist()
        [448.0, -0.3125]
        >>> roundlaw.decode([[2, 7]], "mxfp4", scales=[[128]]).tolist()
        [[2.0, 12.0]]
    """
    refuse(options, ("seed",), "quantize")
    own = view_of_codes("codes", codes, format, options, _order(nibbles))
    shared = None if scales is None else view_of_scales(scales, format, own[-1])
    options = {"format": format, "axis": axis, "tile": tile, "nibbles": nibbles, **options}
    values, shape = _roundlaw.decode(own, words(options), shared)
    return shaped(values, np.float32, shape, own[-1])


def _order(nibbles: str | None) -> bool | None:
    """Whether the first axis is the fastest: two codes in a byte are neighbours on the last one."""
    return None if nibbles is None else False


def formats() -> list[dict[str, Any]]:
    """Every number format with its layout, limits, special values, defaults and source, as ``roundlaw formats --json``.

    Examples:
        >>> import roundlaw
        >>> next(format["largest"] for format in roundlaw.formats() if format["name"] == "e4m3")
        448.0
    """
    found: list[dict[str, Any]] = json.loads(_roundlaw.formats())
    return found


def table(format: str, **options: Any) -> list[dict[str, Any]]:
    """Every code of a format from 0 on, with its fields and its value at scale 1, as ``roundlaw formats NAME --table``.

    Examples:
        >>> import roundlaw
        >>> roundlaw.table("e2m1")[3]
        {'code': 3, 'fields': '0 01 1', 'value': 1.5}
    """
    refuse(options, ("axis", "tile", "nibbles", "seed"), "arrays")
    values, fields = _roundlaw.table(words({"format": format, **options}))
    rows = enumerate(zip(fields, values.view(np.float32).tolist()))
    return [{"code": code, "fields": own, "value": value} for code, (own, value) in rows]
