//! Where branches stand: estimates drawn towards the chain's, and ranks with their uncertainty.

use peegel_scoring::columns::Moments;
use peegel_scoring::stats::ranks::ranks;
use peegel_scoring::stats::shrink::oneway_of_moments;

/// The confidence of rank intervals.
const CONFIDENCE: f64 = 0.9;
/// Most branches that are ranked: every pair of them is compared.
const MOST_BRANCHES: usize = 3000;

/// Where a branch stands in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The estimated score in basis points.
    pub estimate_bp: i64,
    /// The expected rank in hundredths.
    pub expected_rank_hundredths: i64,
    /// The best rank that the visits do not rule out.
    pub rank_low: i64,
    /// The worst rank that the visits do not rule out.
    pub rank_high: i64,
}

/// Ranks branches by the totals of their scores. A branch without scores has no place.
///
/// # Errors
///
/// Why no branch can be ranked, in words.
pub fn standings(branches: &[Moments]) -> Result<Vec<Option<Standing>>, String> {
    let scored: Vec<_> = (0..branches.len()).filter(|&position| branches[position].n() > 0).collect();
    if scored.len() > MOST_BRANCHES {
        return Err(format!("at most {MOST_BRANCHES} branches are ranked, and there are {}", scored.len()));
    }
    let totals: Vec<_> = scored.iter().map(|&position| branches[position]).collect();
    let fit = oneway_of_moments(&totals).map_err(|error| error.message)?;
    if fit.s2_branch <= 0.0 {
        return Err("no difference between branches can be told from chance".to_owned());
    }
    let estimates: Vec<_> = fit.branches.iter().map(|branch| branch.estimate).collect();
    let variances: Vec<_> = fit.branches.iter().map(|branch| branch.post_var).collect();
    let ranks = ranks(&estimates, &variances, CONFIDENCE, None).map_err(|error| error.message)?;
    let mut standings = vec![None; branches.len()];
    for (place, position) in scored.into_iter().enumerate() {
        let [low, high] = ranks.rank_interval[place];
        standings[position] = Some(Standing {
            estimate_bp: estimates[place].round() as i64,
            expected_rank_hundredths: (ranks.expected_rank[place] * 100.0).round() as i64,
            rank_low: i64::try_from(low).unwrap_or(i64::MAX),
            rank_high: i64::try_from(high).unwrap_or(i64::MAX),
        });
    }
    Ok(standings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(scores: &[i64]) -> Moments {
        let mut totals = Moments::new();
        scores.iter().for_each(|bp| totals.add(*bp).expect("few scores"));
        totals
    }

    #[test]
    fn a_clear_winner_is_ranked_first() {
        let branches =
            [branch(&[5000, 5200, 5100]), branch(&[]), branch(&[9000, 9100, 9050]), branch(&[5150, 5050, 5080])];
        let standings = standings(&branches).unwrap();
        assert_eq!(standings[1], None);
        let winner = standings[2].unwrap();
        assert_eq!((winner.rank_low, winner.rank_high, winner.expected_rank_hundredths), (1, 1, 100));
        assert!((8900..9050).contains(&winner.estimate_bp), "drawn towards the others: {winner:?}");
        let tied = standings[0].unwrap();
        assert_eq!((tied.rank_low, tied.rank_high), (2, 3));
    }

    #[test]
    fn what_cannot_be_ranked_says_why() {
        assert!(standings(&[branch(&[5000, 6000])]).is_err());
        assert!(standings(&[branch(&[5000]), branch(&[6000])]).is_err());
        let alike = [branch(&[5000, 9000]), branch(&[9000, 5000]), branch(&[7000, 7000])];
        assert_eq!(standings(&alike).unwrap_err(), "no difference between branches can be told from chance");
    }
}
