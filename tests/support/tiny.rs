//! A standard so small that its scores can be computed by hand.
//!
//! Sections weigh 60 and 40. `contact`: greet (weight 3), polite (rating 1 to 5, weight 1), queue (weight 4, may be
//! N/A) and front (weight 0, always with a photo). `sale`: needs (2, 1 or 0 points, weight 2), offer (weight 2, proof
//! when it fails), honest (weight 1, critical: caps the visit at 40 %) and why (text, asked only when offer failed).

use serde_json::{Value, json};

/// Its id.
pub const ID: &str = "tiny";

/// The standard.
pub fn standard() -> Value {
    version(1)
}

/// A version of the standard; they differ in nothing else.
pub fn version(version: u32) -> Value {
    let texts = |en: &str, et: &str, hu: &str| json!({"en": en, "et": et, "hu": hu});
    json!({
        "format": "peegel.standard/1",
        "id": ID,
        "version": version,
        "title": texts("Tiny visit", "Pisike külastus", "Apró látogatás"),
        "languages": ["en", "et", "hu"],
        "aggregation": "weighted_sections",
        "pass_bp": 7000,
        "bands": [
            {"min_bp": 9000, "label": "A"}, {"min_bp": 7000, "label": "B"}, {"min_bp": 0, "label": "C"},
        ],
        "dimensions": [
            {"id": "politeness", "title": texts("Politeness", "Viisakus", "Udvariasság")},
            {"id": "needs", "title": texts("Needs discovery", "Vajaduste väljaselgitamine", "Igényfelmérés")},
        ],
        "sections": [
            {"id": "contact", "weight": 60, "title": texts("Contact", "Kontakt", "Kapcsolat")},
            {"id": "sale", "weight": 40, "title": texts("Sale", "Müük", "Eladás")},
        ],
        "items": [
            {
                "id": "greet", "section": "contact", "type": "yes_no", "weight": 3,
                "dimensions": [{"id": "politeness"}],
                "text": texts("Greeted", "Tervitati", "Köszöntek"),
                "advice": texts("Greet everybody.", "Tervita kõiki.", "Köszöntsön mindenkit."),
            },
            {
                "id": "polite", "section": "contact", "type": "rating", "min": 1, "max": 5, "weight": 1,
                "dimensions": [{"id": "politeness"}],
                "text": texts("Polite", "Viisakas", "Udvarias"),
                "advice": texts("Speak politely.", "Räägi viisakalt.", "Beszéljen udvariasan."),
            },
            {
                "id": "queue", "section": "contact", "type": "yes_no", "weight": 4, "na_allowed": true,
                "required": false,
                "text": texts("Short queue", "Lühike järjekord", "Rövid sor"),
                "advice": texts("Open a till.", "Ava kassa.", "Nyisson pénztárt."),
            },
            {
                "id": "front", "section": "contact", "type": "yes_no", "weight": 0,
                "evidence": "always", "evidence_kind": "photo",
                "text": texts("Front seen", "Fassaad nähtud", "Homlokzat látva"),
                "advice": texts("Clean the front.", "Puhasta fassaad.", "Tisztítsa a homlokzatot."),
            },
            {
                "id": "needs", "section": "sale", "type": "choice", "weight": 2,
                "options": [
                    {"id": "full", "points": 2, "text": texts("Fully", "Täielikult", "Teljesen")},
                    {"id": "part", "points": 1, "text": texts("Partly", "Osaliselt", "Részben")},
                    {"id": "none", "points": 0, "text": texts("Not", "Ei", "Nem")},
                ],
                "dimensions": [{"id": "needs"}],
                "text": texts("Asked for needs", "Küsiti vajadusi", "Kérdeztek az igényekről"),
                "advice": texts("Ask open questions.", "Esita avatud küsimusi.", "Tegyen fel nyitott kérdéseket."),
            },
            {
                "id": "offer", "section": "sale", "type": "yes_no", "weight": 2,
                "evidence": "on_fail", "evidence_kind": "either",
                "dimensions": [{"id": "needs"}],
                "text": texts("Offered two choices", "Pakuti kahte valikut", "Két választást kínáltak"),
                "advice": texts("Offer two choices.", "Paku kahte valikut.", "Kínáljon két választást."),
            },
            {
                "id": "honest", "section": "sale", "type": "yes_no", "weight": 1,
                "critical": {"scope": "visit", "cap_bp": 4000},
                "text": texts("Honest", "Aus", "Őszinte"),
                "advice": texts("Promise only what is true.", "Luba vaid tõtt.", "Csak igazat ígérjen."),
            },
            {
                "id": "why", "section": "sale", "type": "text", "weight": 0, "required": false,
                "show_if": {"item": "offer", "op": "eq", "value": false},
                "text": texts("What was said?", "Mida öeldi?", "Mit mondtak?"),
            },
        ],
    })
}

/// Everything met: contact 8/8, sale 5/5, visit 1, 10000 bp.
pub fn perfect() -> Value {
    json!({
        "greet": {"v": true}, "polite": {"v": 5}, "queue": {"v": true}, "front": {"v": true},
        "needs": {"v": "full"}, "offer": {"v": true}, "honest": {"v": true},
    })
}

/// Contact 3 + 3/4 of 4 (the queue is N/A) = 15/16; sale 1 + 0 + 1 of 5 = 2/5; visit .6 x 15/16 + .4 x 2/5 = .7225.
pub fn fair() -> Value {
    json!({
        "greet": {"v": true}, "polite": {"v": 4}, "queue": {"na": true}, "front": {"v": true},
        "needs": {"v": "part"}, "offer": {"v": false}, "honest": {"v": true},
    })
}

/// As [`fair`], and dishonest: sale 1 + 0 + 0 of 5 = 1/5; raw .6 x 15/16 + .4 x 1/5 = .6425, capped at .4.
pub fn dishonest() -> Value {
    let mut answers = fair();
    answers["honest"] = json!({"v": false});
    answers
}
