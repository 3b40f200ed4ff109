//! The threads of one call: a pool of its own, so that whoever calls decides how many cores are used.

use crate::{Error, Result};

const MAX_THREADS: usize = 256;

/// Runs `work` so that parallel iterators in it use `threads` threads.
pub fn install<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if !(1..=MAX_THREADS).contains(&threads) {
        return Err(Error::Argument("between 1 and 256 threads can be used"));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|_| Error::Internal("the threads could not be started"))?
        .install(work)
}
