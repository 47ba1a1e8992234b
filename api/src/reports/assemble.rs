//! Gathers everything that a branch report prints from the database and the stored files.
//!
//! Only from data: the same published visits, actions and photos give the same report, whenever it is made.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;
use uuid::Uuid;

use crate::app::App;
use crate::appeals;
use crate::appeals::types::AppealLine;
use crate::chains;
use crate::entity::{action, branch, evidence, score, visit};
use crate::evidence::show::is_shown_to_chain;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::fieldwork::store::wave_by_id;
use crate::people::store::firm_by_id;
use crate::plans;
use crate::plans::types::lost_bp;
use crate::reports::{
    self, Action, Appeal, Bar, BranchReport, Day, Lang, MAX_INLINE_PHOTOS, PartOfDay, Photo, PhotoEntry, PreviousWave,
    Strength, Summary, VisitLine, VisitOutcome, render,
};
use crate::scorecards::figures::{ByStandard, FEW_VISITS, StandardKey, Tally};
use crate::scorecards::service::{Reading, Standards, chain_of, overall, read, standards_of};
use crate::scorecards::store::{Within, published_visits_of, scores_of_visits};
use crate::scorecards::texts::Texts;
use crate::scorecards::totals::{DIMENSION, MET, SECTION};
use crate::standards::cache::CompiledStandard;
use crate::visits::day::{told_day, zone_of};
use crate::words::{ActionState, Outcome, Reporting};

/// Most strengths that are named.
const MOST_STRENGTHS: usize = 6;
/// Characters of a visit's public id that are printed: enough to tell the visits of a branch apart.
const PUBLIC_ID_CHARS: usize = 8;
/// The colour of a chain that has none.
const GREY: [u8; 3] = [96, 96, 96];

/// A published visit with its day at the branch and its current score.
struct Published {
    visit: visit::Model,
    day: Day,
    part_of_day: PartOfDay,
    score: Option<score::Model>,
}

/// The parts of a stored result that a report prints.
#[derive(Deserialize)]
struct Scored {
    visit: ScoredVisit,
}

#[derive(Deserialize)]
struct ScoredVisit {
    band: Option<String>,
}

/// The PDF of a branch and wave.
///
/// # Errors
///
/// As [`branch_report`]; [`Failure`] (500) too when the PDF cannot be written.
pub async fn branch_pdf(
    app: &App,
    firm_id: Uuid,
    branch_id: Uuid,
    wave_id: Uuid,
    lang: Lang,
) -> Result<Vec<u8>, Failure> {
    let report = branch_report(app, firm_id, branch_id, wave_id, lang).await?;
    // Laying out pages is work for a processor, not for the threads that answer requests.
    let rendered = tokio::task::spawn_blocking(move || render(&report)).await.map_err(Failure::internal)?;
    rendered.map_err(Failure::internal)
}

/// Everything that the report of a branch and wave prints.
///
/// # Errors
///
/// 404 when the firm has no such branch or wave; [`Failure`] (500) when the database or the files fail.
pub async fn branch_report(
    app: &App,
    firm_id: Uuid,
    branch_id: Uuid,
    wave_id: Uuid,
    lang: Lang,
) -> Result<BranchReport, Failure> {
    let db = app.db.reader();
    let missing = Failure::not_found;
    let branch = chains::store::branch_by_id(db, firm_id, branch_id).await?.ok_or_else(|| missing("branch"))?;
    let wave = wave_by_id(db, firm_id, wave_id).await?.ok_or_else(|| missing("wave"))?;
    let firm = firm_by_id(db, firm_id).await?.ok_or_else(|| missing("firm"))?;
    let chain = chain_of(app, firm_id, branch.chain_id).await?;
    let region = match chains::store::current_region_of(db, firm_id, branch.id).await? {
        Some(id) => chains::store::region_by_id(db, firm_id, id).await?,
        None => None,
    };
    let reading = read(app, firm_id, wave, &Within::Branches(vec![branch.id])).await?;
    let visits = published(app, &branch, reading.wave.id).await?;
    let actions = plans::store::actions_of(db, firm_id, branch.id, [reading.wave.id]).await?;
    let appeals = appeals::lines::of_branch(app, &branch, reading.wave.id).await?;
    let keys: Vec<StandardKey> = visits
        .iter()
        .map(|published| (published.visit.standard_id.clone(), published.visit.standard_version))
        .chain(actions.iter().map(|row| (row.standard_id.clone(), row.standard_version)))
        .collect();
    let standards = standards_of(app, db, firm_id, keys.iter()).await?;
    let printed = Printed { lang, reading: &reading, standards: &standards };
    let (photos, photo_index) = printed.photos(app, &visits).await?;
    let zone = zone_of(&branch);
    let newest = visits.iter().filter_map(|published| published.visit.published_at).max();
    let newest = newest.map(|at| at.with_timezone(&zone).date_naive());
    let newest =
        appeals.iter().flat_map(|(line, _)| [Some(line.filed_on), line.decided_on]).flatten().max().max(newest);
    Ok(BranchReport {
        lang,
        firm_name: firm.name,
        chain_name: chain.name,
        chain_colour: colour(&chain.colour).unwrap_or(GREY),
        chain_logo_jpeg: None,
        branch_code: branch.code,
        branch_name: branch.name,
        branch_address: Some(branch.address).filter(|address| !address.trim().is_empty()),
        region_name: region.map(|region| region.name),
        wave_name: reading.wave.name.clone(),
        wave_kind: reading.wave.kind.as_str().parse::<reports::WaveKind>().map_err(Failure::internal)?,
        wave_from: Some(day(reading.wave.opens_on)),
        wave_to: Some(day(reading.wave.closes_on)),
        standards: printed.standard_titles(),
        // Without any visit the wave itself is the newest fact.
        data_as_of: day(newest.unwrap_or(reading.wave.opens_on)),
        summary: printed.summary(),
        sections: printed.sections(),
        dimensions: printed.dimensions(),
        strengths: printed.strengths(),
        actions: printed.actions(actions)?,
        appeals: appeals.iter().map(|(line, visit)| printed.appeal(line, visit)).collect::<Result<_, _>>()?,
        visits: visits.iter().map(|published| printed.visit_line(published)).collect(),
        photos,
        photo_index,
    })
}

/// The published visits of a branch and wave that count, in the order they were filed.
async fn published(app: &App, branch: &branch::Model, wave_id: Uuid) -> Result<Vec<Published>, Failure> {
    let db = app.db.reader();
    let mut visits = published_visits_of(db, branch.firm_id, branch.id, wave_id).await?;
    visits.retain(|visit| visit.reporting == Reporting::Included);
    visits.sort_by_key(|visit| (visit.submitted_at, visit.id));
    let ids: Vec<_> = visits.iter().map(|visit| visit.id).collect();
    let mut scores: BTreeMap<(Uuid, i32), score::Model> = BTreeMap::new();
    for score in scores_of_visits(db, branch.firm_id, &ids).await? {
        scores.insert((score.visit_id, score.score_version), score);
    }
    let published = |visit: visit::Model| {
        let (on, part_of_day) = told_day(&visit, branch);
        let score = scores.remove(&(visit.id, visit.current_score_version));
        Ok(Published {
            day: day(on),
            part_of_day: part_of_day.as_str().parse().map_err(Failure::internal)?,
            score: score.filter(|_| visit.outcome == Outcome::Completed),
            visit,
        })
    };
    visits.into_iter().map(published).collect()
}

/// What is printed, in one language.
struct Printed<'a> {
    lang: Lang,
    reading: &'a Reading,
    /// The standards of all visits and actions, also of visits without a score.
    standards: &'a Standards,
}

impl Printed<'_> {
    fn texts(&self, key: &StandardKey) -> Option<Texts<'_>> {
        Some(Texts::new(&self.standards.get(key)?.body, self.lang.as_str()))
    }

    fn standard_titles(&self) -> Vec<String> {
        let titles = self.standards.iter().map(|((_, version), standard)| {
            format!("{}, v{version}", Texts::new(&standard.body, self.lang.as_str()).title())
        });
        titles.collect()
    }

    fn summary(&self) -> Summary {
        let figures = overall(self.reading);
        // Bands and pass marks mean something for a mean only where all visits have the same ones.
        let mut standards = self.reading.standards.iter();
        let first = standards.next();
        let is_same = first.is_some_and(|(_, first)| {
            let marks = |compiled: &CompiledStandard| (compiled.standard.bands().to_vec(), compiled.standard.pass_bp());
            standards.all(|(_, other)| marks(other) == marks(first))
        });
        let common = first.filter(|_| is_same);
        // One visit is an observation, not a grade for the branch.
        let graded_bp = figures.mean_bp.filter(|_| figures.visits > 1);
        let band = common.zip(graded_bp).and_then(|((key, standard), mean_bp)| {
            let reached = standard.standard.bands().iter().filter(|band| band.min_bp <= mean_bp);
            let band = reached.max_by_key(|band| band.min_bp)?;
            Some(self.texts(key)?.band(&band.label))
        });
        let not_comparable =
            figures.mean_bp.is_some() && figures.previous.as_ref().is_some_and(|p| p.change_bp.is_none());
        let comparable = figures.previous.filter(|previous| previous.change_bp.is_some());
        Summary {
            visits: small(figures.visits),
            mean_bp: figures.mean_bp.map(small),
            band,
            pass_bp: common.and_then(|(_, standard)| standard.standard.pass_bp()).map(small),
            passed: small(figures.passed),
            previous: comparable.map(|previous| PreviousWave {
                wave_name: previous.wave.name,
                mean_bp: small(previous.mean_bp),
                visits: small(previous.visits),
            }),
            attempted: small(figures.attempted),
            critical_failures: small(figures.critical_failures),
            few_visits: figures.visits < FEW_VISITS,
            not_comparable,
        }
    }

    /// Sections of different standards are different parts of different visits.
    fn sections(&self) -> Vec<Bar> {
        let mut bars = Bars::default();
        for (key, standard) in &self.reading.standards {
            let texts = Texts::new(&standard.body, self.lang.as_str());
            for section in standard.standard.sections() {
                let metric = format!("{SECTION}{}", section.id);
                bars.add(format!("{}/{}", key.0, section.id), texts.section(&section.id), self.reading, key, &metric);
            }
        }
        bars.finish()
    }

    /// A dimension is the same whichever standard measures it.
    fn dimensions(&self) -> Vec<Bar> {
        let mut bars = Bars::default();
        for (key, standard) in &self.reading.standards {
            let texts = Texts::new(&standard.body, self.lang.as_str());
            for dimension in standard.standard.dimensions() {
                let metric = format!("{DIMENSION}{}", dimension.id);
                bars.add(dimension.id.clone(), texts.dimension(&dimension.id), self.reading, key, &metric);
            }
        }
        bars.finish()
    }

    /// Items that every visit met, the weightiest first.
    fn strengths(&self) -> Vec<Strength> {
        let mut found = Vec::new();
        for (key, tallies) in &self.reading.totals {
            let Some(standard) = self.reading.standards.get(key) else { continue };
            let texts = Texts::new(&standard.body, self.lang.as_str());
            for item in standard.standard.items().iter().filter(|item| item.is_normal_scorable() && item.weight > 0) {
                let met = tallies.of(MET, &item.id);
                if met.n > 0 && met.sum == met.n {
                    let strength = Strength {
                        item_id: item.id.clone(),
                        text: texts.item(&item.id),
                        passed: small(met.sum),
                        asked: small(met.n),
                    };
                    found.push((item.weight, strength));
                }
            }
        }
        found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        found.into_iter().take(MOST_STRENGTHS).map(|(_, strength)| strength).collect()
    }

    /// The plan, with what was dropped at its end.
    fn actions(&self, mut rows: Vec<action::Model>) -> Result<Vec<Action>, Failure> {
        rows.sort_by_key(|row| (row.state == ActionState::Dropped, row.position, row.id));
        let action = |(index, row): (usize, action::Model)| {
            let texts = self.texts(&(row.standard_id.clone(), row.standard_version));
            Ok(Action {
                number: u32::try_from(index + 1).unwrap_or(u32::MAX),
                title: texts.map_or_else(|| row.item_id.clone(), |texts| texts.item(&row.item_id)),
                advice: texts.and_then(|texts| texts.advice(&row.item_id)).unwrap_or_default(),
                item_id: row.item_id,
                critical: row.critical,
                repeat_waves: small(i64::from(row.repeats) + 1),
                lost_bp: small(lost_bp(row.lost_ppm)),
                failed: small(row.failed.into()),
                asked: small(row.asked.into()),
                owner: row.owner,
                due_on: row.due_on.map(day),
                state: row.state.as_str().parse::<reports::ActionState>().map_err(Failure::internal)?,
            })
        };
        rows.into_iter().enumerate().map(action).collect()
    }

    fn appeal(&self, line: &AppealLine, visit: &visit::Model) -> Result<Appeal, Failure> {
        let texts = self.texts(&(visit.standard_id.clone(), visit.standard_version));
        let bp = |score: Option<i32>| score.map(|bp| small(bp.into()));
        Ok(Appeal {
            text: texts.map(|texts| texts.item(&line.item_id)).unwrap_or_default(),
            item_id: line.item_id.clone(),
            outcome: line.state.as_str().parse().map_err(Failure::internal)?,
            decided_on: line.decided_on.map(day),
            reason: line.decision.clone(),
            change_bp: line.change.and_then(|change| bp(change.from_bp).zip(bp(change.to_bp))),
        })
    }

    fn visit_line(&self, published: &Published) -> VisitLine {
        let visit = &published.visit;
        let key = (visit.standard_id.clone(), visit.standard_version);
        let texts = self.texts(&key);
        let score = published.score.as_ref();
        let band = score.and_then(|score| serde_json::from_str::<Scored>(&score.result).ok()?.visit.band);
        VisitLine {
            public_id: short_id(visit.public_id),
            day: published.day,
            part_of_day: published.part_of_day,
            standard: texts.map_or(key.0, |texts| texts.title()),
            score_bp: score.and_then(|score| score.score_bp).map(|bp| small(bp.into())),
            band: band.map(|label| texts.map_or_else(|| label.clone(), |texts| texts.band(&label))),
            outcome: match visit.outcome {
                Outcome::Completed => VisitOutcome::Completed,
                Outcome::Attempted => VisitOutcome::Attempted,
            },
        }
    }

    /// The photos that the chain may see: the first ones to print, the rest by name.
    async fn photos(&self, app: &App, visits: &[Published]) -> Result<(Vec<Photo>, Vec<PhotoEntry>), Failure> {
        let (mut photos, mut index) = (Vec::new(), Vec::new());
        let Some(first) = visits.first() else { return Ok((photos, index)) };
        let ids: Vec<_> = visits.iter().map(|published| published.visit.id).collect();
        let mut files = evidence_of_visits(app.db.reader(), first.visit.firm_id, &ids).await?;
        files.retain(is_shown_to_chain);
        for published in visits {
            for file in files.iter().filter(|file| file.visit_id == published.visit.id) {
                let Some(sha256) = &file.report_sha256 else { continue };
                let PhotoEntry { caption, item_ids, day } = self.caption(published, file);
                if photos.len() == MAX_INLINE_PHOTOS {
                    index.push(PhotoEntry { caption, item_ids, day });
                    continue;
                }
                let jpeg = app.blobs.read(file.firm_id, sha256).await?;
                photos.push(Photo { jpeg, caption, item_ids, day });
            }
        }
        Ok((photos, index))
    }

    fn caption(&self, published: &Published, file: &evidence::Model) -> PhotoEntry {
        let visit = &published.visit;
        let texts = self.texts(&(visit.standard_id.clone(), visit.standard_version));
        let item_ids: Vec<String> = serde_json::from_str(&file.item_ids).unwrap_or_default();
        let caption = match (texts, item_ids.as_slice()) {
            (Some(texts), [first, ..]) => texts.item(first),
            (Some(texts), []) => texts.title(),
            (None, _) => visit.standard_id.clone(),
        };
        PhotoEntry { caption, item_ids, day: published.day }
    }
}

/// Bars by key, in the order they come, with the values of all standards that share a key.
#[derive(Default)]
struct Bars(Vec<(String, String, Tally, Tally)>);

impl Bars {
    fn add(&mut self, id: String, title: String, reading: &Reading, key: &StandardKey, metric: &str) {
        let of = |totals: &ByStandard| totals.get(key).map(|tallies| tallies.get(metric)).unwrap_or_default();
        let now = of(&reading.totals);
        let before = reading.previous.as_ref().map(|(_, totals)| of(totals)).unwrap_or_default();
        match self.0.iter_mut().find(|(known, ..)| *known == id) {
            Some((_, _, all_now, all_before)) => {
                *all_now = all_now.plus(now);
                *all_before = all_before.plus(before);
            }
            None => self.0.push((id, title, now, before)),
        }
    }

    fn finish(self) -> Vec<Bar> {
        let bar = |(_, title, now, before): (String, String, Tally, Tally)| Bar {
            title,
            mean_bp: now.mean().map(small),
            n: small(now.n),
            previous_bp: before.mean().map(small),
        };
        self.0.into_iter().map(bar).collect()
    }
}

fn day(day: NaiveDate) -> Day {
    Day::new(day.year(), day.month(), day.day())
}

/// The end of an id, which is random; its beginning tells the time.
fn short_id(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - PUBLIC_ID_CHARS..].to_uppercase()
}

fn colour(hex: &str) -> Option<[u8; 3]> {
    let is_hex = |digits: &&str| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = hex.strip_prefix('#').filter(is_hex)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}

/// Counts and basis points of a report are small and never negative.
fn small(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_nonsense_is_not() {
        assert_eq!(colour("#0a5FFf"), Some([10, 95, 255]));
        for bad in ["", "#fff", "0a5fff", "#0a5ffg", "#+a5fff"] {
            assert_eq!(colour(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_short_id_does_not_tell_the_time() {
        let id = "0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11".parse().unwrap();
        assert_eq!(short_id(id), "8A4E0C11");
    }
}
