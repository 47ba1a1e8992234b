//! Henderson's mixed model equations for two crossed random effects.
//!
//! With variances in units of the residual, the equations of one side (the one with more levels) are
//! diagonal but for their links to the other. Eliminating it leaves a dense system of the general mean
//! and the side kept. The effects of the side kept are solved for in units of their own standard
//! deviation, so a side without variance needs no case of its own and the system is positive definite.

use nalgebra::{Cholesky, DMatrix, DMatrixView, DVector, Dyn};

use super::super::failure::StatError;
use super::super::numbers::finite;
use super::super::sample::mean;
use super::CrossedComponents;

/// Blocks of this size are inverted as they are.
const BLOCK: usize = 64;

/// Visits by the numbers of their branch and shopper.
pub(super) struct Visits<'a> {
    pub(super) branch: &'a [u32],
    pub(super) shopper: &'a [u32],
    pub(super) y: &'a [f64],
}

/// The general mean and the effects of both sides.
pub(super) struct Prediction {
    pub(super) mu: f64,
    pub(super) branches: Effects,
    pub(super) shoppers: Effects,
}

/// What is predicted of every level of one side.
pub(super) struct Effects {
    pub(super) rows: Vec<usize>,
    pub(super) effects: Vec<f64>,
    pub(super) pev: Vec<f64>,
}

/// Predicts all effects; the residual variance must be above 0.
pub(super) fn predict(
    visits: &Visits<'_>,
    branches: usize,
    shoppers: usize,
    components: CrossedComponents,
) -> Result<Prediction, StatError> {
    let CrossedComponents { branch, shopper, residual } = components;
    let mean = mean(visits.y);
    let by_branch = Side::new(visits.branch, visits.y, mean, branches, branch / residual);
    let by_shopper = Side::new(visits.shopper, visits.y, mean, shoppers, shopper / residual);
    let (shift, branches, shoppers) = if branches >= shoppers {
        let (shift, gone, kept) = solve(&by_branch, &by_shopper, &links(visits.branch, visits.shopper))?;
        (shift, gone, kept)
    } else {
        let (shift, gone, kept) = solve(&by_shopper, &by_branch, &links(visits.shopper, visits.branch))?;
        (shift, kept, gone)
    };
    let effects = |side: Side, solution: Solution| Effects {
        rows: side.rows,
        effects: solution.effects,
        pev: solution.pev.into_iter().map(|pev| pev * residual).collect(),
    };
    let prediction = Prediction {
        mu: mean + shift,
        branches: effects(by_branch, branches),
        shoppers: effects(by_shopper, shoppers),
    };
    for side in [&prediction.branches, &prediction.shoppers] {
        finite(side.effects.iter().chain(&side.pev))?;
    }
    finite([&prediction.mu])?;
    Ok(prediction)
}

// One side of the table: rows and centered sums of its levels, and its variance in residual units.
struct Side {
    rows: Vec<usize>,
    sums: Vec<f64>,
    variance: f64,
}

impl Side {
    fn new(of_row: &[u32], y: &[f64], mean: f64, levels: usize, variance: f64) -> Self {
        let mut side = Side { rows: vec![0; levels], sums: vec![0.0; levels], variance };
        for (&level, y) in of_row.iter().zip(y) {
            side.rows[level as usize] += 1;
            side.sums[level as usize] += y - mean;
        }
        side
    }

    // The share of a level's sum that is left to the general mean when the level is eliminated.
    fn left(&self, level: usize) -> f64 {
        1.0 / (self.rows[level] as f64 * self.variance + 1.0)
    }

    // What a level's effect is per unit of its sum when the rest is known.
    fn taken(&self, level: usize) -> f64 {
        self.variance * self.left(level)
    }
}

// A level of the side that goes, and how many rows it shares with one level of the side that stays.
struct Link {
    gone: usize,
    kept: usize,
    rows: f64,
}

fn links(gone: &[u32], kept: &[u32]) -> Vec<Link> {
    let mut pairs: Vec<(u32, u32)> = gone.iter().copied().zip(kept.iter().copied()).collect();
    pairs.sort_unstable();
    let link =
        |rows: &[(u32, u32)]| Link { gone: rows[0].0 as usize, kept: rows[0].1 as usize, rows: rows.len() as f64 };
    pairs.chunk_by(|a, b| a == b).map(link).collect()
}

// Effects in score units, error variances in residual units.
struct Solution {
    effects: Vec<f64>,
    pev: Vec<f64>,
}

fn solve(gone: &Side, kept: &Side, links: &[Link]) -> Result<(f64, Solution, Solution), StatError> {
    let (matrix, right) = reduced(gone, kept, links);
    let cholesky = Cholesky::new(matrix).ok_or_else(singular)?;
    let scaled = cholesky.solve(&right);
    let inverse = inverse(&cholesky)?;
    let (shift, scale) = (scaled[0], kept.variance.sqrt());
    let of_kept = Solution {
        effects: scaled.iter().skip(1).map(|effect| effect * scale).collect(),
        pev: inverse.diagonal().iter().skip(1).map(|inverse| inverse * kept.variance).collect(),
    };
    let mut of_gone = Solution { effects: Vec::new(), pev: Vec::new() };
    for group in links.chunk_by(|a, b| a.gone == b.gone) {
        let level = group[0].gone;
        let (rows, taken) = (gone.rows[level] as f64, gone.taken(level));
        let of_others: f64 = group.iter().map(|link| link.rows * of_kept.effects[link.kept]).sum();
        of_gone.effects.push(taken * (gone.sums[level] - rows * shift - of_others));
        of_gone.pev.push(taken + taken * taken * spread(rows, group, &inverse, scale));
    }
    Ok((shift, of_gone, of_kept))
}

fn singular() -> StatError {
    StatError::undefined("the variances are too far apart to be solved for")
}

// The inverse by products of blocks: nalgebra's own goes through the factor once per column, which is 20
// times slower for thousands of levels.
fn inverse(cholesky: &Cholesky<f64, Dyn>) -> Result<DMatrix<f64>, StatError> {
    let lower = lower_inverse(cholesky.l_dirty().as_view()).ok_or_else(singular)?;
    Ok(lower.transpose() * lower)
}

fn lower_inverse(lower: DMatrixView<'_, f64>) -> Option<DMatrix<f64>> {
    let size = lower.nrows();
    if size <= BLOCK {
        return lower.solve_lower_triangular(&DMatrix::identity(size, size));
    }
    let (half, rest) = (size / 2, size - size / 2);
    let first = lower_inverse(lower.view((0, 0), (half, half)))?;
    let second = lower_inverse(lower.view((half, half), (rest, rest)))?;
    let mut inverse = DMatrix::zeros(size, size);
    let corner = -(&second * (lower.view((half, 0), (rest, half)) * &first));
    inverse.view_mut((0, 0), (half, half)).copy_from(&first);
    inverse.view_mut((half, half), (rest, rest)).copy_from(&second);
    inverse.view_mut((half, 0), (rest, half)).copy_from(&corner);
    Some(inverse)
}

// The equations of the general mean (first) and the side kept, after the other side has gone. Only the
// lower triangle is filled. Row sums are formed without the differences that cancel.
fn reduced(gone: &Side, kept: &Side, links: &[Link]) -> (DMatrix<f64>, DVector<f64>) {
    let size = kept.rows.len() + 1;
    let scale = kept.variance.sqrt();
    let (mut matrix, mut right) = (DMatrix::zeros(size, size), DVector::zeros(size));
    for (level, (rows, sum)) in kept.rows.iter().zip(&kept.sums).enumerate() {
        matrix[(level + 1, level + 1)] = *rows as f64 * kept.variance + 1.0;
        right[level + 1] = sum * scale;
    }
    for group in links.chunk_by(|a, b| a.gone == b.gone) {
        let level = group[0].gone;
        let (left, taken) = (gone.left(level), gone.taken(level));
        matrix[(0, 0)] += gone.rows[level] as f64 * left;
        right[0] += gone.sums[level] * left;
        for (position, link) in group.iter().enumerate() {
            let row = link.kept + 1;
            matrix[(row, 0)] += link.rows * left * scale;
            right[row] -= link.rows * taken * gone.sums[level] * scale;
            for other in &group[..=position] {
                matrix[(row, other.kept + 1)] -= link.rows * other.rows * taken * kept.variance;
            }
        }
    }
    (matrix, right)
}

// Variance of what a level of the side that went owes to the error of mean and other side.
fn spread(rows: f64, group: &[Link], inverse: &DMatrix<f64>, scale: f64) -> f64 {
    let mut sum = rows * rows * inverse[(0, 0)];
    for link in group {
        let column = inverse.column(link.kept + 1);
        let crossed: f64 = group.iter().map(|other| other.rows * column[other.kept + 1]).sum();
        sum += link.rows * scale * (2.0 * rows * column[0] + scale * crossed);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_by_blocks_inverts() {
        for size in [1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let entry = |row: usize, column: usize| ((7 * row.min(column) + 3 * row.max(column)) % 11) as f64;
            let matrix =
                DMatrix::from_fn(size, size, entry) + DMatrix::from_diagonal_element(size, size, 11.0 * size as f64);
            let inverse = inverse(&Cholesky::new(matrix.clone()).unwrap()).unwrap();
            assert!((matrix * inverse - DMatrix::<f64>::identity(size, size)).amax() < 1e-12);
        }
    }
}
