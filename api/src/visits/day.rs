//! The day of a visit as it is told outside the firm: day and part of the day at the branch, never the time.

use chrono::{DateTime, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

use crate::entity::{branch, visit};
use crate::words::PartOfDay;

/// The day and the part of the day of a visit, at its branch.
///
/// Whatever tells of a visit's time has to use this: two divisions of the day laid over each other would narrow it down
/// to an hour.
pub fn told_day(visit: &visit::Model, branch: &branch::Model) -> (NaiveDate, PartOfDay) {
    let at = made_at(visit).with_timezone(&zone_of(branch));
    (at.date_naive(), part_of_day(at.hour()))
}

/// The time zone of a branch.
pub fn zone_of(branch: &branch::Model) -> Tz {
    branch.time_zone.parse().unwrap_or(Tz::UTC)
}

/// When a visit was made: when the phone says it was filed, unless that lies in the future.
fn made_at(visit: &visit::Model) -> DateTime<Utc> {
    let filed_at = visit.submitted_at.unwrap_or(visit.received_at);
    visit.device_at.filter(|at| *at <= filed_at).unwrap_or(filed_at)
}

fn part_of_day(hour: u32) -> PartOfDay {
    match hour {
        ..12 => PartOfDay::Morning,
        12..17 => PartOfDay::Afternoon,
        _ => PartOfDay::Evening,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_three_parts() {
        use PartOfDay::{Afternoon, Evening, Morning};
        let parts = [0, 11, 12, 16, 17, 23].map(part_of_day);
        assert_eq!(parts, [Morning, Morning, Afternoon, Afternoon, Evening, Evening]);
    }
}
