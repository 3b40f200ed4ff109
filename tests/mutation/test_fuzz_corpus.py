"""The committed corpus of the fuzz targets is what its script writes, and every target has one."""

from tests.mutation.fuzz_corpus import FUZZ, corpus


def test_the_committed_corpus_is_the_written_one() -> None:
    committed = {str(path.relative_to(FUZZ / "corpus")): path for path in (FUZZ / "corpus").rglob("*") if path.is_file()}
    written = corpus()
    assert set(committed) == set(written)
    for name, data in written.items():
        assert committed[name].read_bytes() == data, name


def test_every_target_has_a_corpus() -> None:
    targets = {path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs")}
    assert {name.partition("/")[0] for name in corpus()} == targets
    manifest = (FUZZ / "Cargo.toml").read_text(encoding="utf-8")
    assert all(f'path = "fuzz_targets/{target}.rs"' in manifest for target in targets)
