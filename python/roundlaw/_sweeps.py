"""Plans, sweeps, and what comes of their directories."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roundlaw import _roundlaw
from roundlaw.errors import InputError

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped, unused-ignore]

#: A config: the path of a TOML file, a TOML text (a str with an equals sign), or a table.
Config = str | os.PathLike[str] | Mapping[str, Any]
#: Values in place of what a config says, by dotted key; or texts as ``--set`` has them.
Overrides = Mapping[str, Any] | Sequence[str]
#: Called with what is finished, of how many, and the seconds left, or None where that is unknown.
Progress = Callable[[int, int, float | None], Any]

_GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Swept:
    """What :func:`sweep` did."""

    #: Runs that it ran: none where nothing was missing.
    runs: int
    #: Those that the reference redid, bit for bit.
    checked: int
    seconds: float
    #: The directory.
    out: Path
    #: Its page, report.html; None of a task of a batch system, whose merge writes it.
    report: Path | None


def plan(config: Config, *, adapter: str = "cpu", overrides: Overrides = ()) -> dict[str, Any]:
    """What a config will run and cost, and what you would regret, as ``roundlaw plan --json``; nothing is kept.

    Examples:
        >>> import roundlaw
        >>> config = {
        ...     "problem": {"dim": 100, "spectrum": {"kind": "power", "exponent": 2.0}},
        ...     "train": {"model": [4, 8, 16], "samples": [64, 256]},
        ...     "recipe": [{"name": "fp32"}, {"name": "mxfp4 features", "feature": "mxfp4"}],
        ... }
        >>> roundlaw.plan(config, overrides={"sweep.seeds": 4})["runs"]
        48
    """
    found: dict[str, Any] = json.loads(_roundlaw.plan(_given(config, overrides), adapter))
    return found


def sweep(
    config: Config,
    out: str | os.PathLike[str],
    *,
    adapter: str = "cpu",
    progress: Progress | None = None,
    overrides: Overrides = (),
    check: str | int | None = None,
    shard: str = "0/1",
    memory: float | None = None,
) -> Swept:
    """Runs a config, checks it, and writes rows and a report into a directory, as ``roundlaw sweep``.

    The same call again runs what is missing. KeyboardInterrupt ends it within seconds, and so does an exception in
    ``progress``: what is finished is kept. Lines that the command tells go to the log ``roundlaw``, warnings are
    :class:`roundlaw.RoundlawWarning`.

    Args:
        config: a path, a TOML text or a table; paths in a text or a table are relative to the current directory.
        out: the directory; an existing one of the same config is continued.
        adapter: "cpu", "auto", an index or name of a GPU, "pci:BUS", or "all-hardware".
        progress: called about five times a second with runs finished, runs in all, and seconds left or None; for the
            last time when all are finished.
        overrides: of config keys, as {"sweep.seeds": 8}.
        check: cohorts redone by the reference: "auto", "all", "off", or a number of seeds.
        shard: "i/n" for seed indices i modulo n.
        memory: GiB of a GPU's memory to use, at most.

    Raises:
        Error: what the command would end with: MismatchError where bits differ, InputError for a config or a directory
            that can't be used, and others.
    """
    given = {
        "out": os.fspath(out),
        "adapter": adapter,
        "memory": None if memory is None else int(memory * _GIB),
        "check": None if check is None else str(check),
        "shard": shard,
    }
    runs, checked, seconds, see = _roundlaw.sweep(_given(config, overrides), given, progress)
    report = see if see != Path(out) else None
    return Swept(runs, checked, seconds, Path(out), report)


def predict(
    source: Config,
    *,
    prior: bool = False,
    per_seed: bool = False,
    budget: float = 120.0,
    progress: Progress | None = None,
    overrides: Overrides = (),
) -> list[dict[str, Any]]:
    """The exact expected risk of every cell, without running any, as ``roundlaw predict --json``.

    Args:
        source: a config, or a sweep's directory, beside whose rows predict.parquet is written.
        prior: average over the law of a target that is drawn per seed.
        per_seed: each seed by itself, not their mean.
        budget: seconds that it may take, by estimate; cells beyond it have a status that says so.
        progress: as of :func:`sweep`.
        overrides: of config keys.
    """
    found: list[dict[str, Any]] = json.loads(
        _roundlaw.predict(_given(source, overrides), prior, per_seed, float(budget), progress)
    )
    return found


def fit(*dirs: str | os.PathLike[str], resamples: int = 1000, budget: float = 60.0) -> list[dict[str, Any]]:
    """Scaling laws of the rows of directories, as ``roundlaw fit --json``; fit.json is written beside the rows."""
    found: list[dict[str, Any]] = json.loads(_roundlaw.fit([os.fspath(dir) for dir in dirs], resamples, float(budget)))
    return found


def status(dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Runs to do, done and checked, rows, and the digest of the result columns, as ``roundlaw status --json``."""
    found: dict[str, Any] = json.loads(_roundlaw.status(os.fspath(dir)))
    return found


def read(dir: str | os.PathLike[str], columns: Sequence[str] | None = None) -> pyarrow.Table:
    """The rows of a sweep's directory, once every byte of them is verified; docs/rows.md lists the columns.

    Args:
        dir: a sweep's directory.
        columns: those to read, by default all.

    Raises:
        ImportError: pyarrow is not installed.
        CorruptError: a file is damaged, foreign or of another version.
    """
    try:
        import pyarrow
        import pyarrow.parquet  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(
            "roundlaw.read needs pyarrow: pip install 'roundlaw[read]', or pip install pyarrow"
        ) from error
    parts = _roundlaw.parts(os.fspath(dir))
    if not parts:
        raise InputError(f"{os.fspath(dir)} holds no run yet", 2)
    names = None if columns is None else list(columns)
    return pyarrow.concat_tables([pyarrow.parquet.ParquetFile(part).read(columns=names) for part in parts])


def _given(config: Config, overrides: Overrides) -> dict[str, Any]:
    """A config as the extension takes it: a path, a text or JSON, one of them."""
    given: dict[str, Any] = {"path": None, "text": None, "json": None, "set": _set(overrides)}
    if isinstance(config, Mapping):
        given["json"] = _json(config)
    elif isinstance(config, str) and "=" in config:
        given["text"] = config
    else:
        given["path"] = os.fspath(config)
    return given


def _set(overrides: Overrides) -> list[str]:
    if isinstance(overrides, str):
        return [overrides]
    if isinstance(overrides, Mapping):
        return [f"{key}={_toml(value)}" for key, value in overrides.items()]
    return list(overrides)


def _toml(value: Any) -> str:
    """A value of TOML, which has JSON's texts, numbers, truths and lists; its tables have other signs."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(own)}" for key, own in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(own) for own in value) + "]"
    return _json(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"config: {error}: allowed is what TOML has", 2) from error


def _plain(value: Any) -> Any:
    """What json does not know: paths, and numbers and arrays of NumPy."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} is no value of a config")
