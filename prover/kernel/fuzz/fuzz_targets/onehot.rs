//! Codes of a digit: u16 values, u16 columns, a 32-byte key, u16 length and context, the codes.
#![no_main]

use _kernel::{codec, onehot};
use libfuzzer_sys::fuzz_target;
use statements::{Cutter, no_inner_failure};

/// More row blocks than this take long and say nothing new.
const MAX_BLOCKS: usize = 64;

fn run(data: &[u8]) -> Option<()> {
    let mut cutter = Cutter(data);
    let (values, columns) = (cutter.number(2)?, cutter.number(2)?);
    let key = cutter.take(onehot::KEY_BYTES)?;
    let context = cutter.prefixed()?;
    let codes = cutter.0;
    let blocks = codes.len() / 2 / columns.max(1);
    if blocks * values.min(onehot::MAX_VALUES) > MAX_BLOCKS {
        return None;
    }
    if let Ok(points) = no_inner_failure(onehot::commit(codes, values, columns, key, context, 1)) {
        assert_eq!(points.len(), values * blocks * codec::POINT_BYTES);
        assert!(codec::points("the commitments", &points).is_ok());
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    run(data);
});
