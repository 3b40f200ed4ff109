//! Terms, nested and grouped so that sums over them take few multiplications.
//!
//! Terms are nested by their most frequent factor: f1 f2 f3 (a + l (b + c l)) takes five multiplications. Terms that share no
//! form with others are a component by themselves, because one of low degree needs fewer points than the others.

use super::relation::Term;
use ark_bn254::Fr;

/// constant + sum over branches of form times nested sum.
#[derive(Debug, Default)]
pub struct Nested {
    pub constant: Fr,
    pub branches: Vec<(usize, Nested)>,
}

/// Terms that share forms, directly or through others.
#[derive(Debug)]
pub struct Component {
    /// The forms, by their index in the polynomial; `nested` counts them from 0.
    pub forms: Vec<usize>,
    pub nested: Nested,
    pub degree: usize,
}

impl Nested {
    /// Nests terms, given as coefficient and factors.
    fn new(mut terms: Vec<(Fr, Vec<usize>)>) -> Self {
        let mut nested = Self::default();
        loop {
            let (constants, rest): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, factors)| factors.is_empty());
            nested.constant += constants.iter().map(|(coefficient, _)| coefficient).sum::<Fr>();
            let Some(form) = most_frequent(&rest) else {
                return nested;
            };
            let (with, without): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, factors)| factors.contains(&form));
            let divided = with.into_iter().map(|(coefficient, mut factors)| {
                if let Some(place) = factors.iter().position(|factor| *factor == form) {
                    factors.remove(place);
                }
                (coefficient, factors)
            });
            nested.branches.push((form, Self::new(divided.collect())));
            terms = without;
        }
    }
}

/// The form that the most terms contain.
fn most_frequent(terms: &[(Fr, Vec<usize>)]) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::new();
    for (_, factors) in terms {
        let mut factors = factors.clone();
        factors.dedup();
        for form in factors {
            *counts.entry(form).or_insert(0usize) += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(form, count)| (*count, std::cmp::Reverse(*form)))
        .map(|(form, _)| form)
}

/// The components of a polynomial in so many forms.
pub fn components(terms: &[Term], forms: usize) -> Vec<Component> {
    let groups = split(terms, forms);
    groups.iter().map(|group| component(group)).collect()
}

fn component(terms: &[&Term]) -> Component {
    let mut forms: Vec<usize> = terms.iter().flat_map(|term| term.factors.iter().copied()).collect();
    forms.sort_unstable();
    forms.dedup();
    let local = |form: &usize| forms.binary_search(form).unwrap_or_default(); // it is there
    let nested = terms
        .iter()
        .map(|term| (term.coefficient, term.factors.iter().map(local).collect()))
        .collect();
    Component {
        nested: Nested::new(nested),
        degree: terms.iter().map(|term| term.factors.len()).max().unwrap_or(0),
        forms,
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
