"""What tests share: the checkout, and a small config."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> dict:
    return {
        "problem": {"dim": 100, "spectrum": {"kind": "power", "exponent": 2.0}},
        "train": {"model": [4, 8, 16], "samples": [64, 256]},
        "recipe": [{"name": "fp32"}, {"name": "e4m3 weights", "weight": "e4m3"}],
        "sweep": {"seeds": 3},
    }


@pytest.fixture
def long_config(config) -> dict:
    """Of several seconds, in cohorts that take a part of one each."""
    config["problem"]["dim"] = 2000
    config["train"] = {"model": [64], "samples": [8192]}
    config["sweep"] = {"seeds": 64, "check": "off"}
    return config
