//! What the answers say: the same again and again, too fast, or those of another visit. The rules are the `flags` of
//! [`peegel_scoring::stats`]; what is said here is what they are asked of.

use std::collections::BTreeMap;

use peegel_scoring::stats::flags::{duplicate, speed, straight};
use serde_json::json;

use crate::signals::facts::{Facts, Found, Peer};
use crate::signals::sketch::marks;
use crate::words::SignalCode;

/// The fewest answers in a row that are the same, for a signal.
pub const LEAST_RUN: usize = 10;
/// Visits by the same standard that show how long a row usually is; before that nobody knows.
pub const LEAST_PEERS_OF_RUN: usize = 30;
/// A row is longer than in this share of them, 0 to 1.
pub const RUN_PERCENTILE: f64 = 0.99;
/// Visits by the same standard that show how long answering takes.
pub const LEAST_PEERS_OF_SPEED: usize = 10;
/// Visits of others by the same standard that show which answers are usual.
pub const LEAST_PEERS_OF_ANSWERS: usize = 10;

/// Signals of this family.
pub fn find(facts: &Facts) -> Vec<Found> {
    let rules = [straight_lining, speeding, duplicate_answers];
    rules.into_iter().filter_map(|rule: fn(&Facts) -> Option<Found>| rule(facts)).collect()
}

/// A row of the same answers, longer than the same standard gets from others. A branch that does everything right earns
/// its row honestly.
fn straight_lining(facts: &Facts) -> Option<Found> {
    let compared = &facts.compared;
    if compared.earned_all || compared.of_standard.len() < LEAST_PEERS_OF_RUN {
        return None;
    }
    let row = straight(&marks(&compared.answers)).ok().filter(|row| row.longstring >= LEAST_RUN)?;
    let shorter = compared.of_standard.iter().filter(|peer| peer.longest_run < row.longstring).count();
    let share = shorter as f64 / compared.of_standard.len() as f64;
    if share <= RUN_PERCENTILE {
        return None;
    }
    let figures = json!({
        "run": row.longstring, "answers": row.n, "modal_share": rounded(row.modal_share),
        "entropy_bits": rounded(row.entropy_bits), "longer_than": rounded(share),
        "visits": compared.of_standard.len(),
    });
    Some(facts.of_visit(SignalCode::StraightLining, figures))
}

/// Filled in far faster than others do: by the time that the app measured, or else by the stay.
fn speeding(facts: &Facts) -> Option<Found> {
    let compared = &facts.compared;
    type Time = fn(&Peer) -> Option<i64>;
    let measured: (_, Time, _) = (compared.answering_ms, |peer| peer.answering_ms, "answering");
    let stay: (_, Time, _) = (compared.stay_ms, |peer| peer.stay_ms, "stay");
    let (own_ms, of_peer, basis) = if measured.0.is_some() { measured } else { stay };
    let peers: Vec<_> = compared.of_standard.iter().filter_map(of_peer).filter(|ms| *ms > 0).collect();
    let own_ms = own_ms.filter(|ms| *ms > 0 && peers.len() >= LEAST_PEERS_OF_SPEED)?;
    let seconds: Vec<_> = [own_ms].iter().chain(&peers).map(|ms| *ms as f64 / 1000.0).collect();
    let found = speed(&seconds).ok().filter(|found| found.flagged[0])?;
    let figures = json!({
        "took_s": rounded(seconds[0]), "usual_s": found.median.exp().round(), "z": rounded(found.z[0]),
        "basis": basis, "visits": peers.len(),
    });
    Some(facts.of_visit(SignalCode::Speeding, figures))
}

/// The answers of another visit of the auditor, more than what is usual explains.
fn duplicate_answers(facts: &Facts) -> Option<Found> {
    let compared = &facts.compared;
    let others: Vec<_> = compared.of_standard.iter().filter(|peer| !peer.is_own).collect();
    if others.len() < LEAST_PEERS_OF_ANSWERS {
        return None;
    }
    let answers = marks(&compared.answers);
    let expected = expected(answers.len(), &others);
    let pairs = compared.own.iter().filter_map(|peer| {
        let theirs = marks(&peer.answers);
        let pair = duplicate(&answers, &theirs, Some(&expected)).ok().filter(|pair| pair.flagged)?;
        Some((pair, peer))
    });
    let (pair, peer) = pairs.max_by(|a, b| a.0.z.unwrap_or(0.0).total_cmp(&b.0.z.unwrap_or(0.0)))?;
    let figures = json!({
        "compared": pair.compared, "identical_share": rounded(pair.identical_share), "z": pair.z.map(rounded),
        "elsewhere": [{"visit_id": peer.visit_id}],
    });
    Some(facts.of_visit(SignalCode::DuplicateAnswers, figures))
}

/// The probability that two visits agree on each item by chance: sum p_k^2 over its answers. On an item that nobody else
/// answered, agreement says nothing.
fn expected(items: usize, others: &[&Peer]) -> Vec<f64> {
    let mut counts: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); items];
    for peer in others {
        for (count, mark) in counts.iter_mut().zip(marks(&peer.answers)) {
            if let Some(mark) = mark {
                *count.entry(mark).or_default() += 1;
            }
        }
    }
    let agreement = |count: &BTreeMap<&str, usize>| {
        let n: usize = count.values().sum();
        let share = |k: &usize| (*k as f64 / n as f64).powi(2);
        if n == 0 { 1.0 } else { count.values().map(share).sum::<f64>().min(1.0) }
    };
    counts.iter().map(agreement).collect()
}

/// To three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::signals::facts::{Compared, codes, plain};

    /// The marks of answers, one letter each.
    fn of(letters: &str) -> String {
        letters
            .chars()
            .map(|letter| if letter == '-' { "----".to_owned() } else { letter.to_string().repeat(4) })
            .collect()
    }

    fn peer(n: u128, letters: &str) -> Peer {
        let answers = of(letters);
        let longest_run = straight(&marks(&answers)).map_or(0, |row| row.longstring);
        Peer { visit_id: Uuid::from_u128(n), is_own: false, answers, longest_run, answering_ms: None, stay_ms: None }
    }

    fn peers(count: u128, letters: &str) -> Vec<Peer> {
        (0..count).map(|n| peer(n, letters)).collect()
    }

    fn found(compared: Compared) -> Vec<Found> {
        find(&Facts { compared, ..plain() })
    }

    #[test]
    fn a_row_longer_than_all_others() {
        let row = |letters: &str, of_standard: Vec<Peer>, earned_all| {
            found(Compared { answers: of(letters), of_standard, earned_all, ..Compared::default() })
        };
        let usual = || peers(40, "aabbabbababbbaa");
        let straight = row("aaaaaaaaaaaaaab", usual(), false);
        assert_eq!(codes(&straight), ["straight_lining"]);
        let figures = &straight[0].figures;
        assert_eq!((figures["run"].as_i64(), figures["answers"].as_i64()), (Some(14), Some(15)));
        assert_eq!(row("aaaaaaaaaaaaaaa", usual(), true), [], "a branch that does everything right");
        assert_eq!(row("aaaaaaaaabbbbbb", usual(), false), [], "nine are no row");
        assert_eq!(row("aaaaaaaaaaaaaab", peers(29, "aabb"), false), [], "too few to know what is usual");
        let mut good = usual();
        good.push(peer(99, "aaaaaaaaaaaaaaa"));
        assert_eq!(row("aaaaaaaaaaaaaab", good, false), [], "one of 41 is more than a hundredth");
        assert_eq!(row("---------------", usual(), false), []);
    }

    #[test]
    fn faster_than_all_others() {
        let timed = |answering_ms: Option<i64>, stay_ms: Option<i64>, count: u128| {
            let of_standard = (0..count).map(|n| {
                let seconds = 600 + i64::try_from(n).unwrap() * 17 % 90;
                Peer { answering_ms: Some(seconds * 1000), stay_ms: Some(seconds * 2000), ..peer(n, "ab") }
            });
            found(Compared { answering_ms, stay_ms, of_standard: of_standard.collect(), ..Compared::default() })
        };
        let fast = timed(Some(60_000), Some(1_200_000), 20);
        assert_eq!((codes(&fast), fast[0].figures["basis"].as_str()), (vec!["speeding"], Some("answering")));
        assert_eq!(fast[0].figures["took_s"], 60.0);
        assert_eq!(timed(None, Some(90_000), 20)[0].figures["basis"], "stay");
        assert_eq!(timed(Some(590_000), None, 20), []);
        assert_eq!(timed(Some(60_000), None, 9), [], "too few to know what is usual");
        assert_eq!(timed(Some(0), None, 20), [], "nothing was measured");
        assert_eq!(timed(None, None, 20), []);
    }

    #[test]
    fn the_answers_of_another_visit() {
        // Thirty questions, on each of which others are of two minds.
        let (mine, others) = ("abbabaabbbabaabababbabbaabbaab", ["aabb", "abab", "bbaa", "baba"]);
        let of_standard: Vec<_> = (0..20_u128).map(|n| peer(n, &others[n as usize % 4].repeat(8)[..30])).collect();
        let own = |letters: &str| Peer { is_own: true, ..peer(77, letters) };
        let copied = |own: Vec<Peer>, of_standard: Vec<Peer>| {
            found(Compared { answers: of(mine), own, of_standard, ..Compared::default() })
        };
        let same = copied(vec![own("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), own(mine)], of_standard.clone());
        assert_eq!(codes(&same), ["duplicate_answers"]);
        assert_eq!(
            (same[0].figures["compared"].as_i64(), same[0].figures["identical_share"].as_f64()),
            (Some(30), Some(1.0))
        );
        assert_eq!(same[0].figures["elsewhere"][0]["visit_id"], json!(Uuid::from_u128(77)));
        assert_eq!(
            copied(vec![own(&format!("bb{}", &mine[2..]))], of_standard.clone())[0].code,
            SignalCode::DuplicateAnswers
        );
        assert_eq!(copied(vec![own(&format!("baab{}", &mine[4..]))], of_standard.clone()), [], "one in eight differs");
        assert_eq!(copied(vec![own(mine)], of_standard[..9].to_vec()), [], "too few to know what is usual");
        // Where everybody answers the same, nobody copies.
        assert_eq!(copied(vec![own(mine)], peers(20, mine)), []);
    }
}
