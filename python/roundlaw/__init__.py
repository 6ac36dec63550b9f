"""Scaling laws for low-precision training, every bit confirmed on the CPU.

``quantize`` rounds arrays to number formats, ``decode`` takes codes back, and ``verify_codec`` finds out what
another codec does. ``sweep`` runs a config into a directory, ``read``, ``fit`` and ``predict`` tell what came of it.
Bits are those of the command ``roundlaw``; errors are exceptions with its messages.
"""

from roundlaw._quantize import Quantized, decode, formats, quantize, table
from roundlaw._roundlaw import __version__
from roundlaw._sweeps import Config, Overrides, Progress, Swept, fit, plan, predict, read, status, sweep
from roundlaw._verify import verify_codec
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
    "Config",
    "CorruptError",
    "DeviceLostError",
    "Error",
    "FileError",
    "IncompleteError",
    "InputError",
    "MismatchError",
    "NoAdapterError",
    "Overrides",
    "Progress",
    "Quantized",
    "RoundlawWarning",
    "Swept",
    "__version__",
    "decode",
    "fit",
    "formats",
    "plan",
    "predict",
    "quantize",
    "read",
    "status",
    "sweep",
    "table",
    "verify_codec",
]
