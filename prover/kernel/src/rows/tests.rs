//! Honest proofs of every shape are accepted; lies, and what is changed afterwards, are refused at their step.

use super::Step;
use super::cases::{Case, ENTROPY, Shape};
use super::layout::Layout;
use super::relation::Relation;
use super::statement::Statement;
use super::verify;
use crate::codec::{SCALAR_BYTES, encode_scalars, scalars};
use crate::{Error, Result, pedersen};
use ark_bn254::Fr;
use ark_ff::Field;

/// The step that a proof is refused at, and its index.
fn refused(result: Result<()>) -> Option<(usize, &'static str)> {
    match result {
        Err(Error::RowProof { index, step, .. }) => Some((index, step)),
        _ => None,
    }
}

fn small() -> Shape {
    Shape {
        rows: 8,
        columns: 4,
        digits: vec![1, 3],
        forms: vec![vec![0], vec![0, 1]],
        terms: vec![vec![0, 1, 1], vec![1]],
        cells: 2,
        ..Shape::default()
    }
}

fn small_zero() -> Shape {
    Shape {
        rows: 8,
        columns: 4,
        digits: vec![1, 3, 2],
        forms: vec![vec![0], vec![0, 1]],
        terms: vec![vec![0, 1, 1], vec![0]],
        boolean: vec![0, 1, 2],
        ..Shape::default()
    }
}

#[test]
fn cells_of_every_shape_are_proved() -> Result<()> {
    let one_form = Shape {
        rows: 16,
        columns: 2,
        digits: vec![5],
        forms: vec![vec![0]],
        terms: vec![vec![0]],
        cells: 1,
        ..Shape::default()
    };
    let squares = Shape {
        rows: 32,
        columns: 32,
        digits: vec![2, 3, 4],
        forms: vec![vec![0], vec![1], vec![1, 2]],
        terms: vec![vec![0, 1, 2, 2, 2, 2], vec![0, 1, 2], vec![2, 2], vec![0]],
        cells: 300,
        ..Shape::default()
    };
    let folded = Shape {
        rows: 1024,
        columns: 512,
        digits: vec![256, 2],
        forms: vec![vec![0], vec![1]],
        terms: vec![vec![0, 1], vec![0, 0]],
        cells: 515,
        ..Shape::default()
    };
    let one_row = Shape {
        rows: 1,
        columns: 1,
        digits: vec![2],
        forms: vec![vec![0], vec![0]],
        terms: vec![vec![0, 1], vec![1]],
        cells: 1,
        ..Shape::default()
    };
    for shape in [small(), one_form, squares, folded, one_row] {
        let case = Case::new(&shape)?;
        case.verify(&case.prove()?)?;
    }
    Ok(())
}

#[test]
fn zero_of_every_shape_is_proved() -> Result<()> {
    let only_booleans = Shape {
        rows: 512,
        columns: 512,
        digits: vec![1, 200, 4],
        forms: vec![vec![0, 1]],
        terms: vec![vec![0]],
        boolean: vec![0, 1],
        ..Shape::default()
    };
    let counted_in_pairs = Shape {
        rows: 512,
        columns: 64,
        digits: vec![1, 2, 5],
        forms: vec![vec![1], vec![1, 2]],
        terms: vec![vec![0, 1, 1], vec![0], vec![0, 0]],
        boolean: vec![0, 1, 2],
        ..Shape::default()
    };
    let present_alone = Shape {
        rows: 4,
        columns: 1,
        digits: vec![1],
        forms: vec![vec![0]],
        terms: vec![vec![0]],
        boolean: vec![0],
        ..Shape::default()
    };
    let no_booleans = Shape {
        boolean: vec![],
        ..small_zero()
    };
    let one_row = Shape {
        rows: 1,
        columns: 1,
        ..small_zero()
    };
    for shape in [
        small_zero(),
        only_booleans,
        counted_in_pairs,
        present_alone,
        no_booleans,
        one_row,
    ] {
        let case = Case::new(&shape)?;
        case.verify(&case.prove()?)?;
    }
    Ok(())
}

#[test]
fn a_batch_names_the_first_that_fails() -> Result<()> {
    let cases = [Case::new(&small())?, Case::new(&small_zero())?, Case::new(&small())?];
    let mut proofs = cases.iter().map(Case::prove).collect::<Result<Vec<_>>>()?;
    let check = |proofs: &[Vec<u8>]| {
        let instances = cases.iter().zip(proofs).map(|(case, proof)| case.instance(proof));
        verify(&instances.collect::<Result<Vec<_>>>()?, &ENTROPY, 2)
    };
    check(&proofs)?;
    verify(&[], &ENTROPY, 1)?;
    // sigma* stands last: nothing but the product step has it.
    for proof in &mut proofs[1..] {
        if let Some(byte) = proof.last_mut() {
            *byte ^= 1;
        }
    }
    assert_eq!(refused(check(&proofs)), Some((1, "product")));
    proofs[2].pop();
    assert_eq!(refused(check(&proofs)), Some((1, "product")));
    proofs[1] = cases[1].prove()?;
    assert_eq!(refused(check(&proofs)), Some((2, "length")));
    Ok(())
}

#[test]
fn every_changed_byte_of_a_proof_is_refused() -> Result<()> {
    for shape in [small(), small_zero()] {
        let case = Case::new(&shape)?;
        let proof = case.prove()?;
        for position in 0..proof.len() {
            let mut changed = proof.clone();
            changed[position] ^= 1;
            assert!(refused(case.verify(&changed)).is_some(), "byte {position}");
        }
        assert_eq!(refused(case.verify(&proof[1..])), Some((0, "length")));
        assert_eq!(refused(case.verify(&[&proof[..], &[0]].concat())), Some((0, "length")));
        assert_eq!(
            refused(case.verify(&[&[0; 64], &proof[64..]].concat())),
            Some((0, "identity"))
        );
        assert_eq!(
            refused(case.verify(&[&[255; 64], &proof[64..]].concat())),
            Some((0, "encoding"))
        );
    }
    Ok(())
}

/// `case` with what `change` makes of the responses of its honest proof.
fn changed_at(case: &Case, place: usize) -> Result<Vec<u8>> {
    let mut proof = case.prove()?;
    let start = Layout::new(&Statement::parse(case.public())?).point_bytes() + place * SCALAR_BYTES;
    let response = scalars("a response", &proof[start..][..SCALAR_BYTES])?[0];
    proof[start..][..SCALAR_BYTES].copy_from_slice(&encode_scalars(&[response + Fr::ONE]));
    Ok(proof)
}

#[test]
fn every_changed_response_is_refused_at_its_equation() -> Result<()> {
    for shape in [small(), small_zero()] {
        let case = Case::new(&shape)?;
        let layout = Layout::new(&Statement::parse(case.public())?);
        let step = |place: usize| match place {
            place if place < layout.evaluations.start => Step::Rounds,
            place if place < layout.evaluations.end => Step::Evaluations,
            place if layout.cells.as_ref().is_some_and(|cells| place <= cells.theta) => Step::Cells,
            place if place <= layout.rows.theta => Step::Rows,
            _ => Step::Product,
        };
        for place in 0..=layout.sigma {
            let proof = changed_at(&case, place)?;
            assert_eq!(
                refused(case.verify(&proof)),
                Some((0, step(place).name())),
                "response {place}"
            );
        }
    }
    Ok(())
}

#[test]
fn false_cells_are_refused_at_the_product() -> Result<()> {
    let mut case = Case::new(&small())?;
    let last = case.cells.len() - 1;
    case.cells[last] ^= 1;
    case.commitment = pedersen::commit_vector(&[&case.blinding[..], &case.cells].concat())?;
    assert!(matches!(case.prove(), Err(Error::Argument(_))));
    assert_eq!(refused(case.verify(&case.lie()?)), Some((0, "product")));
    Ok(())
}

#[test]
fn rows_that_violate_a_relation_are_refused_at_the_product() -> Result<()> {
    let case = Case::new(&Shape {
        violated: true,
        ..small_zero()
    })?;
    assert!(matches!(case.prove(), Err(Error::Argument(_))));
    assert_eq!(refused(case.verify(&case.lie()?)), Some((0, "product")));
    Ok(())
}

#[test]
fn rows_that_were_not_committed_are_refused_at_the_opening() -> Result<()> {
    for shape in [small(), small_zero()] {
        let mut case = Case::new(&shape)?;
        let proof = case.prove()?;
        case.verify(&proof)?;
        // As if row 0 had been committed with another value: its commitments trade places.
        let (first, second) = case.points[1].split_at_mut(128);
        first.swap_with_slice(&mut second[..128]);
        assert_eq!(refused(case.verify(&proof)), Some((0, "rows")));
    }
    Ok(())
}

#[test]
fn cells_that_were_not_committed_have_no_proof() -> Result<()> {
    let mut case = Case::new(&small())?;
    let proof = case.prove()?;
    let last = case.blinding.len() - 1;
    case.blinding[last] ^= 1;
    assert_eq!(case.prove(), Err(Error::Opening));
    // Another commitment gives other challenges.
    case.commitment = pedersen::commit_vector(&[&case.blinding[..], &case.cells].concat())?;
    assert_eq!(refused(case.verify(&proof)), Some((0, "rounds")));
    Ok(())
}

#[test]
fn a_statement_that_is_none_is_refused_first() -> Result<()> {
    let honest = || Case::new(&small());
    let proof = honest()?.prove()?;
    let relation = |change: &dyn Fn(&mut Case)| -> Result<()> {
        let mut case = honest()?;
        change(&mut case);
        assert_eq!(refused(case.verify(&proof)), Some((0, "relation")));
        assert!(matches!(case.prove(), Err(Error::Argument(_))));
        Ok(())
    };
    relation(&|case| case.rows = 3)?;
    relation(&|case| case.rows = 1 << 21)?;
    relation(&|case| case.columns = 16)?;
    relation(&|case| case.columns = 0)?;
    relation(&|case| case.digests.truncate(33))?;
    relation(&|case| case.weights.truncate(33))?;
    relation(&|case| case.weights.fill(255))?;
    relation(&|case| case.weights = vec![0; 4097 * SCALAR_BYTES])?;
    relation(&|case| case.weights.clear())?;
    relation(&|case| case.commitment.clear())?;
    relation(&|case| case.commitment[63] ^= 1)?;
    relation(&|case| case.relation.push(0))?;
    let mut boolean = Case::new(&small_zero())?;
    boolean.weights = vec![0; SCALAR_BYTES];
    boolean.commitment = vec![0; 64];
    assert_eq!(refused(boolean.verify(&proof)), Some((0, "relation")));

    let mut case = honest()?;
    case.points[1].truncate(64);
    assert_eq!(refused(case.verify(&proof)), Some((0, "commitments")));
    let mut case = honest()?;
    case.points.pop();
    assert_eq!(refused(case.verify(&proof)), Some((0, "commitments")));
    let mut case = honest()?;
    case.points[0][0] ^= 1;
    assert_eq!(refused(case.verify(&proof)), Some((0, "commitments")));
    Ok(())
}

#[test]
fn a_relation_outside_of_a_bound_is_not_decoded() {
    let word = |value: u32| value.to_be_bytes().to_vec();
    let scalar = vec![0; SCALAR_BYTES];
    // One digit with one value, one form with one part, one term with one factor, no boolean digit.
    let parts = |digits: u32, values: u32, digit: u32, factors: u32, form: u32, boolean: Vec<u8>| {
        [
            word(digits),
            word(values),
            word(1),
            word(1),
            word(digit),
            scalar.clone(),
            word(1),
            scalar.clone(),
            word(factors),
            word(form),
            boolean,
        ]
        .concat()
    };
    let none = word(0);
    let honest = parts(1, 1, 0, 1, 0, none.clone());
    assert!(Relation::decode(&honest).is_ok());
    for end in 0..honest.len() {
        assert!(Relation::decode(&honest[..end]).is_err(), "cut after {end} bytes");
    }
    let two_equal = [word(2), word(0), word(0)].concat();
    let missing = [word(1), word(1)].concat();
    for wrong in [
        parts(0, 1, 0, 1, 0, none.clone()),
        parts(u32::MAX, 1, 0, 1, 0, none.clone()),
        parts(1, 0, 0, 1, 0, none.clone()),
        parts(1, 257, 0, 1, 0, none.clone()),
        parts(1, 1, 1, 1, 0, none.clone()),
        parts(1, 1, 0, 0, 0, none.clone()),
        parts(1, 1, 0, 7, 0, none.clone()),
        parts(1, 1, 0, 1, 1, none),
        parts(1, 1, 0, 1, 0, two_equal),
        parts(1, 1, 0, 1, 0, missing),
    ] {
        assert!(Relation::decode(&wrong).is_err());
    }
}
