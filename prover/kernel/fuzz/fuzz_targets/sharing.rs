//! Shares and the commitments they are checked against, of committees of any size.
#![no_main]

use _kernel::{codec, sharing};
use libfuzzer_sys::fuzz_target;
use statements::{Cutter, no_inner_failure};

fn run(data: &[u8]) -> Option<()> {
    let mut cutter = Cutter(data);
    let [index, threshold, members] = [cutter.number(4)?, cutter.number(4)?, cutter.number(4)?].map(|n| n as u32);
    let share = cutter.prefixed()?;
    let commitments = cutter.0;
    if no_inner_failure(sharing::check_share(index, share, commitments, threshold, members)).is_ok() {
        assert!((1..=members).contains(&index) && threshold <= (members - 1) / 2);
        assert_eq!(commitments.len(), (threshold as usize + 1) * codec::POINT_BYTES);
    }
    let shares = [(index, share), (threshold, commitments), (members, share)];
    let _ = no_inner_failure(sharing::interpolate(&shares, threshold % 4, members));
    let _ = no_inner_failure(sharing::add_vectors(&[share, commitments]));
    let _ = no_inner_failure(sharing::add_commitments(&[commitments, share]));
    let _ = no_inner_failure(sharing::deal(share, members % 80, threshold % 8, commitments));
    Some(())
}

fuzz_target!(|data: &[u8]| {
    run(data);
});
