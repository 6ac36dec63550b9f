"""Scaling laws for low-precision training, every bit confirmed on the CPU.

``quantize`` rounds arrays to number formats, and ``decode`` takes codes back. Bits are those of the command
``roundlaw``; errors are exceptions with its messages.
"""

from roundlaw._quantize import Quantized, decode, formats, quantize, table
from roundlaw._roundlaw import __version__
from roundlaw.errors import (
    CorruptError,
    DeviceLostError,
    Error,
    FileError,
    IncompleteError,
    InputError,
    MismatchError,
    NoAdapterError,
    RoundlawWarning,
)

__all__ = [
    "CorruptError",
    "DeviceLostError",
    "Error",
    "FileError",
    "IncompleteError",
    "InputError",
    "MismatchError",
    "NoAdapterError",
    "Quantized",
    "RoundlawWarning",
    "__version__",
    "decode",
    "formats",
    "quantize",
    "table",
]
