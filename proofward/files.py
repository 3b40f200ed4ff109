"""Files named on the command line."""

from pathlib import Path

from mpc_nodes.data_config import FileConfig, parse_source_config
from proofward.errors import FileUnusable
from protocol.errors import MalformedInput

_KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def file_source(file: Path, *, path: str | None = None) -> FileConfig:
    """The source that a table file is, by the end of its name.

    Args:
        path: the file relative to the directory that it is opened below; by default its name alone.

    Raises:
        FileUnusable: the name does not say what it is.
    """
    suffix = file.suffix.lower()
    if suffix not in _KINDS:
        raise FileUnusable("the file name ends in none of " + ", ".join(_KINDS), where=str(file))
    members = {"kind": _KINDS[suffix], "path": path or file.name} | ({"delimiter": "\t"} if suffix == ".tsv" else {})
    config = parse_source_config(members)
    if not isinstance(config, FileConfig):
        raise FileUnusable("not a table file", where=str(file))
    return config


def read_evidence(file: Path) -> bytes:
    """An evidence file or a bundle, whatever it holds, with a bound that keeps a device from being read for ever."""
    from attestation.evidence import MAX_EVIDENCE_BYTES

    with file.open("rb") as opened:
        return opened.read(MAX_EVIDENCE_BYTES + 1)


def read_packages(directory: Path, bundle: bytes) -> dict[str, bytes]:
    """Those dataset packages of a bundle that are in `directory`, by root, from files ROOT.dataset. Nothing is checked."""
    from attestation.bundle import MAX_BUNDLE_BYTES, Bundle

    try:
        registrations = Bundle.from_bytes(bundle, limit=MAX_BUNDLE_BYTES).registrations
    except MalformedInput:
        return {}  # an evidence file, or nothing that could be audited
    # Roots are 64 hexadecimal digits, so no bundle chooses a path.
    paths = {signed.registration.root: directory / f"{signed.registration.root}.dataset" for signed in registrations}
    return {root: read_evidence(path) for root, path in paths.items() if path.is_file()}


def write_new(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file that must not exist yet, unless `overwrite`. Raises FileUnusable."""
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise FileUnusable("the file exists already", hint="choose another name, or --force", where=str(path)) from error
    except OSError as error:
        raise FileUnusable(f"cannot write the file: {error.strerror}", where=str(path)) from error


def new_directory(path: Path) -> Path:
    """Create a directory, mode 0700, that must not exist yet. Raises FileUnusable."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise FileUnusable("the directory exists already", hint="choose a new name", where=str(path)) from error
    except OSError as error:
        raise FileUnusable(f"cannot make the directory: {error.strerror}", where=str(path)) from error
    return path
