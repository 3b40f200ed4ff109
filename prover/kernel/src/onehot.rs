//! One-hot commitments of one digit of a chunk (docs/spec/02-tables.md, section 2).
//!
//! C[t,i] = sum_j [code(i,j) = t] G_j + rho[t,i] H for row blocks i of `columns` rows. Each present row is one addition.

use crate::batch::{Finite, Lists};
use crate::codec::{POINT_BYTES, put_coordinates};
use crate::generators::{Family, MAX_COLUMNS, first};
use crate::prf::Prf;
use crate::{Error, Result, labels};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, CurveGroup};
use ark_ff::PrimeField;
use rayon::prelude::*;
use std::sync::OnceLock;

/// The code of a row in which the digit is NULL or that is padding.
pub const ABSENT_CODE: u16 = 0xffff;
pub const MAX_VALUES: usize = 256;
pub const MAX_ROWS: usize = 1 << 20;
pub const KEY_BYTES: usize = 32;
const MAX_THREADS: usize = 256;

/// Bits of a signed window of rho. Wider is fewer additions and a table that leaves the cache; chosen by measurement.
const WINDOW: usize = 13;
const WINDOWS: usize = 255usize.div_ceil(WINDOW);
const HALF_WINDOW: usize = 1 << (WINDOW - 1);

/// d 2^(WINDOW w) H at place w HALF_WINDOW + d - 1, for d in 1..=HALF_WINDOW.
static BLINDER_TABLE: OnceLock<Result<Vec<Finite>>> = OnceLock::new();

fn blinder_table() -> Result<&'static [Finite]> {
    match BLINDER_TABLE.get_or_init(build_blinder_table) {
        Ok(table) => Ok(table),
        Err(error) => Err(error.clone()),
    }
}

fn build_blinder_table() -> Result<Vec<Finite>> {
    let mut base: G1Projective = first(Family::RowBlinder, 1)?[0].into();
    let mut multiples = Vec::with_capacity(WINDOWS * HALF_WINDOW);
    for _ in 0..WINDOWS {
        let step = base.into_affine();
        let mut multiple = G1Projective::ZERO;
        for _ in 0..HALF_WINDOW {
            multiple += step;
            multiples.push(multiple);
        }
        base = multiple.double();
    }
    G1Projective::normalize_batch(&multiples)
        .iter()
        .map(Finite::new)
        .collect()
}

/// Appends the table points whose sum is rho H.
fn push_blinder(rho: Fr, table: &[Finite], lists: &mut Lists) {
    let limbs = rho.into_bigint().0;
    let mut carry = 0;
    for (window, multiples) in table.chunks_exact(HALF_WINDOW).enumerate() {
        let raw = bits(&limbs, window * WINDOW) + carry;
        // Signed digits in -2^(w-1) < d <= 2^(w-1): half the table, because -P costs nothing.
        if raw > HALF_WINDOW {
            carry = 1;
            let magnitude = 2 * HALF_WINDOW - raw;
            if magnitude > 0 {
                lists.push(multiples[magnitude - 1].negated());
            }
        } else {
            carry = 0;
            if raw > 0 {
                lists.push(multiples[raw - 1]);
            }
        }
    }
}

fn bits(limbs: &[u64; 4], start: usize) -> usize {
    let (limb, offset) = (start / 64, start % 64);
    let low = limbs.get(limb).map_or(0, |value| value >> offset);
    let high = match limbs.get(limb + 1) {
        Some(value) if offset > 0 => value << (64 - offset),
        _ => 0,
    };
    (low | high) as usize & (2 * HALF_WINDOW - 1)
}

/// What the commitments of one digit have in common.
struct Digit<'a> {
    values: usize,
    columns: &'a [G1Affine],
    prf: Prf,
    context: &'a [u8],
    blinders: &'a [Finite],
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
    if !(1..=MAX_THREADS).contains(&threads) {
        return Err(Error::Argument("between 1 and 256 threads can be used"));
    }
    crate::codec::check_length("the blinding key", key, 1, KEY_BYTES)?;
    let rows = crate::codec::count("the codes", codes, 2)?;
    if !(1..=MAX_ROWS).contains(&rows) || !rows.is_multiple_of(columns) {
        return Err(Error::Argument(
            "the codes must fill between 1 and 2^20 places in whole row blocks",
        ));
    }
    let generators = first(Family::RowPosition, columns)?;
    let digit = Digit {
        values,
        columns: &generators[..columns],
        prf: Prf::new(key)?,
        context,
        blinders: blinder_table()?,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|_| Error::Internal("the threads could not be started"))?;
    let blocks = pool.install(|| {
        codes
            .par_chunks_exact(2 * columns)
            .enumerate()
            .map_init(Lists::default, |lists, (block, codes)| {
                digit.commit_block(block, codes, lists)
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
    fn commit_block(&self, block: usize, codes: &[u8], lists: &mut Lists) -> Result<Vec<u8>> {
        let positions = self.sort(block, codes)?;
        lists.clear();
        for (value, positions) in positions.iter().enumerate() {
            for position in positions {
                lists.push(Finite::new(&self.columns[usize::from(*position)])?);
            }
            push_blinder(self.blinder(value, block), self.blinders, lists);
            lists.end_list();
        }
        lists.reduce()?;

        let mut out = Vec::with_capacity(self.values * POINT_BYTES);
        for sum in lists.sums() {
            match sum {
                Some(point) => put_coordinates(point.x, point.y, &mut out),
                None => out.extend_from_slice(&[0; POINT_BYTES]),
            }
        }
        Ok(out)
    }

    /// The positions of each value in a row block.
    fn sort(&self, block: usize, codes: &[u8]) -> Result<Vec<Vec<u16>>> {
        let mut positions = vec![Vec::new(); self.values];
        for (position, code) in codes.chunks_exact(2).enumerate() {
            let code = u16::from_le_bytes([code[0], code[1]]);
            if code == ABSENT_CODE {
                continue;
            }
            match positions.get_mut(usize::from(code)) {
                Some(list) => list.push(position as u16),
                None => {
                    return Err(Error::DigitCode {
                        position: block * self.columns.len() + position,
                    });
                }
            }
        }
        Ok(positions)
    }

    fn blinder(&self, value: usize, block: usize) -> Fr {
        self.prf.scalar(&[
            labels::ONEHOT_BLINDER,
            &(self.context.len() as u64).to_be_bytes(),
            self.context,
            &(value as u32).to_be_bytes(),
            &(block as u32).to_be_bytes(),
        ])
    }
}
