from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from roundlaw._arrays import View
from roundlaw._sweeps import Progress

__all__ = [
    "__version__",
    "decode",
    "fit",
    "formats",
    "parts",
    "plan",
    "predict",
    "quantize",
    "status",
    "sweep",
    "table",
    "verify_codec",
]

__version__: str

def formats() -> str: ...
def table(words: list[str]) -> tuple[npt.NDArray[np.uint32], list[str]]: ...
def quantize(input: View, words: list[str], random: View | None, has_stats: bool) -> dict[str, Any]: ...
def decode(input: View, words: list[str], scales: View | None) -> tuple[npt.NDArray[np.uint32], list[int]]: ...
def verify_codec(given: dict[str, View | None], words: list[str]) -> str: ...
def plan(given: dict[str, Any], adapter: str) -> str: ...
def sweep(
    given: dict[str, Any], options: dict[str, Any], progress: Progress | None
) -> tuple[int, int, float, Path]: ...
def predict(given: dict[str, Any], prior: bool, per_seed: bool, budget: float, progress: Progress | None) -> str: ...
def fit(dirs: list[str], resamples: int, budget: float) -> str: ...
def status(dir: str) -> str: ...
def parts(dir: str) -> list[Path]: ...
