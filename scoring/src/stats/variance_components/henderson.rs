//! Henderson's first method on numbered cells.

use std::collections::HashMap;

use nalgebra::{DMatrix, DVector};

use super::super::failure::StatError;
use super::super::numbers::finite;
use super::super::sample::{counted, mean, squares};

/// Smaller pivots are taken for rounding: entries are exact counts but for their last digits.
const SINGULAR: f64 = 1e-12;

/// What is estimated from the rows.
pub(super) struct Estimate {
    pub(super) mean: f64,
    /// One variance per effect, possibly negative.
    pub(super) raw: Vec<f64>,
}

/// Estimates the variance of every set of facets; the last set stands for the residual.
pub(super) fn estimate(facets: &[&[u32]], sets: &[Vec<usize>], y: &[f64]) -> Result<Estimate, StatError> {
    let structured = &sets[..sets.len() - 1];
    let cells: Vec<Cells> = structured.iter().map(|set| Cells::of(set, facets, y.len())).collect();
    let mean = mean(y);
    let raw_squares = squares(y, 0.0);
    let mut sums: Vec<f64> = cells.iter().map(|cells| cells.squares_between(y, mean)).collect();
    sums.push(squares(y, mean));
    finite(sums.iter().chain([&raw_squares]))?;
    let sums = sums.into_iter().map(|squares| counted(squares, raw_squares)).collect();
    let raw = solve(expectations(&cells, y.len()), sums)?;
    finite(&raw)?;
    Ok(Estimate { mean, raw })
}

// The cells of one effect: the number of the cell of every row, and the rows of every cell.
struct Cells {
    of_row: Vec<u32>,
    sizes: Vec<u32>,
}

impl Cells {
    fn of(set: &[usize], facets: &[&[u32]], rows: usize) -> Self {
        let mut cells = Cells { of_row: vec![0; rows], sizes: Vec::new() };
        for &facet in set {
            let mut numbers = HashMap::new();
            for (cell, &level) in cells.of_row.iter_mut().zip(facets[facet]) {
                let next = numbers.len() as u32;
                *cell = *numbers.entry((*cell, level)).or_insert(next);
            }
        }
        for &cell in &cells.of_row {
            let cell = cell as usize;
            if cell >= cells.sizes.len() {
                cells.sizes.resize(cell + 1, 0);
            }
            cells.sizes[cell] += 1;
        }
        cells
    }

    fn squares_between(&self, y: &[f64], mean: f64) -> f64 {
        let mut sums = vec![0.0; self.sizes.len()];
        for (&cell, value) in self.of_row.iter().zip(y) {
            sums[cell as usize] += value - mean;
        }
        sums.iter().zip(&self.sizes).map(|(sum, size)| sum * sum / f64::from(*size)).sum()
    }

    // By how much the variance of this effect enters the square of the total.
    fn in_mean(&self, rows: f64) -> f64 {
        self.sizes.iter().map(|size| f64::from(*size).powi(2)).sum::<f64>() / rows
    }

    // By how much the variance of the other effect enters the sum of squares of this one, and back.
    fn shared(&self, other: &Cells) -> (f64, f64) {
        let pair = |(a, b): (&u32, &u32)| (*a, *b);
        let mut pairs: Vec<(u32, u32)> = self.of_row.iter().zip(&other.of_row).map(pair).collect();
        pairs.sort_unstable();
        let (mut here, mut there) = (0.0, 0.0);
        for subcell in pairs.chunk_by(|a, b| a == b) {
            let (a, b) = subcell[0];
            let square = (subcell.len() as f64).powi(2);
            here += square / f64::from(self.sizes[a as usize]);
            there += square / f64::from(other.sizes[b as usize]);
        }
        (here, there)
    }
}

// One row per sum of squares about the mean, one column per variance; the residual is last in both.
fn expectations(cells: &[Cells], rows: usize) -> DMatrix<f64> {
    let (residual, n) = (cells.len(), rows as f64);
    let mut matrix = DMatrix::from_element(residual + 1, residual + 1, n);
    for (a, effect) in cells.iter().enumerate() {
        for (b, other) in cells.iter().enumerate().skip(a + 1) {
            (matrix[(a, b)], matrix[(b, a)]) = effect.shared(other);
        }
        matrix[(a, residual)] = effect.sizes.len() as f64;
    }
    for (b, effect) in cells.iter().enumerate() {
        let in_mean = effect.in_mean(n);
        matrix.column_mut(b).add_scalar_mut(-in_mean);
    }
    matrix.column_mut(residual).add_scalar_mut(-1.0);
    matrix
}

// Rows and columns are brought to a largest entry of 1 first, so that pivots can be compared.
fn solve(mut matrix: DMatrix<f64>, sums: Vec<f64>) -> Result<Vec<f64>, StatError> {
    let mut solution = DVector::from_vec(sums);
    for (mut row, sum) in matrix.row_iter_mut().zip(solution.iter_mut()) {
        let largest = row.amax();
        row.unscale_mut(largest);
        *sum /= largest;
    }
    let column_scales: Vec<f64> = matrix.column_iter().map(|column| column.amax()).collect();
    for (mut column, scale) in matrix.column_iter_mut().zip(&column_scales) {
        column.unscale_mut(*scale);
    }
    let lu = matrix.full_piv_lu();
    let regular = lu.u().diagonal().iter().all(|pivot| pivot.abs() > SINGULAR);
    if !regular || !lu.solve_mut(&mut solution) {
        return Err(StatError::undefined("the design cannot tell the effects apart: drop one, or add levels or rows"));
    }
    Ok(solution.iter().zip(&column_scales).map(|(value, scale)| value / scale).collect())
}
