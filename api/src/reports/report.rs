//! The data of a branch report, as plain types. Scores are whole basis points (8240 is 82.4%).

use std::{fmt, str::FromStr};

/// A word that is not in one of the closed lists of this module, or a date that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: {word}")]
pub struct UnknownWord {
    /// What was read, for example `language`.
    pub what: &'static str,
    /// The word as given.
    pub word: String,
}

/// Makes an enum whose values are the words used in the database and the API.
macro_rules! words_enum {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// The word stored and sent for this value.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord { what: $what, word: word.to_owned() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words_enum! {
    /// The language of the report's own words; the item texts come in this language from the caller.
    Lang, "language" {
        /// English.
        En = "en",
        /// Estonian.
        Et = "et",
        /// Hungarian.
        Hu = "hu",
    }
}

words_enum! {
    /// What kind of round of visits the wave is.
    WaveKind, "wave kind" {
        /// Counts into the averages.
        Regular = "regular",
        /// The first measurement, before anything was changed.
        Baseline = "baseline",
        /// Announced or educational visits.
        Preventive = "preventive",
        /// Visits to competitors.
        Competitor = "competitor",
        /// Visits to dealers.
        Dealer = "dealer",
        /// Visits in peak season.
        Peak = "peak",
    }
}

words_enum! {
    /// Where an action stands.
    ActionState, "action state" {
        /// Suggested by the plan, not yet taken on.
        Proposed = "proposed",
        /// Taken on.
        Open = "open",
        /// Being worked on.
        InProgress = "in_progress",
        /// Done by the branch, not yet confirmed by a visit.
        Done = "done",
        /// Confirmed by later visits.
        Verified = "verified",
        /// Later visits missed the item again.
        Reopened = "reopened",
        /// Given up, with a reason.
        Dropped = "dropped",
    }
}

words_enum! {
    /// How an appeal ended.
    AppealOutcome, "appeal outcome" {
        /// Not decided yet.
        Open = "open",
        /// The branch was right; the score was corrected.
        Upheld = "upheld",
        /// The finding stands.
        Declined = "declined",
        /// Taken back by the branch.
        Withdrawn = "withdrawn",
    }
}

words_enum! {
    /// The part of the day of a visit. Branches never see the minute.
    PartOfDay, "part of day" {
        /// Before noon.
        Morning = "morning",
        /// From noon to five.
        Afternoon = "afternoon",
        /// From five on.
        Evening = "evening",
    }
}

words_enum! {
    /// Whether a visit took place.
    VisitOutcome, "visit outcome" {
        /// It took place.
        Completed = "completed",
        /// Closed, refused or unsafe; there is no score.
        Attempted = "attempted",
    }
}

/// A civil date without time or zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Year.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
}

impl Day {
    /// A date from its parts. Parts are not checked: an impossible date prints as its numbers.
    pub fn new(year: i32, month: u32, day: u32) -> Self {
        Self { year, month, day }
    }
}

impl FromStr for Day {
    type Err = UnknownWord;

    /// Reads `2026-11-22`; anything after a `T` or a space is ignored.
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord { what: "date", word: word.to_owned() };
        let date = word.split(['T', ' ']).next().unwrap_or_default();
        let mut parts = date.splitn(3, '-');
        let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok()).ok_or_else(unknown);
        let (year, month, day) = (next()?, next()?, next()?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9999 {
            return Err(unknown());
        }
        Ok(Self { year: year as i32, month, day })
    }
}

/// Everything a branch report prints.
#[derive(Debug, Clone)]
pub struct BranchReport {
    /// Language of the report's own words and number formats.
    pub lang: Lang,
    /// The auditing firm; the author of the document.
    pub firm_name: String,
    /// The retail chain.
    pub chain_name: String,
    /// The chain's colour, red, green, blue.
    pub chain_colour: [u8; 3],
    /// The chain's logo; printed on a white plate. Ignored if it is not a JPEG.
    pub chain_logo_jpeg: Option<Vec<u8>>,
    /// The branch's code in the chain.
    pub branch_code: String,
    /// The branch's name.
    pub branch_name: String,
    /// The branch's address.
    pub branch_address: Option<String>,
    /// The region the branch belonged to in this wave.
    pub region_name: Option<String>,
    /// The wave's name.
    pub wave_name: String,
    /// The wave's kind; said when it is not a regular one.
    pub wave_kind: WaveKind,
    /// First day of the wave.
    pub wave_from: Option<Day>,
    /// Last day of the wave.
    pub wave_to: Option<Day>,
    /// Titles with version of the standards used, for example `Retail store visit, v1`.
    pub standards: Vec<String>,
    /// The day of the newest fact in this report. From the data, never from a clock.
    pub data_as_of: Day,
    /// The figures of page one.
    pub summary: Summary,
    /// Results by section of the visit, in the standard's order.
    pub sections: Vec<Bar>,
    /// Results by dimension of service, in the standard's order.
    pub dimensions: Vec<Bar>,
    /// What works well, best first.
    pub strengths: Vec<Strength>,
    /// What to do, most important first.
    pub actions: Vec<Action>,
    /// Appeals of the branch against items of this wave.
    pub appeals: Vec<Appeal>,
    /// The visits of the wave.
    pub visits: Vec<VisitLine>,
    /// Photos to print, at most [`super::MAX_INLINE_PHOTOS`] of them; later ones go to the index.
    pub photos: Vec<Photo>,
    /// Photos to name in the index only.
    pub photo_index: Vec<PhotoEntry>,
}

/// The figures of page one.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Visits with a score.
    pub visits: u32,
    /// Mean of their scores.
    pub mean_bp: Option<u32>,
    /// Band of the mean, label and title, for example `B – Good`.
    pub band: Option<String>,
    /// The standard's pass mark.
    pub pass_bp: Option<u32>,
    /// Visits that passed, of `visits`.
    pub passed: u32,
    /// The wave before, to compare with.
    pub previous: Option<PreviousWave>,
    /// Visits that could not take place and have no score.
    pub attempted: u32,
    /// Critical failures over all visits.
    pub critical_failures: u32,
    /// Say that this is little to go by; always said with one or two visits.
    pub few_visits: bool,
    /// True when there is a wave before, under other standards.
    pub not_comparable: bool,
}

/// The result of the wave before.
#[derive(Debug, Clone)]
pub struct PreviousWave {
    /// Its name.
    pub wave_name: String,
    /// Its mean.
    pub mean_bp: u32,
    /// Its visits with a score.
    pub visits: u32,
}

/// One result of a section or dimension.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What was measured.
    pub title: String,
    /// The mean, if anything was measured.
    pub mean_bp: Option<u32>,
    /// Visits that have a value.
    pub n: u32,
    /// The mean of the wave before.
    pub previous_bp: Option<u32>,
}

/// An item that is met reliably.
#[derive(Debug, Clone)]
pub struct Strength {
    /// The item's id in the standard.
    pub item_id: String,
    /// The item's text.
    pub text: String,
    /// Visits that met it.
    pub passed: u32,
    /// Visits that asked it.
    pub asked: u32,
}

/// One action of the plan.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its number in the plan.
    pub number: u32,
    /// The item's id in the standard.
    pub item_id: String,
    /// The item's text.
    pub title: String,
    /// The standard's advice; if empty, the item's text stands for it.
    pub advice: String,
    /// Whether the item is critical.
    pub critical: bool,
    /// Waves in a row that missed the item, this one included; said from 2.
    pub repeat_waves: u32,
    /// What the mean score would gain if the item were always met.
    pub lost_bp: u32,
    /// Visits that missed the item.
    pub failed: u32,
    /// Visits that asked it.
    pub asked: u32,
    /// Who takes care of it; a line to write on if nobody yet.
    pub owner: Option<String>,
    /// By when; a line to write on if not set.
    pub due_on: Option<Day>,
    /// Where it stands.
    pub state: ActionState,
}

/// An appeal against an item.
#[derive(Debug, Clone)]
pub struct Appeal {
    /// The item's id in the standard.
    pub item_id: String,
    /// The item's text.
    pub text: String,
    /// How it ended.
    pub outcome: AppealOutcome,
    /// The day of the decision.
    pub decided_on: Option<Day>,
    /// Why it was decided so, in the firm's words.
    pub reason: Option<String>,
    /// The score of the visit before and after an upheld one.
    pub change_bp: Option<(u32, u32)>,
}

/// One visit of the wave.
#[derive(Debug, Clone)]
pub struct VisitLine {
    /// The visit's public id.
    pub public_id: String,
    /// Its day.
    pub day: Day,
    /// Its part of the day.
    pub part_of_day: PartOfDay,
    /// The standard's title.
    pub standard: String,
    /// The score, if there is one.
    pub score_bp: Option<u32>,
    /// The band, for example `B – Good`.
    pub band: Option<String>,
    /// Whether it took place.
    pub outcome: VisitOutcome,
}

/// A photo to print.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The JPEG's bytes, embedded as they are: at most 960 px and 120 KB, without metadata.
    pub jpeg: Vec<u8>,
    /// What it shows.
    pub caption: String,
    /// The items it proves.
    pub item_ids: Vec<String>,
    /// The day of its visit.
    pub day: Day,
}

/// A photo named in the index only.
#[derive(Debug, Clone)]
pub struct PhotoEntry {
    /// What it shows.
    pub caption: String,
    /// The items it proves.
    pub item_ids: Vec<String>,
    /// The day of its visit.
    pub day: Day,
}
