//! Masks and blinders of one proof (docs/spec/05-argument.md, section 8).

use crate::codec::encode_scalars;
use crate::prf::Prf;
use crate::transcript::Transcript;
use crate::{Result, labels};
use ark_bn254::Fr;
use zeroize::Zeroizing;

pub struct Nonces {
    prf: Prf,
    drawn: u64,
}

impl Nonces {
    /// `transcript` has absorbed the statement; it is read through a copy.
    pub fn new(key: &[u8], entropy: &[u8; 32], transcript: &Transcript) -> Result<Self> {
        let state = encode_scalars(&[transcript.clone().challenge(labels::ROWS_NONCE)?]);
        let derived = Prf::new(key)?.bytes(&[labels::ROWS_NONCE, entropy, &state]);
        Ok(Self {
            prf: Prf::new(&derived[..])?,
            drawn: 0,
        })
    }

    /// A scalar that nobody else knows, another one each time.
    pub fn draw(&mut self) -> Fr {
        self.drawn += 1;
        self.prf.scalar(&[&self.drawn.to_be_bytes()])
    }

    pub fn draw_many(&mut self, count: usize) -> Zeroizing<Vec<Fr>> {
        Zeroizing::new((0..count).map(|_| self.draw()).collect())
    }
}
