//! Proofs of two fixed statements: none is accepted but the honest one.
//!
//! The first byte chooses the statement and how the others are read: as the proof itself, or as changes of the honest one, which
//! get past the decoder more often: u8 kind, u16 place, u16 source; elements are counted in halves of a point.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statements::{CELLS, Cutter, Statement, ZERO};
use std::sync::LazyLock;

const HALF: usize = 32;

fn cut(data: &'static [u8]) -> Statement<'static> {
    Statement::cut(data).expect("the corpus is well formed")
}

static KNOWN: LazyLock<[Statement; 2]> = LazyLock::new(|| {
    let known = [cut(CELLS), cut(ZERO)];
    for statement in &known {
        statement.verify(statement.proof).expect("the corpus is honest");
    }
    known
});

fn changed(honest: &[u8], changes: &[u8]) -> Option<Vec<u8>> {
    let mut proof = honest.to_vec();
    let halves = proof.len() / HALF;
    let mut cutter = Cutter(changes);
    while !cutter.0.is_empty() {
        let (kind, place, source) = (cutter.number(1)?, cutter.number(2)?, cutter.number(2)?);
        let (place, from) = (HALF * (place % halves), HALF * (source % halves));
        match kind % 4 {
            0 => proof.copy_within(from..from + HALF, place),
            1 if place + 2 * HALF <= proof.len() && from + 2 * HALF <= proof.len() => {
                proof.copy_within(from..from + 2 * HALF, place);
            }
            2 => proof[place + source % HALF] ^= 1 << (source >> 5 & 7),
            _ => proof[place..place + HALF].fill(0),
        }
    }
    Some(proof)
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let statement = &KNOWN[usize::from(choice & 1)];
    let proof = match choice & 2 {
        0 => rest.to_vec(),
        _ => match changed(statement.proof, rest) {
            Some(proof) => proof,
            None => return,
        },
    };
    let verdict = statement.verify(&proof);
    assert_eq!(verdict.is_ok(), proof == statement.proof, "{verdict:?}");
});
