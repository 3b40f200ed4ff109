//! What only the owner of the chunk knows, parsed and checked against the statement.

use super::statement::Statement;
use crate::codec::{SCALAR_BYTES, check_length, scalars};
use crate::onehot::{ABSENT_CODE, Blinders, KEY_BYTES};
use crate::pedersen;
use crate::{Error, Result};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

/// Secret input as bytes: `codes` are little-endian 16-bit words of each digit, `contexts` their headers. `cells` and
/// `blinding` are empty in zero mode.
pub struct Secret<'a> {
    pub codes: Vec<&'a [u8]>,
    pub contexts: Vec<&'a [u8]>,
    pub key: &'a [u8],
    pub cells: &'a [u8],
    pub blinding: &'a [u8],
}

/// The same, checked.
pub struct Witness {
    /// Of each digit, N codes. K stands for an absent row: tables over values have a zero there.
    pub codes: Vec<Vec<u16>>,
    pub blinders: Vec<Blinders>,
    pub cells: Zeroizing<Vec<Fr>>,
    pub blinding: Fr,
}

impl Witness {
    pub fn parse(secret: &Secret, statement: &Statement) -> Result<Self> {
        let digits = &statement.relation.digits;
        if secret.codes.len() != digits.len() || secret.contexts.len() != digits.len() {
            return Err(Error::Argument("each digit has one list of codes and one context"));
        }
        check_length("the blinding key", secret.key, 1, KEY_BYTES)?;
        let codes = secret.codes.iter().zip(digits);
        let codes = codes.map(|(codes, values)| read_codes(codes, *values, statement.rows()));
        let blinders = secret.contexts.iter().map(|context| Blinders::new(secret.key, context));

        let cells = statement.weights.len();
        check_length("the cells", secret.cells, cells, SCALAR_BYTES)?;
        check_length("the blinding", secret.blinding, usize::from(cells > 0), SCALAR_BYTES)?;
        let blinding = Zeroizing::new(scalars("the blinding", secret.blinding)?);
        let witness = Self {
            codes: codes.collect::<Result<_>>()?,
            blinders: blinders.collect::<Result<_>>()?,
            cells: Zeroizing::new(scalars("the cells", secret.cells)?),
            blinding: blinding.first().copied().unwrap_or(Fr::ZERO),
        };
        witness.check_opening(statement)?;
        Ok(witness)
    }

    /// A proof about a commitment that says something else would be refused by everybody: better to hear it here.
    fn check_opening(&self, statement: &Statement) -> Result<()> {
        let Some(commitment) = statement.commitment else {
            return Ok(());
        };
        let mut vector = Zeroizing::new(Vec::with_capacity(1 + self.cells.len()));
        vector.push(self.blinding);
        vector.extend_from_slice(&self.cells);
        if pedersen::commit(&vector)? != commitment {
            return Err(Error::Opening);
        }
        Ok(())
    }
}

fn read_codes(bytes: &[u8], values: usize, rows: usize) -> Result<Vec<u16>> {
    check_length("the codes", bytes, rows, 2)?;
    let words = bytes.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    words
        .enumerate()
        .map(|(position, code)| match code {
            ABSENT_CODE => Ok(values as u16),
            code if usize::from(code) < values => Ok(code),
            _ => Err(Error::DigitCode { position }),
        })
        .collect()
}
