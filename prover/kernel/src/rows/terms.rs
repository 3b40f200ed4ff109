//! Terms, nested and grouped so that sums over them take few multiplications.
//!
//! Terms are nested by their most frequent factor: f1 f2 f3 (a + l (b + c l)) takes five multiplications. Terms that share no
//! form with others are a component by themselves, because one of low degree needs fewer points than the others.

use super::relation::Term;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Terms by their most frequent factor: the leaves of a node are what is left of terms whose factors lead to it.
#[derive(Debug)]
pub struct Tree<T> {
    pub leaves: Vec<T>,
    pub branches: Vec<(usize, Tree<T>)>,
}

/// constant + sum over branches of form times nested sum.
#[derive(Debug)]
pub struct Nested {
    pub constant: Fr,
    pub branches: Vec<(usize, Nested)>,
}

/// Terms that share forms, directly or through others.
#[derive(Debug)]
pub struct Component<'a> {
    pub terms: Vec<&'a Term>,
    /// The forms, by their index in the polynomial; `nested` counts them from 0.
    pub forms: Vec<usize>,
    /// The coefficient, if there is one term.
    pub scale: Fr,
    /// The terms without `scale`.
    pub nested: Nested,
    pub degree: usize,
}

impl<T> Tree<T> {
    /// Of leaves with their factors.
    pub fn new(mut terms: Vec<(T, Vec<usize>)>) -> Self {
        let mut leaves = Vec::new();
        let mut branches = Vec::new();
        loop {
            let (ended, rest): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, factors)| factors.is_empty());
            leaves.extend(ended.into_iter().map(|(leaf, _)| leaf));
            let Some(form) = most_frequent(&rest) else {
                return Self { leaves, branches };
            };
            let (with, without): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, factors)| factors.contains(&form));
            let divided = with.into_iter().map(|(leaf, mut factors)| {
                if let Some(place) = factors.iter().position(|factor| *factor == form) {
                    factors.remove(place);
                }
                (leaf, factors)
            });
            branches.push((form, Self::new(divided.collect())));
            terms = without;
        }
    }
}

impl Nested {
    /// The form that this is, if it is one and nothing else.
    pub fn only_form(&self) -> Option<usize> {
        match &self.branches[..] {
            [(form, inner)] if self.constant == Fr::ZERO && inner.branches.is_empty() && inner.constant == Fr::ONE => {
                Some(*form)
            }
            _ => None,
        }
    }
}

impl From<Tree<Fr>> for Nested {
    fn from(tree: Tree<Fr>) -> Self {
        let branches = tree.branches.into_iter();
        Self {
            constant: tree.leaves.iter().sum(),
            branches: branches.map(|(form, inner)| (form, inner.into())).collect(),
        }
    }
}

/// The form that the most terms contain.
fn most_frequent<T>(terms: &[(T, Vec<usize>)]) -> Option<usize> {
    let mut counts = BTreeMap::new();
    for (_, factors) in terms {
        let mut factors = factors.clone();
        factors.sort_unstable();
        factors.dedup();
        for form in factors {
            *counts.entry(form).or_insert(0usize) += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(form, count)| (*count, Reverse(*form)));
    most.map(|(form, _)| form)
}

/// The components of a polynomial in so many forms.
pub fn components(terms: &[Term], forms: usize) -> Vec<Component<'_>> {
    split(terms, forms).into_iter().map(component).collect()
}

fn component(terms: Vec<&Term>) -> Component<'_> {
    let mut forms: Vec<usize> = terms.iter().flat_map(|term| term.factors.iter().copied()).collect();
    forms.sort_unstable();
    forms.dedup();
    let local = |form: &usize| forms.binary_search(form).unwrap_or_default(); // it is there
    let locally = |term: &Term| term.factors.iter().map(local).collect();
    let (scale, nested) = match terms[..] {
        [term] => (term.coefficient, vec![(Fr::ONE, locally(term))]),
        _ => {
            let nested = terms.iter().map(|term| (term.coefficient, locally(term)));
            (Fr::ONE, nested.collect())
        }
    };
    Component {
        scale,
        nested: Tree::new(nested).into(),
        degree: terms.iter().map(|term| term.factors.len()).max().unwrap_or(0),
        forms,
        terms,
    }
}

/// Groups terms so that two of different groups have no form in common.
fn split(terms: &[Term], forms: usize) -> Vec<Vec<&Term>> {
    let mut leaders: Vec<usize> = (0..forms).collect();
    fn leader(leaders: &mut [usize], mut form: usize) -> usize {
        while leaders[form] != form {
            leaders[form] = leaders[leaders[form]];
            form = leaders[form];
        }
        form
    }
    for term in terms {
        for pair in term.factors.windows(2) {
            let (a, b) = (leader(&mut leaders, pair[0]), leader(&mut leaders, pair[1]));
            leaders[a] = b;
        }
    }
    let mut groups: Vec<Vec<&Term>> = vec![Vec::new(); forms];
    for term in terms {
        groups[leader(&mut leaders, term.factors[0])].push(term);
    }
    groups.retain(|group| !group.is_empty());
    groups
}
