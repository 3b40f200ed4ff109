//! One-hot commitments of one digit of a chunk (docs/spec/02-tables.md, section 2).
//!
//! C[t,i] = sum_j [code(i,j) = t] G_j + rho[t,i] H for row blocks i of `columns` rows. Each present row is one addition;
//! a digit with few values needs fewer, because neighbours often have one value and subsets of neighbours are precomputed.

use crate::batch::Lists;
use crate::codec::{POINT_BYTES, check_length, put_point};
use crate::generators::MAX_COLUMNS;
use crate::prf::Prf;
use crate::tables::{self, Subsets};
use crate::{Error, Result, labels, pool};
use ark_bn254::Fr;
use rayon::prelude::*;

/// The code of a row in which the digit is NULL or that is padding.
pub const ABSENT_CODE: u16 = 0xffff;
pub const MAX_VALUES: usize = 256;
pub const MAX_ROWS: usize = 1 << 20;
pub const KEY_BYTES: usize = 32;

/// A digit of at most so many values is summed by subsets of neighbours: with more, neighbours rarely share a value and
/// the larger table costs more cache misses than it saves additions.
const MAX_SUBSET_VALUES: usize = 16;

/// What the commitments of one digit have in common.
struct Digit<'a> {
    values: usize,
    columns: usize,
    subsets: &'a Subsets,
    blinders: Blinders,
}

/// rho[t,i] of one digit of one chunk (docs/spec/02-tables.md, section 3).
pub struct Blinders(Prf);

impl Blinders {
    /// `key` is the secret of the dataset, `context` the header that names the digit.
    pub fn new(key: &[u8], context: &[u8]) -> Result<Self> {
        check_length("the blinding key", key, 1, KEY_BYTES)?;
        Prf::new(&Prf::new(key)?.bytes(&[labels::ONEHOT_BLINDER, context])[..]).map(Self)
    }

    /// rho[value, block].
    pub fn at(&self, value: usize, block: usize) -> Fr {
        self.0
            .scalar(&[&(value as u32).to_be_bytes(), &(block as u32).to_be_bytes()])
    }
}

/// What a thread works with, used again from one row block to the next.
#[derive(Default)]
struct Scratch {
    lists: Lists,
    /// For each value, the table places of the subsets that are summed.
    chosen: Vec<Vec<u32>>,
    /// For each value, which rows of the current group have it.
    masks: Vec<u8>,
}

/// Commits to N codes: K R points, C[t,i] at place t R + i.
///
/// `codes` are little-endian 16-bit words; each is below `values` or `ABSENT_CODE`. `context` names dataset, epoch, chunk
/// and digit, so that no blinder is derived twice. Runs on `threads` threads of its own.
pub fn commit(
    codes: &[u8],
    values: usize,
    columns: usize,
    key: &[u8],
    context: &[u8],
    threads: usize,
) -> Result<Vec<u8>> {
    if !(1..=MAX_VALUES).contains(&values) {
        return Err(Error::Argument("a digit has between 1 and 256 values"));
    }
    if !(1..=MAX_COLUMNS).contains(&columns) {
        return Err(Error::Argument("a row block has between 1 and 8192 columns"));
    }
    let rows = crate::codec::count("the codes", codes, 2)?;
    if !(1..=MAX_ROWS).contains(&rows) || !rows.is_multiple_of(columns) {
        return Err(Error::Argument(
            "the codes must fill between 1 and 2^20 places in whole row blocks",
        ));
    }
    let digit = Digit {
        values,
        columns,
        subsets: tables::subsets(values <= MAX_SUBSET_VALUES)?,
        blinders: Blinders::new(key, context)?,
    };
    let blocks = pool::install(threads, || {
        codes
            .par_chunks_exact(2 * columns)
            .enumerate()
            .map_init(Scratch::default, |scratch, (block, codes)| {
                digit.commit_block(block, codes, scratch)
            })
            .collect::<Result<Vec<_>>>()
    })?;

    let mut out = Vec::with_capacity(values * blocks.len() * POINT_BYTES);
    for value in 0..values {
        for block in &blocks {
            out.extend_from_slice(&block[value * POINT_BYTES..][..POINT_BYTES]);
        }
    }
    Ok(out)
}

impl Digit<'_> {
    /// C[0,i] .. C[K-1,i] of row block i, encoded.
    fn commit_block(&self, block: usize, codes: &[u8], scratch: &mut Scratch) -> Result<Vec<u8>> {
        self.choose(block, codes, scratch)?;
        let lists = &mut scratch.lists;
        lists.clear();
        for (value, chosen) in scratch.chosen.iter().enumerate() {
            for place in chosen {
                lists.push(self.subsets.points[*place as usize]);
            }
            tables::push_blinder(self.blinders.at(value, block), lists)?;
            lists.end_list();
        }
        lists.reduce()?;

        let mut out = Vec::with_capacity(self.values * POINT_BYTES);
        for sum in lists.sums() {
            match sum {
                Some(point) => put_point(&point.into(), &mut out),
                None => out.extend_from_slice(&[0; POINT_BYTES]),
            }
        }
        Ok(out)
    }

    /// Sorts the rows of a block by value, a group of neighbours at a time.
    fn choose(&self, block: usize, codes: &[u8], scratch: &mut Scratch) -> Result<()> {
        scratch.chosen.resize_with(self.values, Vec::new);
        scratch.chosen.iter_mut().for_each(Vec::clear);
        scratch.masks.resize(self.values, 0);
        let size = self.subsets.group;
        for (group, codes) in codes.chunks(2 * size).enumerate() {
            for (row, code) in codes.chunks_exact(2).enumerate() {
                let code = u16::from_le_bytes([code[0], code[1]]);
                match scratch.masks.get_mut(usize::from(code)) {
                    Some(mask) => *mask |= 1 << row,
                    None if code == ABSENT_CODE => {}
                    None => {
                        return Err(Error::DigitCode {
                            position: block * self.columns + group * size + row,
                        });
                    }
                }
            }
            // Only the values that occur are visited: there are no more of them than rows in the group.
            for code in codes.chunks_exact(2) {
                let code = usize::from(u16::from_le_bytes([code[0], code[1]]));
                if let Some(mask) = scratch.masks.get_mut(code)
                    && *mask > 0
                {
                    scratch.chosen[code].push(self.subsets.place(group, *mask));
                    *mask = 0;
                }
            }
        }
        Ok(())
    }
}
