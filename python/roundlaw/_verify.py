"""Somebody else's codec, by what it stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from roundlaw import _roundlaw
from roundlaw._arrays import refuse, view, view_of_codes, view_of_scales, words
from roundlaw.errors import InputError


def verify_codec(
    inputs: npt.ArrayLike,
    format: str,
    *,
    codes: npt.ArrayLike | None = None,
    scales: npt.ArrayLike | None = None,
    values: npt.ArrayLike | None = None,
    again: npt.ArrayLike | None = None,
    axis: int | None = None,
    tile: Sequence[int] | None = None,
    nibbles: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compares what somebody's codec stored with what its format asks for, as ``roundlaw verify --codec --json``.

    Args:
        inputs: the numbers that were rounded, of any type that :func:`roundlaw.quantize` takes. Each needs about 40
            bytes of memory, 80 of a random rounding.
        format: what they should have been rounded to.
        codes: what was stored, with the scales of its blocks; or
        values: the dequantized values, in place of codes and scales.
        again: of a stochastic rounding: codes or values of a second call, which must be independent of the first.
        axis, tile, nibbles, **options: as in :func:`roundlaw.quantize`.

    Returns:
        ``rows``, how many are ``different``, ``first`` the first differences with their bits, and ``causes``, the
        likely ones, the best first: how many differences each ``explains``, how many elements ``contradicts`` it, and a
        command to ``confirm`` it. Of a stochastic rounding ``tests``, each of which ``passed`` or not.

    Raises:
        InputError: with the message of the command line.

    Examples:
        >>> import numpy as np, roundlaw
        >>> x = np.linspace(-2, 2, 1001, dtype=np.float32)
        >>> truncated = roundlaw.quantize(x, "e4m3", rounding="toward-zero").codes
        >>> found = roundlaw.verify_codec(x, "e4m3", codes=truncated)
        >>> found["causes"][0]["cause"]
        'truncation: rounds toward zero'
    """
    refuse(options, ("seed",), "quantize: what was stored is judged without it")
    if scales is not None and codes is None:
        raise InputError("--scales: allowed with codes; values have theirs in them", 2)
    own = view("inputs", inputs, None if nibbles is None else False)
    is_fortran = own[-1]

    def stored(name: str, array: npt.ArrayLike, as_codes: bool) -> Any:
        return view_of_codes(name, array, format, options, is_fortran) if as_codes else view(name, array, is_fortran)

    given: dict[str, Any] = {"inputs": own}
    given["codes"] = None if codes is None else stored("codes", codes, True)
    given["scales"] = None if scales is None else view_of_scales(scales, format, is_fortran)
    given["values"] = None if values is None else stored("values", values, False)
    given["again"] = None if again is None else stored("again", again, codes is not None)
    options = {"format": format, "axis": axis, "tile": tile, "nibbles": nibbles, **options}
    found: dict[str, Any] = json.loads(_roundlaw.verify_codec(given, words(options)))
    return found
