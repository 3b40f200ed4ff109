//! The last line of defence at the seam: a panic becomes an error and never crosses into another language.

use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic inside it becomes `Error::Internal`.
///
/// `AssertUnwindSafe` is sound here because `work` owns or immutably borrows everything it touches, and the only shared
/// state of the crate (the generator caches) is replaced whole, never left half written.
pub fn run<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(_) => Err(Error::Internal("the kernel panicked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let empty: Vec<u8> = Vec::new();
        let position = std::hint::black_box(3);
        assert_eq!(run(|| Ok(empty[position])), Err(Error::Internal("the kernel panicked")));
    }

    #[test]
    fn an_overflow_becomes_an_error() {
        let large = std::hint::black_box(u64::MAX);
        assert_eq!(run(|| Ok(large + 1)), Err(Error::Internal("the kernel panicked")));
    }
}
