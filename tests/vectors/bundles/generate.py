"""Writes the bundle vectors: `python -m tests.vectors.bundles.generate`. A test compares the files with `files`."""

from pathlib import Path

from attestation.trust import render_trust
from tests.vectors.bundles.cases import WORLD, as_file, bad, good

FOLDER = Path(__file__).parent


def files() -> dict[str, bytes]:
    """The files by name, as they should be today."""
    found = {"trust.toml": render_trust(WORLD.trust).encode()}
    found |= {f"good/{name}.json": bundle.encoded for name, bundle in good()}
    found |= {f"bad/{case.name}.json": as_file(case.to_json()) for case in bad()}
    return found


def main() -> None:
    """Write them all, and remove what is no longer made."""
    wanted = files()
    for old in [*FOLDER.glob("good/*.json"), *FOLDER.glob("bad/*.json")]:
        if str(old.relative_to(FOLDER)) not in wanted:
            old.unlink()
    for name, data in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
