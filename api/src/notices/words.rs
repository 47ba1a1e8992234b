//! What notices and their letters say, in English, Estonian and Hungarian.

use crate::words::NoticeKind;

/// What a kind tells, in a language; in English when it is none of ours.
pub fn phrase(locale: &str, kind: NoticeKind) -> &'static str {
    let [en, et, hu] = phrases(kind);
    match locale {
        "et" => et,
        "hu" => hu,
        _ => en,
    }
}

fn phrases(kind: NoticeKind) -> [&'static str; 3] {
    match kind {
        NoticeKind::AssignmentGiven => ["You have a new assignment", "Sulle anti uus ülesanne", "Új megbízást kapott"],
        NoticeKind::AssignmentCancelled => {
            ["An assignment of yours was cancelled", "Sinu ülesanne tühistati", "Egy megbízását törölték"]
        }
        NoticeKind::VisitReturned => [
            "A visit came back to you, to be filed again",
            "Külastus saadeti sulle tagasi, et selle uuesti esitaksid",
            "Egy látogatást visszakapott, hogy újra beküldje",
        ],
        NoticeKind::VisitRejected => {
            ["A visit of yours was not accepted", "Sinu külastust ei võetud vastu", "Egy látogatását nem fogadták el"]
        }
        NoticeKind::VisitApproved => {
            ["A visit of yours was approved", "Sinu külastus kiideti heaks", "Egy látogatását jóváhagyták"]
        }
        NoticeKind::VisitCorrected => {
            ["A visit of yours was corrected", "Sinu külastust parandati", "Egy látogatását kijavították"]
        }
        NoticeKind::VisitPublished => {
            ["A visit of yours was published", "Sinu külastus avaldati", "Egy látogatását közzétették"]
        }
        NoticeKind::SignalShared => [
            "Something about a visit of yours needs your explanation",
            "Midagi sinu külastuses vajab sinu selgitust",
            "Egy látogatásával kapcsolatban a magyarázatát kérik",
        ],
        NoticeKind::QuestionAsked => [
            "You are asked something about a visit of yours",
            "Sinult küsitakse midagi sinu külastuse kohta",
            "Kérdést kapott egy látogatásáról",
        ],
        NoticeKind::QuestionAnswered => {
            ["Your question about a visit was answered", "Sinu küsimusele vastati", "Válaszoltak a kérdésére"]
        }
        NoticeKind::AppealOpened => {
            ["An appeal waits for a decision", "Vaidlustus ootab otsust", "Egy kifogás döntésre vár"]
        }
        NoticeKind::AppealWithdrawn => {
            ["An appeal was withdrawn", "Vaidlustus võeti tagasi", "Egy kifogást visszavontak"]
        }
        NoticeKind::AppealDecided => {
            ["Your appeal was decided", "Sinu vaidlustus sai otsuse", "Döntöttek a kifogásáról"]
        }
        NoticeKind::SecondScoringWaiting => [
            "A visit waits for a second scoring by you",
            "Külastus ootab sinult teist hindamist",
            "Egy látogatás az Ön második értékelésére vár",
        ],
        NoticeKind::ResultPublished => {
            ["A new result was published", "Avaldati uus tulemus", "Új eredményt tettek közzé"]
        }
        NoticeKind::ResultWithdrawn => ["A result was withdrawn", "Tulemus võeti tagasi", "Egy eredményt visszavontak"],
    }
}

/// A notice in one line: what happened, at which branch and in which wave.
pub fn line(locale: &str, kind: NoticeKind, place: &str) -> String {
    let phrase = phrase(locale, kind);
    if place.is_empty() { format!("{phrase}.") } else { format!("{phrase}: {place}.") }
}

/// Branch and wave, as far as they are known.
pub fn place(branch: Option<&str>, wave: Option<&str>) -> String {
    branch.into_iter().chain(wave).collect::<Vec<_>>().join(", ")
}

/// The subject of a letter with so many notices of a firm.
pub fn subject(locale: &str, firm: &str, n: usize) -> String {
    match (locale, n) {
        ("et", 1) => format!("{firm}: 1 uus teade"),
        ("et", _) => format!("{firm}: {n} uut teadet"),
        ("hu", _) => format!("{firm}: {n} új értesítés"),
        (_, 1) => format!("{firm}: 1 new notice"),
        (..) => format!("{firm}: {n} new notices"),
    }
}

/// How a letter begins.
pub fn opening(locale: &str, firm: &str) -> String {
    match locale {
        "et" => format!("Uus ettevõttes {firm}:"),
        "hu" => format!("Újdonságok ennél a cégnél: {firm}"),
        _ => format!("New at {firm}:"),
    }
}

/// That there are more than the letter shows.
pub fn more(locale: &str, n: usize) -> String {
    match locale {
        "et" => format!("ja veel {n}"),
        "hu" => format!("és még {n}"),
        _ => format!("and {n} more"),
    }
}

/// Where to read on.
pub fn read_on(locale: &str, url: &str) -> String {
    match locale {
        "et" => format!("Loe edasi: {url}"),
        "hu" => format!("Tovább: {url}"),
        _ => format!("Read on: {url}"),
    }
}

/// How to get no more mails about a kind.
pub fn end_kind(locale: &str, url: &str) -> String {
    match locale {
        "et" => format!("Kui sa sellest enam kirju ei soovi: {url}"),
        "hu" => format!("Ha erről nem kér több levelet: {url}"),
        _ => format!("No more mails about this: {url}"),
    }
}

/// How to get no more mails at all.
pub fn end_all(locale: &str, firm: &str, url: &str) -> String {
    match locale {
        "et" => format!("Kui sa ei soovi enam ühtegi kirja teadetega ({firm}): {url}"),
        "hu" => format!("Ha semmilyen értesítést nem kér többé levélben ({firm}): {url}"),
        _ => format!("No more mails with notices of {firm} at all: {url}"),
    }
}

/// Where mails are ended without a link.
pub fn settings_hint(locale: &str) -> &'static str {
    match locale {
        "et" => "Milliste teadete kohta kirju saad, valid rakenduse teadete seadetes.",
        "hu" => "Az alkalmazás értesítési beállításainál választhatja ki, miről kér levelet.",
        _ => "Choose in the settings of notices in the app what you get mails about.",
    }
}

/// What the page of an unsubscribe link says: its title, the question, the button, and what it says when it is done.
pub struct Page {
    /// The title.
    pub title: &'static str,
    /// What is asked.
    pub question: String,
    /// The button.
    pub button: &'static str,
    /// What is said when it is done.
    pub done: String,
}

/// The words of the page of an unsubscribe link, for one kind or for all.
pub fn page(locale: &str, firm: &str, kind: Option<NoticeKind>) -> Page {
    let about = |all: String| kind.map_or(all, |kind| format!("{firm}: {}", phrase(locale, kind)));
    match locale {
        "et" => {
            let about = about(format!("{firm}: kõik teated"));
            Page {
                title: "Kirjadest loobumine",
                question: format!("Kas sa ei soovi sellest enam kirju? {about}."),
                button: "Ei soovi enam kirju",
                done: format!("Sa ei saa sellest enam kirju. {about}."),
            }
        }
        "hu" => {
            let about = about(format!("{firm}: minden értesítés"));
            Page {
                title: "Leiratkozás",
                question: format!("Nem kér erről több levelet? {about}."),
                button: "Nem kérek több levelet",
                done: format!("Erről nem kap több levelet. {about}."),
            }
        }
        _ => {
            let about = about(format!("{firm}: all notices"));
            Page {
                title: "No more mails",
                question: format!("No more mails about this? {about}."),
                button: "No more mails",
                done: format!("You get no more mails about this. {about}."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_told_in_every_language() {
        for word in NoticeKind::ALL {
            let kind = NoticeKind::from_word(word).unwrap();
            let told = ["en", "et", "hu"].map(|locale| phrase(locale, kind));
            assert!(told[0] != told[1] && told[1] != told[2] && told[0] != told[2], "{word}");
            assert_eq!(phrase("fi", kind), told[0]);
            assert!(told.iter().all(|text| !text.ends_with('.') && text.chars().count() < 70), "{word}");
        }
        assert_eq!(line("en", NoticeKind::AppealDecided, ""), "Your appeal was decided.");
        let place = place(Some("Pood 1"), Some("2026 spring"));
        assert_eq!(line("en", NoticeKind::AppealDecided, &place), "Your appeal was decided: Pood 1, 2026 spring.");
    }
}
