//! A keyed pseudo-random function onto scalars: HMAC-SHA-512 (RFC 2104), reduced from 512 bits.

use crate::codec::wide_scalar;
use crate::{Error, Result};
use ark_bn254::Fr;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

/// A key with its padding already hashed; copying it is cheaper than keying again.
#[derive(Clone)]
pub struct Prf(Hmac<Sha512>);

impl Prf {
    pub fn new(key: &[u8]) -> Result<Self> {
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|_| Error::Internal("HMAC refused its key"))
    }

    /// HMAC-SHA-512 of the concatenation of `parts`.
    pub fn bytes(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// The same as a scalar.
    pub fn scalar(&self, parts: &[&[u8]]) -> Fr {
        wide_scalar(&self.bytes(parts))
    }
}
