//! How a photo looks, in 64 bits: photos that look alike differ in few of them.
//!
//! Each bit says whether one of the slowest changes of brightness across the photo is stronger than the median of them.
//! Coding it again, scaling it or making it lighter hardly changes that. The changes are measured by a discrete cosine
//! transform in whole numbers, so that the same preview gives the same bits on every machine.

use super::pixels::Pixels;

/// The photo is averaged to so many cells a side.
const CELLS: usize = 32;
/// Frequencies a side that are looked at.
const FREQUENCIES: usize = 8;
/// Smallest standard deviation of the brightness of the cells, of 255. What is flatter, such as a dark pocket or a wall,
/// would be alike to everything flat.
const LEAST_DEVIATION: i64 = 4;

/// The bits of a photo; none when it is all but of one colour, or too small to be told apart.
pub(super) fn hash(photo: &Pixels) -> Option<u64> {
    let cells = cells(photo)?;
    let count = (CELLS * CELLS) as i64;
    let sum: i64 = cells.as_flattened().iter().sum();
    let squares: i64 = cells.as_flattened().iter().map(|cell| cell * cell).sum();
    if count * squares - sum * sum < (LEAST_DEVIATION * count).pow(2) {
        return None;
    }
    let waves = waves();
    // All but the mean brightness, and one more in its place.
    let places = (0..FREQUENCIES * FREQUENCIES).map(|n| match n {
        0 => (0, FREQUENCIES),
        n => (n / FREQUENCIES, n % FREQUENCIES),
    });
    let rows = cells.map(|row| waves.map(|wave| row.iter().zip(wave).map(|(cell, w)| cell * w).sum::<i64>()));
    let strengths: Vec<i64> =
        places.map(|(down, along)| (0..CELLS).map(|row| rows[row][along] * waves[down][row]).sum()).collect();
    let mut sorted = strengths.clone();
    sorted.sort_unstable();
    let median = (sorted[31] + sorted[32]) / 2;
    Some(strengths.iter().enumerate().fold(0, |bits, (n, strength)| bits | u64::from(*strength > median) << n))
}

/// In how many bits two photos differ: 0 to 64.
pub fn distance(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// The mean brightness of each cell.
fn cells(photo: &Pixels) -> Option<[[i64; CELLS]; CELLS]> {
    let (width, height) = (photo.width as usize, photo.height as usize);
    if width < CELLS || height < CELLS {
        return None;
    }
    let mut sums = [[(0, 0); CELLS]; CELLS];
    for (y, row) in photo.data.chunks_exact(width * 3).enumerate() {
        let sums = &mut sums[y * CELLS / height];
        for (x, rgb) in row.chunks_exact(3).enumerate() {
            let (sum, count) = &mut sums[x * CELLS / width];
            // The weights of the eye, in thousandths.
            *sum += 299 * i64::from(rgb[0]) + 587 * i64::from(rgb[1]) + 114 * i64::from(rgb[2]);
            *count += 1000;
        }
    }
    Some(sums.map(|row| row.map(|(sum, count)| sum / count)))
}

/// Cosines, one row a frequency, in units of 1/4096.
fn waves() -> [[i64; CELLS]; FREQUENCIES + 1] {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|cell| {
            let angle = ((2 * cell + 1) * frequency) as f64 * std::f64::consts::PI / (2 * CELLS) as f64;
            (angle.cos() * 4096.0).round() as i64
        })
    })
}
