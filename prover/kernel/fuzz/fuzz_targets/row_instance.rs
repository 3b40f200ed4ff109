//! Statements of any shape, their relations above all: a typed error, whatever the bytes, unless they are honest ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statements::{CELLS, Statement, ZERO};

fuzz_target!(|data: &[u8]| {
    let Some(statement) = Statement::cut(data) else { return };
    let verdict = statement.verify(statement.proof);
    // The cutter reads a byte string in one way, so only these two are what the prover made.
    assert_eq!(verdict.is_ok(), [CELLS, ZERO].contains(&data), "{verdict:?}");
});
