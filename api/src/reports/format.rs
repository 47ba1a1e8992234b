//! Numbers, dates and counted nouns as each language writes them.

use super::{
    report::{Day, Lang},
    words::fill,
};

/// Keeps a date or a number with its unit on one line.
const NBSP: char = '\u{a0}';

/// A score: basis points as percent with one decimal, rounded half up.
pub(super) fn percent(lang: Lang, bp: u32) -> String {
    format!("{}%", tenths(lang, half_up(bp.into())))
}

/// Points of a score (percentage points), without a sign or unit.
pub(super) fn points(lang: Lang, bp: u32) -> String {
    tenths(lang, half_up(bp.into()))
}

/// The difference of two printed scores with its sign. It is taken after rounding, so that it agrees with the two
/// numbers the reader can see.
pub(super) fn change(lang: Lang, now_bp: u32, before_bp: u32) -> String {
    let difference = half_up(now_bp.into()) - half_up(before_bp.into());
    let sign = match difference {
        d if d > 0 => "+",
        0 => "±",
        _ => "−",
    };
    format!("{sign}{}", tenths(lang, difference.abs()))
}

fn half_up(bp: i64) -> i64 {
    (bp + 5) / 10
}

fn tenths(lang: Lang, tenths: i64) -> String {
    let mark = if lang == Lang::En { '.' } else { ',' };
    format!("{}{mark}{}", tenths / 10, tenths % 10)
}

/// A date: `22 Nov 2026`, `22.11.2026`, `2026. 11. 22.`
pub(super) fn date(lang: Lang, day: Day) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Day { year, month, day } = day;
    match lang {
        Lang::En => match MONTHS.get((month as usize).wrapping_sub(1)) {
            Some(name) => format!("{day}{NBSP}{name}{NBSP}{year}"),
            None => format!("{year}-{month:02}-{day:02}"),
        },
        Lang::Et => format!("{day:02}.{month:02}.{year}"),
        Lang::Hu => format!("{year}.{NBSP}{month:02}.{NBSP}{day:02}."),
    }
}

/// `2 visits`, `2 külastust`, `2 látogatás`.
pub(super) fn visits(lang: Lang, n: u32) -> String {
    let noun = match (lang, n) {
        (Lang::En, 1) => "visit",
        (Lang::En, _) => "visits",
        (Lang::Et, 1) => "külastus",
        (Lang::Et, _) => "külastust",
        (Lang::Hu, _) => "látogatás",
    };
    format!("{n}{NBSP}{noun}")
}

/// What the big number is: the mean of some visits, or the score of the only one.
pub(super) fn mean_of(lang: Lang, n: u32) -> String {
    match (lang, n) {
        (Lang::En, 1) => "score of 1 visit".into(),
        (Lang::En, _) => format!("mean score of {n} visits"),
        (Lang::Et, 1) => "1 külastuse tulemus".into(),
        (Lang::Et, _) => format!("{n} külastuse keskmine"),
        (Lang::Hu, 1) => "1 látogatás eredménye".into(),
        (Lang::Hu, _) => format!("{n} látogatás átlaga"),
    }
}

/// The warning that a few visits are not a trend.
pub(super) fn few_visits(lang: Lang, n: u32) -> String {
    let sentence = match (lang, n) {
        (Lang::En, 1) => "{visits}: read this as a single observation, not as a trend.",
        (Lang::En, _) => "{visits}: read this as single observations, not as a trend.",
        (Lang::Et, 1) => "{visits}: käsitlege tulemust üksiku tähelepanekuna, mitte suundumusena.",
        (Lang::Et, _) => "{visits}: käsitlege tulemusi üksikute tähelepanekutena, mitte suundumusena.",
        (Lang::Hu, 1) => "{visits}: egyetlen megfigyelésként olvassátok, ne tendenciaként.",
        (Lang::Hu, _) => "{visits}: egyedi megfigyelésekként olvassátok, ne tendenciaként.",
    };
    fill(sentence, &[("visits", &visits(lang, n))])
}

/// Visits that could not take place.
pub(super) fn attempts(lang: Lang, n: u32) -> String {
    match (lang, n) {
        (Lang::En, 1) => "Plus 1 attempt without a score.".into(),
        (Lang::En, _) => format!("Plus {n} attempts without a score."),
        (Lang::Et, 1) => "Lisaks 1 katse ilma tulemuseta.".into(),
        (Lang::Et, _) => format!("Lisaks {n} katset ilma tulemuseta."),
        (Lang::Hu, _) => format!("Továbbá {n} meghiúsult látogatás, eredmény nélkül."),
    }
}

/// How often an item was missed.
pub(super) fn missed(lang: Lang, failed: u32, asked: u32) -> String {
    match (lang, asked) {
        (Lang::En, 1) => format!("Missed in {failed} of 1{NBSP}visit"),
        (Lang::En, _) => format!("Missed in {failed} of {asked}{NBSP}visits"),
        (Lang::Et, _) => format!("Täitmata: {asked}{NBSP}külastusest {failed}{NBSP}korral"),
        (Lang::Hu, _) => format!("{asked}{NBSP}látogatásból {failed}{NBSP}esetben nem teljesült"),
    }
}

/// How often an item was met.
pub(super) fn met(lang: Lang, passed: u32, asked: u32) -> String {
    match (lang, asked) {
        (Lang::En, 1) => format!("Met in {passed} of 1{NBSP}visit"),
        (Lang::En, _) => format!("Met in {passed} of {asked}{NBSP}visits"),
        (Lang::Et, _) => format!("Täidetud: {asked}{NBSP}külastusest {passed}{NBSP}korral"),
        (Lang::Hu, _) => format!("{asked}{NBSP}látogatásból {passed}{NBSP}esetben teljesült"),
    }
}

/// A count out of a whole, as a figure: `3 of 4`, `3 / 4`.
pub(super) fn out_of(lang: Lang, part: u32, whole: u32) -> String {
    match lang {
        Lang::En => format!("{part} of {whole}"),
        Lang::Et | Lang::Hu => format!("{part} / {whole}"),
    }
}

/// The days of a wave, as far as they are known.
pub(super) fn span(lang: Lang, from: Option<Day>, to: Option<Day>) -> Option<String> {
    match (from, to) {
        (None, None) => None,
        (Some(from), Some(to)) if from == to => Some(date(lang, from)),
        (from, to) => {
            let text = |day: Option<Day>| day.map(|day| date(lang, day)).unwrap_or_default();
            Some(format!("{} – {}", text(from), text(to)).trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_round_half_up_to_one_decimal() {
        let shown = [0, 4, 5, 8235, 8234, 9999, 10000, 10420].map(|bp| percent(Lang::En, bp));
        assert_eq!(shown, ["0.0%", "0.0%", "0.1%", "82.4%", "82.3%", "100.0%", "100.0%", "104.2%"]);
        assert_eq!(percent(Lang::Et, 8235), "82,4%");
        assert_eq!(percent(Lang::Hu, u32::MAX), "42949673,0%");
    }

    #[test]
    fn a_change_agrees_with_the_numbers_beside_it() {
        assert_eq!(change(Lang::En, 8235, 7904), "+3.4"); // 82.4 and 79.0
        assert_eq!(change(Lang::Et, 7904, 8235), "−3,4");
        assert_eq!(change(Lang::Hu, 8000, 8001), "±0,0");
    }

    #[test]
    fn dates_are_local() {
        let day = Day::new(2026, 1, 2);
        assert_eq!(date(Lang::En, day), "2\u{a0}Jan\u{a0}2026");
        assert_eq!(date(Lang::Et, day), "02.01.2026");
        assert_eq!(date(Lang::Hu, day), "2026.\u{a0}01.\u{a0}02.");
        assert_eq!(date(Lang::En, Day::new(2026, 0, 99)), "2026-00-99");
    }

    #[test]
    fn nouns_agree_with_their_numbers() {
        assert_eq!(visits(Lang::Et, 1), "1\u{a0}külastus");
        assert_eq!(visits(Lang::Et, 0), "0\u{a0}külastust");
        assert_eq!(visits(Lang::Hu, 5), "5\u{a0}látogatás");
        assert_eq!(few_visits(Lang::En, 2), "2\u{a0}visits: read this as single observations, not as a trend.");
    }
}
