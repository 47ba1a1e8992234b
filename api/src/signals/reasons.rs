//! A signal in a sentence, from its figures.

use serde_json::{Map, Value};

use crate::words::SignalCode;

/// What a signal says, for people.
pub fn reason(code: SignalCode, figures: &Value) -> String {
    if figures.as_object().is_none_or(Map::is_empty) {
        return "Its figures have been purged.".to_owned();
    }
    let number = |name: &str| figures[name].as_f64().unwrap_or_default();
    let text = |name: &str| figures[name].as_str().unwrap_or_default();
    match code {
        SignalCode::OutsideWindow => outside_window(figures),
        SignalCode::ShortStay => format!(
            "The stay was {}; less than {} is hardly enough for the questions.",
            span(number("stay_s")),
            span(number("least_s"))
        ),
        SignalCode::OutsideFence if text("source") == "exif" => format!(
            "By its camera the photo was taken {} from the branch; {} are allowed for.",
            way(number("distance_m")),
            way(number("fence_m"))
        ),
        SignalCode::OutsideFence => {
            let error = match figures["accuracy_m"].as_f64() {
                Some(accuracy_m) => format!("its own error of {}", way(accuracy_m)),
                None => "an error as usual".to_owned(),
            };
            format!(
                "Of {} the nearest is {} from the branch; {error} and the fence of {} do not explain that.",
                count(number("positions"), "position"),
                way(number("distance_m")),
                way(number("fence_m"))
            )
        }
        SignalCode::MockPosition => format!(
            "The phone says that an app made up {} of {}.",
            number("made_up"),
            count(number("positions"), "position")
        ),
        SignalCode::AccuracyZero => format!(
            "{} of {} came without any error, which no receiver measures.",
            number("without_error"),
            count(number("positions"), "position")
        ),
        SignalCode::ImpossibleTravel => {
            let pause = match number("pause_s") {
                pause_s if pause_s > 0.0 => format!("{} later or before", span(pause_s)),
                _ => "at the same time".to_owned(),
            };
            format!(
                "The auditor was at another branch {} away {pause}; more than {} km/h is not possible.",
                way(number("way_m")),
                number("limit_kmh")
            )
        }
        SignalCode::ClockSkew => {
            let behind_s = number("behind_s");
            let side = if behind_s > 0.0 { "behind" } else { "ahead of" };
            format!("When the visit was sent, the phone's clock was {} {side} the server's.", span(behind_s.abs()))
        }
        SignalCode::ClockBackwards => clock_backwards(text("what"), number("back_s")),
        SignalCode::CaptureTime => {
            let by = if text("source") == "exif" { "By its camera" } else { "By the app" };
            format!(
                "{by} the file was taken at {}, {} outside the {}.",
                text("taken_at"),
                span(number("off_s")),
                if text("basis") == "stay" { "stay" } else { "window of the assignment" }
            )
        }
        SignalCode::SameFile => format!(
            "The same file came with {} before, first at {}.",
            count(number("files"), "other file"),
            text("first_stored_at")
        ),
        SignalCode::NearDuplicate => format!(
            "It looks like {} of other visits: {} of 64 bits of their looks differ, and up to {} are alike.",
            count(number("photos"), "photo"),
            number("bits"),
            number("most_bits")
        ),
        SignalCode::EditorSoftware => format!("A program that changes photos wrote it last: {}.", text("software")),
        SignalCode::Screenshot => match text("why") {
            "exif" => "The file says itself that it is a picture of a screen.".to_owned(),
            "name" => "By its name it is a picture of a screen, and no camera is named in it.".to_owned(),
            _ => format!(
                "It is a PNG of {} x {} pixels, as screens are and photos are not, and no camera is named in it.",
                number("width_px"),
                number("height_px")
            ),
        },
        SignalCode::ShortRecording => {
            let claim = match figures["item_id"].as_str() {
                Some(item) => format!("the answer to {item} says that it holds"),
                None => "the call is said to have taken".to_owned(),
            };
            format!(
                "The recording is {} long, while {claim} {}.",
                span(number("recorded_s")),
                span(number("claimed_s"))
            )
        }
        SignalCode::SameText => format!(
            "{} % of what is written, in {}, stands in another visit too.",
            (number("similarity") * 100.0).floor(),
            count(number("words"), "word")
        ),
        SignalCode::StraightLining => format!(
            "{} of {} answers in a row are the same; {} by this standard have fewer.",
            number("run"),
            number("answers"),
            count(number("visits"), "visit")
        ),
        SignalCode::Speeding => format!(
            "{} took {}; {} by this standard took {} in the middle.",
            if text("basis") == "answering" { "Answering" } else { "The stay" },
            span(number("took_s")),
            count(number("visits"), "visit"),
            span(number("usual_s"))
        ),
        SignalCode::DuplicateAnswers => format!(
            "{} % of {} answers are those of another visit of the auditor, {} standard deviations more than chance.",
            (number("identical_share") * 100.0).floor(),
            number("compared"),
            number("z").round()
        ),
        SignalCode::SharedDevice => format!(
            "{}{} had filed from the same phone before.",
            count(number("other_auditors"), "other auditor"),
            if figures["or_more"] == true { " or more" } else { "" }
        ),
    }
}

fn outside_window(figures: &Value) -> String {
    let seconds = |name: &str| figures[name].as_f64().unwrap_or_default();
    let when = match (seconds("early_s"), seconds("late_s")) {
        (early, late) if early >= late => format!("{} before the window opened", span(early)),
        (_, late) => format!("{} after the window closed", span(late)),
    };
    match figures["basis"].as_str() {
        Some("filing") => format!("The visit was filed {when}."),
        Some("files") => format!("By its files the visit was made {when}."),
        _ => format!("By the phone the auditor was there {when}."),
    }
}

fn clock_backwards(what: &str, back_s: f64) -> String {
    let by = span(back_s);
    match what {
        "clock_set_back" => format!("The phone's clock was set back by {by} between filling in and sending."),
        "left_before_arriving" => format!("By the phone the auditor left {by} before arriving."),
        "filed_before_leaving" => format!("By the phone the visit was filed {by} before the auditor left."),
        "positions_out_of_order" => format!("The phone's positions go back in time by {by}."),
        _ => format!("By the phone a file was taken {by} after the visit was filed."),
    }
}

/// A length of time in words.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => count(s, "second"),
        s if s < 7200.0 => count((s / 60.0).round(), "minute"),
        s if s < 172_800.0 => count((s / 360.0).round() / 10.0, "hour"),
        s => count((s / 8640.0).round() / 10.0, "day"),
    }
}

/// A distance in words.
fn way(metres: f64) -> String {
    if metres < 1000.0 { format!("{} m", metres.round()) } else { format!("{} km", (metres / 100.0).round() / 10.0) }
}

fn count(n: f64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1.0 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_said_in_words() {
        for (code, figures, words) in [
            (
                SignalCode::OutsideFence,
                json!({"distance_m": 4213.0, "accuracy_m": 12.0, "fence_m": 200.0, "positions": 3, "source": "phone"}),
                "Of 3 positions the nearest is 4.2 km from the branch; its own error of 12 m and the fence of 200 m do \
                 not explain that.",
            ),
            (
                SignalCode::ShortStay,
                json!({"stay_s": 90, "least_s": 300}),
                "The stay was 90 seconds; less than 5 minutes is hardly enough for the questions.",
            ),
            (
                SignalCode::ClockSkew,
                json!({"behind_s": -86_400}),
                "When the visit was sent, the phone's clock was 24 hours ahead of the server's.",
            ),
            (
                SignalCode::OutsideWindow,
                json!({"basis": "stay", "early_s": 0, "late_s": 600}),
                "By the phone the auditor was there 10 minutes after the window closed.",
            ),
            (
                SignalCode::SharedDevice,
                json!({"other_auditors": 1, "or_more": false}),
                "1 other auditor had filed from the same phone before.",
            ),
        ] {
            assert_eq!(reason(code, &figures), words);
        }
    }

    #[test]
    fn every_signal_has_a_sentence_whatever_its_figures() {
        for word in SignalCode::ALL {
            let code = SignalCode::from_word(word).unwrap();
            for figures in
                [json!({}), json!({"z": 1}), json!({"what": "x", "pause_s": 60, "source": "exif", "why": "name"})]
            {
                let sentence = reason(code, &figures);
                assert!(sentence.ends_with('.') && !sentence.contains("null"), "{word}: {sentence}");
            }
        }
    }
}
