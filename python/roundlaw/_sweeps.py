"""Plans, sweeps, and what comes of their directories."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from roundlaw import _roundlaw
from roundlaw._arrays import truth
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
_ADAPTERS = "are cpu, auto, an index or name, pci:BUS, all-hardware"
_SECONDS = "a finite number of seconds above 0"


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
    name = _word("--adapter", adapter, _ADAPTERS)
    found: dict[str, Any] = json.loads(_roundlaw.plan(_given(config, overrides), name))
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
            last time when all are finished. Not called where none is missing.
        overrides: of config keys, as {"sweep.seeds": 8}.
        check: cohorts redone by the reference: "auto", "all", "off", or a number of seeds.
        shard: "i/n" for seed indices i modulo n.
        memory: GiB of a GPU's memory to use, at most.

    Raises:
        Error: what the command would end with: MismatchError where bits differ, InputError for a config or a directory
            that can't be used, and others.
    """
    given = {
        "out": (own := _path("out", out)),
        "adapter": _word("--adapter", adapter, _ADAPTERS),
        "memory": None if memory is None else _bytes(memory),
        "check": None if check is None else _word("--check", check, "are auto, all, off, or a number of seeds"),
        "shard": _word("--shard", shard, "are i/n, auto/n"),
    }
    runs, checked, seconds, see = _roundlaw.sweep(_given(config, overrides), given, _callback(progress))
    report = see if see != Path(own) else None
    return Swept(runs, checked, seconds, Path(own), report)


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
    own = _given(source, overrides)
    prior, per_seed = truth("prior", prior), truth("per_seed", per_seed)
    seconds = _number("--budget", budget, _SECONDS)
    found: list[dict[str, Any]] = json.loads(_roundlaw.predict(own, prior, per_seed, seconds, _callback(progress)))
    return found


def fit(*dirs: str | os.PathLike[str], resamples: int = 1000, budget: float = 60.0) -> list[dict[str, Any]]:
    """Scaling laws of the rows of directories, as ``roundlaw fit --json``; fit.json is written beside the rows."""
    if not dirs:
        raise InputError("dirs is empty: allowed are one directory or more, fit(dir, dir)", 2)
    if isinstance(resamples, bool) or not isinstance(resamples, (int, np.integer)) or not 0 <= resamples < 1 << 32:
        raise InputError(f"--resamples {resamples!r}: allowed is a whole number in 40..=100000", 2)
    own = [_path("dirs", dir) for dir in dirs]
    found: list[dict[str, Any]] = json.loads(_roundlaw.fit(own, int(resamples), _number("--budget", budget, _SECONDS)))
    return found


def status(dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Runs to do, done and checked, rows, and the digest of the result columns, as ``roundlaw status --json``."""
    found: dict[str, Any] = json.loads(_roundlaw.status(_path("dir", dir)))
    return found


def read(dir: str | os.PathLike[str], columns: str | Sequence[str] | None = None) -> pyarrow.Table:
    """The rows of a sweep's directory, once every byte of them is verified; docs/rows.md lists the columns.

    Args:
        dir: a sweep's directory.
        columns: those to read, or one, by default all.

    Raises:
        ImportError: pyarrow is not installed.
        InputError: a column that rows do not have, or no rows yet.
        CorruptError: a file is damaged, foreign or of another version.
    """
    try:
        import pyarrow
        import pyarrow.parquet  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(
            "roundlaw.read needs pyarrow: pip install pyarrow, or pip install '.[read]' in the checkout"
        ) from error
    own = _path("dir", dir)
    files = [pyarrow.parquet.ParquetFile(part) for part in _roundlaw.parts(own)]
    if not files:
        raise InputError(f"{own} holds no run yet", 2)
    known = files[0].schema_arrow.names
    names = known if columns is None else [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"columns: {name!r} is no column: allowed are those of docs/rows.md{meant}", 2)
    # A table without columns forgets how many rows it has where it is put together.
    table = pyarrow.concat_tables([file.read(columns=names or known[:1]) for file in files])
    return table.select(names)


def _given(config: Config, overrides: Overrides) -> dict[str, Any]:
    """A config as the extension takes it: a path, a text or JSON, one of them."""
    given: dict[str, Any] = {"path": None, "text": None, "json": None, "set": _set(overrides)}
    if isinstance(config, Mapping):
        given["json"] = json.dumps(_plain("config: ", "", config))
    elif isinstance(config, str) and "=" in config and not os.path.exists(config):
        given["text"] = config
    elif isinstance(config, (str, bytes, os.PathLike)):
        given["path"] = _path("config", config)
    else:
        raise InputError(f"config = {config!r}: allowed are a path, a TOML text or a table", 2)
    return given


def _set(overrides: Overrides) -> list[str]:
    if isinstance(overrides, str):
        return [overrides]
    if isinstance(overrides, Mapping):
        return [f"{key}={_toml(_plain('overrides: ', str(key), value))}" for key, value in overrides.items()]
    if isinstance(overrides, Sequence) and all(isinstance(own, str) for own in overrides):
        return list(overrides)
    raise InputError(f"overrides = {overrides!r}: allowed are a table of dotted keys, or texts as key=value", 2)


def _toml(value: Any) -> str:
    """A value of TOML, which has JSON's numbers, truths and lists; its texts and tables have other signs."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(own)}" for key, own in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(own) for own in value) + "]"
    # TOML has no halves of a character, and DEL is a control character to it.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(where: str, key: str, value: Any) -> Any:
    """A value as JSON has it; paths, and numbers and arrays of NumPy too."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        inner = {str(own): f"{key}.{own}" if key else str(own) for own in value}
        return {str(own): _plain(where, inner[str(own)], of) for own, of in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(where, f"{key}[{at}]", own) for at, own in enumerate(value)]
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if is_number or (isinstance(value, str) and _is_text(value)):
        return value
    what = "a finite number" if isinstance(value, float) else "what TOML has"
    raise InputError(f"{where}{key} = {value!r} is no value of a config: allowed is {what}", 2)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in value)


def _path(name: str, path: Any) -> str:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise InputError(f"{name} = {path!r}: allowed is a path", 2)
    return os.fsdecode(path)


def _word(option: str, value: Any, allowed: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, np.integer)):
        raise InputError(f"{option} {value!r}: allowed {allowed}", 2)
    return str(value)


def _number(option: str, value: Any, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputError(f"{option} {value!r}: allowed is {allowed}", 2)
    return float(value)


def _bytes(memory: Any) -> int:
    allowed = "a number of GiB above 0"
    gib = _number("--memory", memory, allowed)
    if not 0 < gib < 1 << 33:
        raise InputError(f"--memory {memory!r}: allowed is {allowed}", 2)
    return int(gib * _GIB)


def _callback(progress: Any) -> Any:
    if progress is not None and not callable(progress):
        raise InputError(f"progress = {progress!r}: allowed is a function of done, total and seconds_left", 2)
    return progress
