//! What the clocks say: the window, the stay, and the phone's clock itself.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::signals::facts::{Channel, Contact, Facts, FileFacts, Found};
use crate::words::{Outcome, SignalCode};

/// How far a phone's clock may be from ours, and a visit outside its window: what phones without a network are off by
/// after some weeks.
pub const CLOCK_TOLERANCE: Duration = Duration::minutes(5);
/// How far times of one phone may be in the wrong order: what a network sets right in a step.
pub const ORDER_TOLERANCE: Duration = Duration::minutes(2);
/// The shortest stay at a branch: half of what the shortest standards take of somebody who does nothing but look.
pub const MIN_STAY: Duration = Duration::minutes(5);
/// How long before and after a stay its photos may be taken: the door from across the street, the receipt at home.
pub const CAPTURE_TOLERANCE: Duration = Duration::hours(2);
/// The same around the window, where nobody told when the auditor was there.
pub const CAPTURE_WINDOW_TOLERANCE: Duration = Duration::hours(24);

/// Signals of this family.
pub fn find(facts: &Facts) -> Vec<Found> {
    let mut found: Vec<_> = [outside_window, short_stay, clock_skew, clock_backwards]
        .into_iter()
        .filter_map(|rule: fn(&Facts) -> Option<Found>| rule(facts))
        .collect();
    found.extend(facts.files.iter().filter_map(|file| capture_time(facts, file)));
    found
}

/// The auditor was there before the window opened or after it closed. Filing late is no signal: that is what
/// `quarantine_reason` says, and what a network does. Where nobody told when the auditor was there, one file that was
/// taken in the window is enough: the receipt is photographed at home.
fn outside_window(facts: &Facts) -> Option<Found> {
    let (start, end) = facts.window;
    let skew = facts.skew();
    let stay = [facts.stay.arrived_at, facts.stay.left_at].into_iter().flatten();
    let taken = facts.files.iter().filter_map(|file| file.captured_at);
    let (times, basis): (Vec<_>, _) = match stay.collect::<Vec<_>>() {
        times if times.is_empty() => (taken.collect(), "files"),
        times => (times, "stay"),
    };
    let is_inside = |at: &DateTime<Utc>| {
        let at = *at + skew;
        start - at <= CLOCK_TOLERANCE && at - end <= CLOCK_TOLERANCE
    };
    let is_made_inside = basis == "files" && times.iter().any(is_inside);
    let (mut first, mut last) = (times.iter().min().map(|at| *at + skew), times.iter().max().map(|at| *at + skew));
    let mut basis = basis;
    if facts.filed_at < start {
        // Our own clock: nothing that the phone says can explain it.
        (first, last, basis) = (Some(facts.filed_at), Some(facts.filed_at), "filing");
    } else if is_made_inside {
        return None;
    }
    let (first, last) = (first?, last?);
    let (early, late) = (start - first, last - end);
    if early <= CLOCK_TOLERANCE && late <= CLOCK_TOLERANCE {
        return None;
    }
    let figures = json!({
        "from": first, "until": last, "window_start": start, "window_end": end, "basis": basis,
        "early_s": early.num_seconds().max(0), "late_s": late.num_seconds().max(0),
    });
    Some(facts.of_visit(SignalCode::OutsideWindow, figures))
}

/// Too short at the branch. How long a call or a chat takes is up to who answers.
fn short_stay(facts: &Facts) -> Option<Found> {
    let (arrived, left) = (facts.stay.arrived_at?, facts.stay.left_at?);
    let is_judged = facts.channel == Channel::InPerson && facts.outcome == Outcome::Completed;
    // In the wrong order it says nothing, but for what `clock_backwards` says of it.
    if !is_judged || left < arrived || left - arrived >= MIN_STAY {
        return None;
    }
    let figures = json!({"stay_s": (left - arrived).num_seconds(), "least_s": MIN_STAY.num_seconds()});
    Some(facts.of_visit(SignalCode::ShortStay, figures))
}

/// The phone's clock was wrong when it sent. A visit's own clock may be old, because it waited for a network; only that
/// it is ahead of ours says something then.
fn clock_skew(facts: &Facts) -> Option<Found> {
    let off = |contact: &Contact| {
        let (at, behind) = match (contact.sent_at, contact.at) {
            (Some(sent_at), _) => (sent_at, contact.received_at - sent_at),
            (None, Some(at)) => (at, (contact.received_at - at).min(Duration::zero())),
            (None, None) => return None,
        };
        (behind.abs() > CLOCK_TOLERANCE).then_some((at, behind, contact.received_at))
    };
    let (at, behind, received_at) = facts.contacts.iter().filter_map(off).max_by_key(|(_, behind, _)| behind.abs())?;
    let figures = json!({
        "phone_at": at, "received_at": received_at, "behind_s": behind.num_seconds(),
        "tolerance_s": CLOCK_TOLERANCE.num_seconds(),
    });
    Some(facts.of_visit(SignalCode::ClockSkew, figures))
}

/// The phone's clock was set back, or times of one phone are in an order in which nothing happens.
fn clock_backwards(facts: &Facts) -> Option<Found> {
    let set_back = |contact: &Contact| {
        let (at, sent_at) = (contact.at?, contact.sent_at?);
        let passed = Duration::try_milliseconds(contact.sent_monotonic_ms?.checked_sub(contact.monotonic_ms?)?)?;
        // Less than nothing: it was started anew in between. More on the clock than on the one that never goes back:
        // that one stands still while some phones sleep.
        let back = passed.checked_sub(&(sent_at - at))?;
        (passed >= Duration::zero() && back > ORDER_TOLERANCE).then_some(("clock_set_back", at, sent_at, back))
    };
    let order = |what: &'static str, first: DateTime<Utc>, then: DateTime<Utc>| {
        (first - then > ORDER_TOLERANCE).then(|| (what, first, then, first - then))
    };
    // When the phone sent last. Unless it told its clock with that, nobody knows: an earlier one says nothing of a visit that
    // was returned and filed again.
    let tells_last = facts.contacts.last().is_some_and(|contact| contact.latest().is_some());
    let told = facts.contacts.iter().filter_map(Contact::latest).max().filter(|_| tells_last);
    let stay = &facts.stay;
    let ends = stay.arrived_at.zip(stay.left_at).and_then(|(came, left)| order("left_before_arriving", came, left));
    let sent = stay.left_at.zip(told).and_then(|(left, told)| order("filed_before_leaving", left, told));
    let moves = stay.positions.windows(2).find_map(|pair| order("positions_out_of_order", pair[0].at, pair[1].at));
    let taken = facts.files.iter().filter_map(|file| file.captured_at).max();
    let taken = taken.zip(told).and_then(|(taken, told)| order("taken_after_filing", taken, told));
    let set_back = facts.contacts.iter().find_map(set_back);
    let (what, first, then, by) = [set_back, ends, sent, moves, taken].into_iter().flatten().next()?;
    let figures = json!({"what": what, "first": first, "then": then, "back_s": by.num_seconds()});
    Some(facts.of_visit(SignalCode::ClockBackwards, figures))
}

/// A file that was taken at another time than that of the visit. What the camera says goes before what the app says.
fn capture_time(facts: &Facts, file: &FileFacts) -> Option<Found> {
    let (from, until, tolerance, basis) = match facts.stay_ends() {
        Some((from, until)) => (from, until, CAPTURE_TOLERANCE, "stay"),
        None => (facts.window.0, facts.window.1, CAPTURE_WINDOW_TOLERANCE, "window"),
    };
    // The stay is told by the phone's own clock, as are the photos; the window is told by ours.
    let skew = if basis == "window" { facts.skew() } else { Duration::zero() };
    let said = camera_times(facts, file).map(|times| (times, "exif"));
    let said = said.or_else(|| file.captured_at.map(|at| (vec![at], "app")));
    let (times, source) = said?;
    let off = |at: &DateTime<Utc>| {
        let at = *at + skew;
        let by = (from - at).max(at - until);
        (at, by)
    };
    // A time without its offset may be one of two in the hour that comes twice.
    let (taken_at, by) = times.iter().map(off).min_by_key(|(_, by)| *by)?;
    if by <= tolerance {
        return None;
    }
    let figures = json!({
        "taken_at": taken_at, "source": source, "from": from, "until": until, "basis": basis,
        "off_s": by.num_seconds(), "tolerance_s": tolerance.num_seconds(),
    });
    Some(Found { code: SignalCode::CaptureTime, subject_id: file.id, figures })
}

/// When the camera says that a photo was taken: a time without an offset is one at the branch, where the phone was.
fn camera_times(facts: &Facts, file: &FileFacts) -> Option<Vec<DateTime<Utc>>> {
    let taken_at = file.exif.taken_at.as_deref()?;
    if let Some(offset) = &file.exif.offset
        && let Ok(at) = DateTime::parse_from_rfc3339(&format!("{taken_at}{offset}"))
    {
        return Some(vec![at.with_timezone(&Utc)]);
    }
    let local = taken_at.parse::<chrono::NaiveDateTime>().ok()?;
    let local = local.and_local_timezone(facts.zone);
    let times: Vec<_> = [local.earliest(), local.latest()].into_iter().flatten().map(|at| at.to_utc()).collect();
    // In the hour that a spring leaves out there is no such time; the phone's zone is another one then.
    Some(times).filter(|times| !times.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::facts::{codes, plain};
    use crate::signals::files::tests::photo;
    use crate::visits::types::{Position, Stay};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn stayed(from: &str, until: &str) -> Facts {
        let stay = Stay { arrived_at: Some(at(from)), left_at: Some(at(until)), ..Stay::default() };
        Facts { stay, ..plain() }
    }

    #[test]
    fn nothing_told_is_no_signal() {
        let facts = Facts { files: vec![photo()], ..plain() };
        assert_eq!(find(&facts), []);
    }

    #[test]
    fn the_window_has_five_minutes_to_spare() {
        for (from, until, early_s, late_s) in [
            ("2026-04-30T23:54:59Z", "2026-05-01T00:30:00Z", Some(301), 0),
            ("2026-04-30T23:55:00Z", "2026-05-01T00:30:00Z", None, 0),
            ("2026-05-31T23:30:00Z", "2026-06-01T00:04:59Z", None, 0),
            ("2026-05-31T23:30:00Z", "2026-06-01T00:05:00Z", Some(0), 301),
        ] {
            let found = find(&stayed(from, until));
            assert_eq!(found.first().map(|found| found.figures["early_s"].as_i64().unwrap()), early_s, "{from}");
            if early_s.is_some() {
                assert_eq!((codes(&found)[0], found[0].figures["late_s"].as_i64()), ("outside_window", Some(late_s)));
            }
        }
    }

    #[test]
    fn a_phone_that_told_its_wrong_clock_is_forgiven_the_window() {
        let mut facts = stayed("2026-04-30T22:30:00Z", "2026-04-30T23:00:00Z");
        let received_at = at("2026-05-01T02:00:00Z");
        facts.contacts = vec![Contact { received_at, sent_at: Some(at("2026-05-01T00:00:00Z")), ..Contact::default() }];
        facts.filed_at = received_at;
        let found = find(&facts);
        assert_eq!(codes(&found), ["clock_skew"]);
        assert_eq!(found[0].figures["behind_s"], 7200);
    }

    #[test]
    fn filed_before_the_window_opened() {
        let facts = Facts { filed_at: at("2026-04-30T12:00:00Z"), ..plain() };
        let found = find(&facts);
        assert_eq!((codes(&found)[0], found[0].figures["basis"].as_str()), ("outside_window", Some("filing")));
        assert_eq!(found[0].figures["early_s"], 43_200);
    }

    #[test]
    fn five_minutes_are_a_stay() {
        let short = stayed("2026-05-04T10:00:00Z", "2026-05-04T10:04:59Z");
        let found = find(&short);
        assert_eq!((codes(&found), found[0].figures["stay_s"].as_i64()), (vec!["short_stay"], Some(299)));
        assert_eq!(find(&stayed("2026-05-04T10:00:00Z", "2026-05-04T10:05:00Z")), []);
        assert_eq!(find(&Facts { channel: Channel::Phone, ..short.clone() }), []);
        assert_eq!(find(&Facts { outcome: Outcome::Attempted, ..short }), []);
    }

    #[test]
    fn a_visit_that_waited_for_a_network_has_no_wrong_clock() {
        let received_at = at("2026-05-04T10:00:00Z");
        let contact = |at: &str| Contact { received_at, at: Some(at.parse().unwrap()), ..Contact::default() };
        let found = |at: &str| codes(&find(&Facts { contacts: vec![contact(at)], ..plain() })).join(" ");
        assert_eq!(found("2026-05-02T10:00:00Z"), "");
        assert_eq!(found("2026-05-04T10:05:00Z"), "");
        assert_eq!(found("2026-05-04T10:05:01Z"), "clock_skew");
    }

    #[test]
    fn a_clock_that_was_set_back_shows_beside_the_one_that_cannot_be() {
        let contact = |sent_at: &str, sent_monotonic_ms: i64| Contact {
            received_at: at("2026-05-04T12:00:00Z"),
            at: Some(at("2026-05-04T10:00:00Z")),
            monotonic_ms: Some(1_000_000),
            sent_at: Some(at(sent_at)),
            sent_monotonic_ms: Some(sent_monotonic_ms),
        };
        let found = |contact: Contact| find(&Facts { contacts: vec![contact], ..plain() });
        let hour = 3_600_000;
        let honest = contact("2026-05-04T12:00:00Z", 1_000_000 + 2 * hour);
        assert_eq!(found(honest), []);
        // It slept meanwhile, or was started anew.
        assert_eq!(found(contact("2026-05-04T12:00:00Z", 1_000_000)), []);
        assert_eq!(found(contact("2026-05-04T12:00:00Z", 5)), []);
        let back = found(contact("2026-05-04T11:57:00Z", 1_000_000 + 2 * hour));
        assert_eq!((codes(&back), back[0].figures["back_s"].as_i64()), (vec!["clock_backwards"], Some(180)));
        // Numbers that no phone has do no harm.
        let far = Contact { monotonic_ms: Some(i64::MIN), ..contact("2026-05-04T12:00:00Z", i64::MAX) };
        assert_eq!(found(far), []);
    }

    #[test]
    fn times_in_an_impossible_order() {
        let what = |facts: &Facts| find(facts).into_iter().map(|f| f.figures["what"].clone()).collect::<Vec<_>>();
        assert_eq!(what(&stayed("2026-05-04T10:03:00Z", "2026-05-04T10:00:00Z")), ["left_before_arriving"]);
        assert_eq!(find(&stayed("2026-05-04T10:02:00Z", "2026-05-04T10:00:00Z")), []);
        let position = |time: &str| Position {
            at: at(time),
            latitude: 59.437,
            longitude: 24.7536,
            accuracy_m: Some(9.0),
            is_mock: None,
        };
        let mut facts = plain();
        facts.stay.positions = ["2026-05-04T10:00:00Z", "2026-05-04T09:00:00Z"].map(position).to_vec();
        assert_eq!(what(&facts), ["positions_out_of_order"]);
        let contact = Contact {
            received_at: at("2026-05-04T12:00:00Z"),
            at: Some(at("2026-05-04T10:00:00Z")),
            ..Contact::default()
        };
        let contacts = vec![contact];
        let facts = Facts { contacts: contacts.clone(), ..stayed("2026-05-04T09:00:00Z", "2026-05-04T10:30:00Z") };
        assert_eq!(what(&facts), ["filed_before_leaving"]);
        let files = vec![FileFacts { captured_at: Some(at("2026-05-04T11:00:00Z")), ..photo() }];
        assert_eq!(what(&Facts { contacts, files, ..plain() }), ["taken_after_filing"]);
    }

    #[test]
    fn yesterdays_photo_shows_by_the_camera_and_by_the_app() {
        let facts = stayed("2026-05-04T10:00:00Z", "2026-05-04T10:30:00Z");
        let by = |file: FileFacts| capture_time(&facts, &file).map(|found| found.figures);
        let camera = |taken_at: &str, offset: Option<&str>| FileFacts {
            exif: peegel_media::Exif {
                taken_at: Some(taken_at.to_owned()),
                offset: offset.map(str::to_owned),
                ..Default::default()
            },
            ..photo()
        };
        // 13:10 in Tallinn is 10:10 in UTC in May.
        assert_eq!(by(camera("2026-05-04T13:10:00", None)), None);
        assert_eq!(by(camera("2026-05-04T12:10:00", Some("+02:00"))), None);
        let yesterday = by(camera("2026-05-03T13:10:00", None)).unwrap();
        assert_eq!((yesterday["off_s"].as_i64(), yesterday["source"].as_str()), (Some(85_800), Some("exif")));
        assert_eq!(by(camera("2026-05-04T15:30:00", None)), None, "two hours later is forgiven");
        assert!(by(camera("2026-05-04T15:30:01", None)).is_some());
        let app = FileFacts { captured_at: Some(at("2026-05-03T10:10:00Z")), ..photo() };
        assert_eq!(by(app).unwrap()["source"], "app");
        // In the hour that comes twice, and in the one that is left out.
        let october = stayed("2026-10-25T00:30:00Z", "2026-10-25T00:50:00Z");
        assert_eq!(capture_time(&october, &camera("2026-10-25T03:40:00", None)), None);
        assert_eq!(capture_time(&facts, &camera("2026-03-29T03:30:00", None)), None);
    }

    #[test]
    fn one_photo_in_the_window_is_enough() {
        let file = |taken: &str| FileFacts { captured_at: Some(at(taken)), ..photo() };
        let found = |files: Vec<FileFacts>| {
            let found = find(&Facts { files, ..plain() });
            found.into_iter().filter(|found| found.code == SignalCode::OutsideWindow).collect::<Vec<_>>()
        };
        let receipt = file("2026-06-01T00:30:00Z");
        assert_eq!(found(vec![file("2026-05-31T23:40:00Z"), receipt.clone()]), [], "the receipt is photographed later");
        let outside = found(vec![file("2026-06-01T00:20:00Z"), receipt]);
        assert_eq!((codes(&outside), outside[0].figures["late_s"].as_i64()), (vec!["outside_window"], Some(1801)));
        // A stay that was told goes before them, and so does our own clock.
        let stay = stayed("2026-06-01T00:20:00Z", "2026-06-01T00:40:00Z").stay;
        let told = find(&Facts { stay, files: vec![file("2026-05-31T23:40:00Z")], ..plain() });
        assert_eq!(told[0].figures["basis"], "stay");
        let early =
            Facts { filed_at: at("2026-04-30T12:00:00Z"), files: vec![file("2026-05-01T10:00:00Z")], ..plain() };
        assert_eq!(find(&early)[0].figures["basis"], "filing");
    }

    #[test]
    fn a_clock_of_an_earlier_filing_says_nothing_of_what_came_later() {
        let contact = |day: u32, device: bool| Contact {
            received_at: at(&format!("2026-05-{day:02}T12:00:00Z")),
            at: device.then(|| at(&format!("2026-05-{day:02}T12:00:00Z"))),
            ..Contact::default()
        };
        let files = vec![FileFacts { captured_at: Some(at("2026-05-09T11:00:00Z")), ..photo() }];
        let found = |contacts| codes(&find(&Facts { contacts, files: files.clone(), ..plain() })).join(" ");
        assert_eq!(found(vec![contact(4, true), contact(9, false)]), "", "it was returned, and filed without a clock");
        assert_eq!(found(vec![contact(4, true), contact(9, true)]), "");
        assert_eq!(found(vec![contact(4, true), contact(5, true)]), "clock_backwards");
    }

    #[test]
    fn without_a_stay_the_window_says_when() {
        let file = |taken: &str| FileFacts { captured_at: Some(at(taken)), ..photo() };
        assert_eq!(capture_time(&plain(), &file("2026-04-30T00:00:00Z")), None);
        let found = capture_time(&plain(), &file("2026-04-29T23:59:59Z")).unwrap();
        assert_eq!(found.figures["basis"], "window");
        assert_eq!(found.subject_id, photo().id);
    }
}
