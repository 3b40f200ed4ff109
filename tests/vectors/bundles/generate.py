"""Writes the bundle vectors: `python -m tests.vectors.bundles.generate`. A test compares the files with `files`."""

from pathlib import Path

from attestation.evidence import encode_evidence
from attestation.trust import render_trust
from tests.vectors.bundles.cases import WORLD, as_file, bad, good

FOLDER = Path(__file__).parent
EVIDENCE = "group_by"  # the good bundle that is also kept as an evidence file


def files() -> dict[str, bytes]:
    """The files by name, as they should be today."""
    found = {"trust.toml": render_trust(WORLD.trust).encode()}
    found |= {f"datasets/{root}.dataset": package for root, package in WORLD.datasets.items()}
    found |= {f"good/{name}.json": bundle.encoded for name, bundle in good()}
    found[f"good/{EVIDENCE}.evidence.zip"] = encode_evidence(dict(good())[EVIDENCE].encoded, WORLD.datasets)
    found |= {f"bad/{case.name}.json": as_file(case.to_json()) for case in bad()}
    return found


def kept() -> list[Path]:
    """The files that are there."""
    return [FOLDER / "trust.toml", *sorted(path for name in ("good", "bad", "datasets") for path in FOLDER.glob(f"{name}/*"))]


def datasets() -> dict[str, bytes]:
    """The dataset packages that are kept, by root."""
    return {path.stem: path.read_bytes() for path in FOLDER.glob("datasets/*.dataset")}


def main() -> None:
    """Write them all, and remove what is no longer made."""
    wanted = files()
    for old in kept():
        if str(old.relative_to(FOLDER)) not in wanted:
            old.unlink()
    for name, data in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
