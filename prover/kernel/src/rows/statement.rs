//! What a proof is about, parsed and absorbed once for both sides (docs/spec/05-argument.md, sections 1 and 2).

use super::Step;
use super::relation::Relation;
use crate::codec::{self, POINT_BYTES, SCALAR_BYTES, check_length};
use crate::generators::{MAX_COLUMNS, MAX_OUTPUTS};
use crate::onehot::MAX_ROWS;
use crate::transcript::Transcript;
use crate::{Result, labels};
use ark_bn254::{Fr, G1Affine};

const DIGEST_BYTES: usize = 32;

/// Public input as bytes. `weights` and `commitment` are empty in zero mode.
#[derive(Debug, Clone, Copy)]
pub struct Public<'a> {
    pub relation: &'a [u8],
    pub digests: &'a [u8],
    pub rows: usize,
    pub columns: usize,
    pub weights: &'a [u8],
    pub commitment: &'a [u8],
}

/// The same, checked.
#[derive(Debug)]
pub struct Statement<'a> {
    bytes: Public<'a>,
    pub relation: Relation,
    pub columns: usize,
    /// omega_1 .. omega_K; none in zero mode.
    pub weights: Vec<Fr>,
    /// Y; none in zero mode.
    pub commitment: Option<G1Affine>,
    row_bits: usize,
    column_bits: usize,
}

impl<'a> Statement<'a> {
    /// Checks every bound; whatever is wrong is refused as the step `relation`.
    pub fn parse(bytes: Public<'a>) -> Result<Self> {
        let refused = |reason| Step::Relation.refused(reason);
        let (rows, columns) = (bytes.rows, bytes.columns);
        let relation = Relation::decode(bytes.relation).map_err(refused)?;
        if !rows.is_power_of_two() || rows > MAX_ROWS {
            return Err(refused("a chunk has a power of two of rows, at most 2^20"));
        }
        if !columns.is_power_of_two() || columns > MAX_COLUMNS || columns > rows {
            return Err(refused(
                "a row block has a power of two of columns, at most 8192 and all rows",
            ));
        }
        if bytes.digests.len() != relation.digits.len() * DIGEST_BYTES {
            return Err(refused("each digit has one digest of 32 bytes"));
        }
        let cells = bytes.weights.len() / SCALAR_BYTES;
        if cells >= MAX_OUTPUTS {
            return Err(refused("there are more than 4096 cells"));
        }
        let weights = codec::scalars("the weights", bytes.weights)
            .map_err(|_| refused("the weights of the cells are not canonical scalars"))?;
        if cells > 0 && !relation.boolean.is_empty() {
            return Err(refused("a relation about cells has no boolean digits"));
        }
        let commitment = check_length("the commitment", bytes.commitment, usize::from(cells > 0), POINT_BYTES)
            .and_then(|()| codec::points("the commitment", bytes.commitment))
            .map_err(|_| refused("the commitment of the cells is not one point, or not none in zero mode"))?;
        Ok(Self {
            bytes,
            relation,
            columns,
            weights,
            commitment: commitment.first().copied(),
            row_bits: (rows / columns).ilog2() as usize,
            column_bits: columns.ilog2() as usize,
        })
    }

    /// n.
    pub fn bits(&self) -> usize {
        self.row_bits + self.column_bits
    }

    /// n - m.
    pub fn row_bits(&self) -> usize {
        self.row_bits
    }

    /// R.
    pub fn row_blocks(&self) -> usize {
        1 << self.row_bits
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.bytes.rows
    }

    /// Step 1 of section 2.
    pub fn absorb(&self, transcript: &mut Transcript) -> Result<()> {
        let shape = [self.bytes.rows, self.columns].map(|number| (number as u32).to_be_bytes());
        transcript.absorb(labels::ROWS_RELATION, self.bytes.relation)?;
        transcript.absorb(labels::ROWS_DIGITS, self.bytes.digests)?;
        transcript.absorb(labels::ROWS_SHAPE, shape.as_flattened())?;
        transcript.absorb(labels::ROWS_WEIGHTS, self.bytes.weights)?;
        transcript.absorb(labels::ROWS_COMMITMENT, self.bytes.commitment)
    }
}

/// The challenges before the rounds in zero mode (section 2, step 2).
pub struct ZeroChallenges {
    pub alpha: Fr,
    /// tau_1 .. tau_kappa.
    pub selectors: Vec<Fr>,
    /// tau'_1 .. tau'_n.
    pub rows: Vec<Fr>,
}

impl ZeroChallenges {
    pub fn draw(statement: &Statement, transcript: &mut Transcript) -> Result<Self> {
        let alpha = transcript.challenge(labels::ROWS_ALPHA)?;
        let mut draw = |count| (0..count).map(|_| transcript.challenge(labels::ROWS_TAU)).collect();
        let selectors: Result<Vec<Fr>> = draw(statement.relation.selector_bits());
        let rows: Result<Vec<Fr>> = draw(statement.bits());
        Ok(Self {
            alpha,
            selectors: selectors?,
            rows: rows?,
        })
    }
}
