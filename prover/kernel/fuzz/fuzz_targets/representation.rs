//! Proofs of representation over any set of generators: u8 count, u16 indices, u16 length and context, a point, the proof.
#![no_main]

use _kernel::{codec, representation};
use libfuzzer_sys::fuzz_target;
use statements::{Cutter, no_inner_failure};

fn run(data: &[u8]) -> Option<()> {
    let mut cutter = Cutter(data);
    let count = cutter.number(1)?;
    let indices = (0..count)
        .map(|_| cutter.number(2).map(|index| index as u32))
        .collect::<Option<Vec<_>>>()?;
    let context = cutter.prefixed()?;
    let point = cutter.take(codec::POINT_BYTES)?;
    let proof = cutter.0;
    if no_inner_failure(representation::verify(point, &indices, context, proof)).is_ok() {
        // The proof says so itself: it fails for another context.
        assert!(representation::verify(point, &indices, &[context, b"!"].concat(), proof).is_err());
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    run(data);
});
