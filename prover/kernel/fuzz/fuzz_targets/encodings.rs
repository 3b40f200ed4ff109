//! Points and scalars: what is decoded has one encoding, and arithmetic on any bytes ends in a typed error or a point.
#![no_main]

use _kernel::{codec, pedersen};
use libfuzzer_sys::fuzz_target;
use statements::no_inner_failure;

fuzz_target!(|data: &[u8]| {
    if let Ok(points) = no_inner_failure(codec::points("points", data)) {
        assert_eq!(codec::encode_points(&points), data, "a point has two encodings");
    }
    if let Ok(scalars) = no_inner_failure(codec::scalars("scalars", data)) {
        assert_eq!(codec::encode_scalars(&scalars), data, "a scalar has two encodings");
    }
    let (first, second) = data.split_at(data.len() / 2);
    let _ = no_inner_failure(pedersen::msm(first, second));
    let _ = no_inner_failure(pedersen::subtract(first, second));
    let _ = no_inner_failure(pedersen::check_vector(first, second));
    let _ = no_inner_failure(codec::reduce_wide(data));
    if let Ok(sum) = no_inner_failure(pedersen::add_points(data)) {
        assert!(codec::points("the sum", &sum).is_ok(), "a sum is no point");
    }
});
