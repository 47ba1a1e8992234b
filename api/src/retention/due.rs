//! Which visits have something to purge.
//!
//! The clock of a visit starts when it was published, because until then nobody outside has seen it and could appeal; one
//! that never was, when it was filed; a draft, when it was last saved. Nothing is purged before the wave has been closed for
//! [`GRACE`]: until then visits of it are compared, appealed and published. Nor is anything of a visit that waits for a
//! decision, as nobody is erased meanwhile: what would prove it would be gone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Duration, NaiveTime, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::entity::{visit, wave};
use crate::failure::Failure;
use crate::fieldwork::store::wave_by_id;
use crate::retention::classes::{ALL, OF_VISITS, bit};
use crate::retention::store;
use crate::retention::types::Days;
use crate::words::{DataClass, VisitState, WaveState};

/// How long a wave is closed at least before anything of it is purged.
pub const GRACE: Duration = Duration::days(30);
/// Visits looked at together.
const BATCH: u64 = 100;
/// States of visits that are not published, and not to be decided.
const UNPUBLISHED: [VisitState; 4] =
    [VisitState::Draft, VisitState::Returned, VisitState::Approved, VisitState::Rejected];
/// States of visits that wait for a decision.
pub const UNDECIDED: [VisitState; 3] = [VisitState::Submitted, VisitState::Resubmitted, VisitState::InReview];

/// When the clock of a visit started.
pub fn started_at(visit: &visit::Model) -> DateTime<Utc> {
    visit.published_at.or(visit.submitted_at).unwrap_or(visit.received_at)
}

/// Since when a wave is closed; none while it is not. Of waves closed before this was noted, their last day counts.
fn closed_at(wave: &wave::Model) -> Option<DateTime<Utc>> {
    let last_day = (wave.closes_on + Duration::days(1)).and_time(NaiveTime::MIN).and_utc();
    (wave.state == WaveState::Closed).then(|| wave.closed_at.unwrap_or(last_day))
}

/// The classes of a visit whose periods have ended and that were not purged.
pub fn classes(visit: &visit::Model, wave: &wave::Model, days: &Days, now: DateTime<Utc>) -> Vec<DataClass> {
    if UNDECIDED.contains(&visit.state) || closed_at(wave).is_none_or(|closed_at| closed_at + GRACE > now) {
        return Vec::new();
    }
    let has_ended = |class: DataClass| {
        let ends_at = days.of(class).map(|days| started_at(visit) + Duration::days(days.into()));
        visit.purged & bit(class) == 0 && ends_at.is_some_and(|at| at <= now)
    };
    OF_VISITS.into_iter().filter(|class| has_ended(*class)).collect()
}

/// What was purged of a visit, as the bits of its row say.
pub fn purged(visit: &visit::Model) -> Vec<DataClass> {
    OF_VISITS.into_iter().filter(|class| visit.purged & bit(*class) != 0).collect()
}

/// The visits of a chain that have something to purge, batch by batch. Each is read through an index that leads to
/// those whose period has ended and that lack a purge, so that a night costs what there is to do.
pub struct Candidates<'a, D> {
    db: &'a D,
    firm_id: Uuid,
    chain_id: Uuid,
    days: Days,
    now: DateTime<Utc>,
    /// Published visits with these bits, or, behind the last of them, unpublished ones in this state.
    part: i32,
    after: Option<(DateTime<Utc>, Uuid)>,
    /// The waves that were met.
    waves: BTreeMap<Uuid, Option<wave::Model>>,
}

impl<'a, D: ConnectionTrait> Candidates<'a, D> {
    /// The visits of a chain.
    pub fn new(db: &'a D, firm_id: Uuid, chain_id: Uuid, days: Days, now: DateTime<Utc>) -> Self {
        Self { db, firm_id, chain_id, days, now, part: 0, after: None, waves: BTreeMap::new() }
    }

    /// The shortest period of the classes that these bits lack.
    fn shortest(&self, purged: i32) -> Option<i32> {
        let lacking = OF_VISITS.into_iter().filter(|class| purged & bit(*class) == 0);
        lacking.filter_map(|class| self.days.of(class)).min()
    }

    /// The next ones, each with what is due of it; none behind the last.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn next(&mut self) -> Result<Option<Vec<(visit::Model, Vec<DataClass>)>>, Failure> {
        while let Some(rows) = self.read().await? {
            let mut due = Vec::new();
            for row in rows {
                let (days, now) = (self.days, self.now);
                let wave = self.wave(row.wave_id).await?;
                let classes = wave.map(|wave| classes(&row, wave, &days, now)).unwrap_or_default();
                if !classes.is_empty() {
                    due.push((row, classes));
                }
            }
            if !due.is_empty() {
                return Ok(Some(due));
            }
        }
        Ok(None)
    }

    async fn wave(&mut self, id: Uuid) -> Result<Option<&wave::Model>, Failure> {
        if let Entry::Vacant(entry) = self.waves.entry(id) {
            entry.insert(wave_by_id(self.db, self.firm_id, id).await?);
        }
        Ok(self.waves.get(&id).and_then(Option::as_ref))
    }

    /// The next ones that may have something to purge.
    async fn read(&mut self) -> Result<Option<Vec<visit::Model>>, Failure> {
        loop {
            let unpublished = usize::try_from(self.part - ALL - 1).ok();
            let rows = match unpublished.map(|n| UNPUBLISHED.get(n)) {
                Some(None) => return Ok(None),
                Some(Some(state)) => match self.shortest(0) {
                    Some(days) => self.in_state(*state, self.before(days)).await?,
                    None => Vec::new(),
                },
                None => match self.shortest(self.part) {
                    Some(days) => self.published(self.before(days)).await?,
                    None => Vec::new(),
                },
            };
            match rows.last() {
                Some(last) => {
                    self.after = Some((last.published_at.unwrap_or_default(), last.id));
                    return Ok(Some(rows));
                }
                None => {
                    self.part += 1;
                    self.after = None;
                }
            }
        }
    }

    fn before(&self, days: i32) -> DateTime<Utc> {
        self.now - Duration::days(days.into())
    }

    async fn published(&self, until: DateTime<Utc>) -> Result<Vec<visit::Model>, Failure> {
        let of = (self.firm_id, self.chain_id);
        Ok(store::published_with(self.db, of, self.part, until, self.after, BATCH).await?)
    }

    async fn in_state(&self, state: VisitState, until: DateTime<Utc>) -> Result<Vec<visit::Model>, Failure> {
        let (of, after) = ((self.firm_id, self.chain_id), self.after.map(|(_, id)| id));
        Ok(store::unpublished_in(self.db, of, state, until, after, BATCH).await?)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::words::WaveKind;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(day)
    }

    fn wave(closed: Option<i64>) -> wave::Model {
        wave::Model {
            firm_id: Uuid::nil(),
            id: Uuid::nil(),
            chain_id: Uuid::nil(),
            name: "w".to_owned(),
            kind: WaveKind::Regular,
            state: if closed.is_some() { WaveState::Closed } else { WaveState::Open },
            opens_on: NaiveDate::default(),
            closes_on: NaiveDate::default(),
            created_at: at(0),
            closed_at: closed.map(at),
            double_scoring_bp: 0,
        }
    }

    #[test]
    fn a_class_is_due_when_its_period_and_the_grace_of_the_wave_have_ended() {
        let days = Days { photos: Some(100), recordings: Some(10), ..Days::default() };
        let mut visit = crate::scorecards::totals::tests::published_visit();
        visit.published_at = Some(at(50));
        let due = |visit: &visit::Model, closed: Option<i64>, now: i64| classes(visit, &wave(closed), &days, at(now));
        assert_eq!(due(&visit, None, 9999), [], "the wave is open");
        assert_eq!(due(&visit, Some(50), 79), [], "it was closed just now");
        assert_eq!(due(&visit, Some(50), 80), [DataClass::Recordings]);
        assert_eq!(due(&visit, Some(20), 59), []);
        assert_eq!(due(&visit, Some(20), 60), [DataClass::Recordings]);
        assert_eq!(due(&visit, Some(20), 150), [DataClass::Photos, DataClass::Recordings]);
        for state in UNDECIDED {
            let waits = visit::Model { state, ..visit.clone() };
            assert_eq!(due(&waits, Some(20), 150), [], "{state} waits for a decision");
        }
        visit.purged = bit(DataClass::Recordings);
        assert_eq!(due(&visit, Some(20), 150), [DataClass::Photos]);
        assert_eq!(purged(&visit), [DataClass::Recordings]);
        (visit.published_at, visit.submitted_at) = (None, Some(at(40)));
        assert_eq!(due(&visit, Some(20), 140), [DataClass::Photos], "from filing, if it was never published");
        let mut old = wave(Some(20));
        old.closed_at = None;
        assert_eq!(classes(&visit, &old, &days, at(140)), [DataClass::Photos], "from its last day");
    }
}
