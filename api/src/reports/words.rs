//! The report's own words, the three languages side by side so that a change to one is seen by the others.
//!
//! Estonian and Hungarian address the team as the standards' advice does (*leppige kokku*, *válasszátok ki*).
//! Sentences that hold numbers keep them away from endings that would have to agree with them.

use super::report::{ActionState, AppealOutcome, Lang, PartOfDay, VisitOutcome, WaveKind};

macro_rules! words {
    ($($name:ident { $en:literal, $et:literal, $hu:literal })*) => {
        /// The words of one language.
        pub(super) struct Words { $(pub $name: &'static str),* }

        const EN: Words = Words { $($name: $en),* };
        const ET: Words = Words { $($name: $et),* };
        const HU: Words = Words { $($name: $hu),* };

        #[cfg(test)]
        const ALL: &[(&str, [&str; 3])] = &[$((stringify!($name), [$en, $et, $hu])),*];
    };
}

words! {
    // Header and footer
    title { "Mystery shopping report", "Testostlusaruanne", "Próbavásárlási jelentés" }
    standard { "Standard", "Standard", "Standard" }
    page { "Page {page} of {pages}", "Lk {page}/{pages}", "{page}/{pages}. oldal" }
    data_as_of { "Data as of {date}", "Andmed seisuga {date}", "Az adatok napja: {date}" }

    // Summary
    summary { "Summary", "Kokkuvõte", "Összefoglalás" }
    visits { "Visits", "Külastused", "Látogatások" }
    change { "Change since the previous wave", "Muutus võrreldes eelmise lainega", "Változás az előző hullámhoz képest" }
    points { "points", "protsendipunkti", "százalékpont" }
    change_note {
        "{wave}: {score} ({visits}). A plain difference, not proof of a lasting change.",
        "{wave}: {score} ({visits}). Tegu on lihtsa vahega, mis püsivat muutust veel ei tõenda.",
        "{wave}: {score} ({visits}). Egyszerű különbség, tartós változást önmagában nem bizonyít."
    }
    no_previous {
        "There is no earlier wave to compare with.",
        "Varasemat lainet, millega võrrelda, ei ole.",
        "Nincs korábbi hullám, amellyel összevethető."
    }
    not_comparable {
        "The wave before used other standards, so the scores cannot be compared.",
        "Eelmises laines kasutati teisi standardeid, seega tulemusi võrrelda ei saa.",
        "Az előző hullám más standardot használt, ezért az eredmények nem vethetők össze."
    }
    no_change {
        "There is no score to compare yet.",
        "Võrdlemiseks ei ole veel tulemust.",
        "Még nincs összevethető eredmény."
    }
    passed { "Visits at or above the pass mark", "Lävendi saavutanud külastused", "Megfelelt látogatások" }
    pass_mark { "Pass mark:\u{a0}{score}.", "Lävend:\u{a0}{score}.", "Megfelelési határ:\u{a0}{score}." }
    critical_items { "Critical items", "Kriitilised nõuded", "Kritikus szempontok" }
    all_critical_met {
        "All critical items were met.",
        "Kõik kriitilised nõuded on täidetud.",
        "Minden kritikus szempont teljesült."
    }
    critical_missed {
        "Critical items missed:\u{a0}{n}.",
        "Täitmata kriitilisi nõudeid:\u{a0}{n}.",
        "Nem teljesült kritikus szempontok száma:\u{a0}{n}."
    }
    no_visits {
        "This branch has no scored visits in this wave yet, so there is no score.",
        "Sellel teeninduskohal ei ole selles laines veel hinnatud külastusi ja seetõttu ei ole ka tulemust.",
        "Ennek az egységnek ebben a hullámban még nincs értékelt látogatása, ezért eredménye sincs."
    }
    sections { "Parts of the visit", "Külastuse osad", "A látogatás szakaszai" }
    dimensions { "Dimensions of service", "Teeninduse tahud", "A kiszolgálás területei" }
    not_measured { "not measured", "mõõtmata", "nincs adat" }
    nothing_measured { "Nothing has been measured yet.", "Mõõtmistulemusi veel ei ole.", "Még nincs mérési eredmény." }
    previous_tick { "previous wave", "eelmine laine", "előző hullám" }
    previous_title { "Previous wave", "Eelmine laine", "Előző hullám" }
    more_results {
        "{n} more under “All results”.",
        "Veel {n} jaotises „Kõik tulemused”.",
        "További {n} a „Minden eredmény” részben."
    }
    all_results { "All results", "Kõik tulemused", "Minden eredmény" }
    strengths { "What works well", "Mis on hästi", "Ami jól működik" }
    next_steps { "Next steps", "Järgmised sammud", "A következő lépések" }
    see_plan {
        "All steps, with owner and due date: see the action plan.",
        "Kõik sammud koos vastutaja ja tähtajaga leiate tegevuskavast.",
        "Az összes lépést felelőssel és határidővel a cselekvési tervben találjátok."
    }

    // Actions
    actions { "Action plan", "Tegevuskava", "Cselekvési terv" }
    actions_intro {
        "What lifts the score most comes first, critical items before all others. Agree on an owner and a date for each step; empty lines are there to write on.",
        "Eespool on see, mis tõstab tulemust kõige rohkem, kõige ees kriitilised nõuded. Leppige iga sammu puhul kokku vastutaja ja tähtaeg; tühjad read on kirjutamiseks.",
        "Elöl áll, ami a legtöbbet javít az eredményen, mindenekelőtt a kritikus szempontok. Minden lépéshez jelöljetek ki felelőst és határidőt; az üres vonalakra kézzel írhattok."
    }
    no_actions {
        "No steps come out of this wave. Thank the team, and keep doing what works.",
        "Sellest lainest ühtegi sammu ei tulene. Tänage meeskonda ja jätkake samamoodi.",
        "Ebből a hullámból nem adódik teendő. Köszönjétek meg a csapatnak, és folytassátok így."
    }
    no_actions_yet {
        "Steps will follow once there are scored visits.",
        "Sammud lisanduvad siis, kui on hinnatud külastusi.",
        "Teendők akkor lesznek, ha már vannak értékelt látogatások."
    }
    number { "No.", "Nr", "Ssz." }
    what_to_do { "What to do", "Mida teha", "Teendő" }
    why { "Why", "Miks", "Miért" }
    owner { "Owner", "Vastutaja", "Felelős" }
    due { "Due", "Tähtaeg", "Határidő" }
    state { "State", "Seis", "Állapot" }
    critical { "Critical item", "Kriitiline nõue", "Kritikus szempont" }
    gain { "Up to {points} points to gain", "Võita kuni {points} protsendipunkti", "Akár {points} százalékpont nyerhető" }
    repeated { "In {n} waves in a row", "{n} laines järjest", "Egymás után {n} hullámban" }

    // Strengths, visits, appeals
    strengths_intro {
        "This is worth telling the team. Ask how they do it and keep it going.",
        "Seda tasub meeskonnale öelda. Küsige, kuidas see neil õnnestub, ja hoidke seda.",
        "Ezt érdemes elmondani a csapatnak. Kérdezzétek meg, hogyan csinálják, és őrizzétek meg."
    }
    no_strengths {
        "No item stands out yet in this wave.",
        "Selles laines ei tõuse veel ükski nõue esile.",
        "Ebben a hullámban még egyik szempont sem emelkedik ki."
    }
    item { "Item", "Nõue", "Szempont" }
    result { "Result", "Tulemus", "Eredmény" }
    visit { "Visit", "Külastus", "Látogatás" }
    day { "Day", "Päev", "Nap" }
    score { "Score", "Tulemus", "Eredmény" }
    band { "Grade", "Hinne", "Minősítés" }
    outcome { "Outcome", "Kulg", "Kimenetel" }
    no_visit_rows {
        "There are no visits to list for this wave.",
        "Selles laines ei ole külastusi, mida loetleda.",
        "Ebben a hullámban nincs felsorolható látogatás."
    }
    appeals { "Appeals", "Vaidlustused", "Felülvizsgálati kérelmek" }
    decision { "Outcome", "Otsus", "Döntés" }
    appeals_intro {
        "What the branch contested, and what somebody other than the first reviewer decided. Decisions are final.",
        "Mida teeninduskoht vaidlustas ja mida otsustas keegi teine kui esimene ülevaataja. Otsused on lõplikud.",
        "Amit az egység vitatott, és amit az első ellenőrtől különböző személy döntött. A döntések véglegesek."
    }
    score_changed {
        "Score of the visit:\u{a0}{before}, now\u{a0}{after}",
        "Külastuse tulemus:\u{a0}{before}, nüüd\u{a0}{after}",
        "A látogatás eredménye:\u{a0}{before}, most\u{a0}{after}"
    }
    decided_on { "Decided on", "Otsuse kuupäev", "A döntés napja" }

    // Photos
    photos { "Photos", "Fotod", "Fényképek" }
    photo_index { "Further photos", "Ülejäänud fotod", "További fényképek" }
    photo_index_intro {
        "These photos are not printed here; they can be opened with their visits in Peegel.",
        "Neid fotosid siin ei trükita; need saab Peegelis külastuse juures avada.",
        "Ezek a fényképek itt nem szerepelnek; a Peegelben a látogatásoknál megnyithatók."
    }
    photo { "Photo", "Foto", "Fénykép" }
    photo_broken { "This photo cannot be shown.", "Seda fotot ei saa näidata.", "Ez a fénykép nem jeleníthető meg." }
}

impl Words {
    /// The words of a language.
    pub(super) fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Et => &ET,
            Lang::Hu => &HU,
        }
    }
}

/// Puts values in the place of `{names}`.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    // One pass over the template, so that a brace inside a value stays what it is.
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = tail.split_once('}') else {
            out.push('{');
            rest = tail;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            out.push_str(value);
        }
        rest = after;
    }
    out + rest
}

fn pick(lang: Lang, words: [&'static str; 3]) -> &'static str {
    let [en, et, hu] = words;
    match lang {
        Lang::En => en,
        Lang::Et => et,
        Lang::Hu => hu,
    }
}

/// The word for a kind of wave; none for a regular one, which goes without saying.
pub(super) fn wave_kind(lang: Lang, kind: WaveKind) -> Option<&'static str> {
    Some(pick(
        lang,
        match kind {
            WaveKind::Regular => return None,
            WaveKind::Baseline => ["baseline", "algmõõtmine", "alapmérés"],
            WaveKind::Preventive => ["preventive visits", "ennetavad külastused", "megelőző látogatások"],
            WaveKind::Competitor => ["competitor visits", "konkurentide külastused", "versenytársak látogatása"],
            WaveKind::Dealer => ["dealer visits", "edasimüüjate külastused", "viszonteladók látogatása"],
            WaveKind::Peak => ["peak season", "tipphooaeg", "csúcsidőszak"],
        },
    ))
}

/// The word for the state of an action.
pub(super) fn action_state(lang: Lang, state: ActionState) -> &'static str {
    pick(
        lang,
        match state {
            ActionState::Proposed => ["Proposed", "Ettepanek", "Javasolt"],
            ActionState::Open => ["Open", "Avatud", "Nyitott"],
            ActionState::InProgress => ["In progress", "Töös", "Folyamatban"],
            ActionState::Done => ["Done", "Tehtud", "Kész"],
            ActionState::Verified => ["Verified", "Kinnitatud", "Igazolt"],
            ActionState::Reopened => ["Reopened", "Taasavatud", "Újranyitva"],
            ActionState::Dropped => ["Dropped", "Ära jäetud", "Elvetve"],
        },
    )
}

/// How an appeal ended.
pub(super) fn appeal_outcome(lang: Lang, outcome: AppealOutcome) -> &'static str {
    pick(
        lang,
        match outcome {
            AppealOutcome::Open => ["Being looked at", "Läbivaatamisel", "Elbírálás alatt"],
            AppealOutcome::Upheld => [
                "Upheld: the score was corrected",
                "Rahuldatud: tulemust parandati",
                "Elfogadva: az eredményt javítottuk",
            ],
            AppealOutcome::Declined => [
                "Declined: the finding stands",
                "Jäeti rahuldamata: hinnang kehtib",
                "Elutasítva: az értékelés érvényes",
            ],
            AppealOutcome::Withdrawn => ["Withdrawn", "Tagasi võetud", "Visszavonva"],
        },
    )
}

/// The part of the day.
pub(super) fn part_of_day(lang: Lang, part: PartOfDay) -> &'static str {
    pick(
        lang,
        match part {
            PartOfDay::Morning => ["morning", "hommikul", "délelőtt"],
            PartOfDay::Afternoon => ["afternoon", "pärastlõunal", "délután"],
            PartOfDay::Evening => ["evening", "õhtul", "este"],
        },
    )
}

/// Whether a visit took place.
pub(super) fn visit_outcome(lang: Lang, outcome: VisitOutcome) -> &'static str {
    pick(
        lang,
        match outcome {
            VisitOutcome::Completed => ["Completed", "Toimus", "Megtörtént"],
            VisitOutcome::Attempted => ["Attempted", "Ei toimunud", "Meghiúsult"],
        },
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, fill};

    #[test]
    fn the_languages_say_the_same_values() {
        let places = |text: &str| -> BTreeSet<String> {
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
        };
        for (name, [en, et, hu]) in ALL {
            assert!([en, et, hu].iter().all(|text| !text.trim().is_empty()), "{name}");
            assert_eq!(places(en), places(et), "{name}");
            assert_eq!(places(en), places(hu), "{name}");
        }
    }

    #[test]
    fn values_are_put_in_once() {
        assert_eq!(fill("{a}: {b}", &[("a", "{b}"), ("b", "1")]), "{b}: 1");
        assert_eq!(fill("open { end {missing}", &[]), "open ");
        assert_eq!(fill("50 { x", &[]), "50 { x");
    }
}
