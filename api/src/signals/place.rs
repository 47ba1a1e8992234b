//! Where the phone was: the fence around the branch, positions that nobody measured, ways that nobody can make.

use chrono::Duration;
use serde_json::json;

use crate::signals::facts::{Channel, Facts, FileFacts, Found, Place};
use crate::signals::store::MOST_AUDITORS;
use crate::visits::types::{Position, Stay};
use crate::words::SignalCode;

/// How far from the branch's own position an auditor may be, in metres: a shopping centre, and an address that was
/// looked up.
pub const FENCE_M: f64 = 200.0;
/// The error of a position without one, in metres.
pub const UNKNOWN_ACCURACY_M: f64 = 100.0;
/// From this error on a position says nothing, in metres: some phones write the error of their guess at the country.
pub const MAX_ACCURACY_M: f64 = 50_000.0;
/// How far from the branch a photo may be taken by what its camera says, in metres: the receipt is photographed in the
/// car.
pub const PHOTO_FENCE_M: f64 = 1000.0;
/// How fast one visit can follow another, in kilometres an hour from door to door: faster than trains and cars.
pub const MAX_SPEED_KMH: f64 = 250.0;
/// From this distance on somebody may have flown, in metres.
pub const FLIGHT_M: f64 = 500_000.0;
/// How fast that goes, in kilometres an hour.
pub const MAX_FLIGHT_KMH: f64 = 900.0;
/// Ways shorter than this are none, in metres: times are told to the minute.
pub const MIN_WAY_M: f64 = 2000.0;

/// The mean radius of the earth, in metres.
const EARTH_M: f64 = 6_371_008.8;

/// Signals of this family.
pub fn find(facts: &Facts) -> Vec<Found> {
    let rules = [outside_fence, mock_position, accuracy_zero, impossible_travel, shared_device];
    let mut found: Vec<_> = rules.into_iter().filter_map(|rule: fn(&Facts) -> Option<Found>| rule(facts)).collect();
    found.extend(facts.files.iter().filter_map(|file| photo_elsewhere(facts, file)));
    found
}

/// The length of the shortest way over the earth, in metres.
pub fn distance_m(one: Place, other: Place) -> f64 {
    let (a, b) = (one.latitude.to_radians(), other.latitude.to_radians());
    let across = (other.longitude - one.longitude).to_radians();
    let h = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (across / 2.0).sin().powi(2);
    2.0 * EARTH_M * h.sqrt().min(1.0).asin()
}

fn place(position: &Position) -> Place {
    Place { latitude: position.latitude, longitude: position.longitude }
}

fn accuracy_m(position: &Position) -> f64 {
    position.accuracy_m.unwrap_or(UNKNOWN_ACCURACY_M)
}

/// Whether somebody measured a position: receivers and cameras without a fix write zeros.
fn is_measured(position: &Position) -> bool {
    (position.latitude, position.longitude) != (0.0, 0.0) && accuracy_m(position) <= MAX_ACCURACY_M
}

/// Positions of the stay itself, if its times are known; those of the way there and back say nothing.
fn during(stay: &Stay) -> Vec<&Position> {
    let measured: Vec<_> = stay.positions.iter().filter(|position| is_measured(position)).collect();
    let (Some(arrived), Some(left)) = (stay.arrived_at, stay.left_at) else { return measured };
    let is_during = |position: &&&Position| (arrived.min(left)..=arrived.max(left)).contains(&position.at);
    let during: Vec<_> = measured.iter().filter(is_during).copied().collect();
    if during.is_empty() { measured } else { during }
}

/// Every position is farther from the branch than fence and error explain. One that fits is enough: receivers jump.
fn outside_fence(facts: &Facts) -> Option<Found> {
    let branch = facts.branch.filter(|_| facts.channel == Channel::InPerson)?;
    let positions = during(&facts.stay);
    let apart = positions.iter().map(|position| {
        let distance = distance_m(place(position), branch);
        (distance - accuracy_m(position), distance, position)
    });
    let (beyond, distance, nearest) = apart.min_by(|a, b| a.0.total_cmp(&b.0))?;
    if beyond <= FENCE_M {
        return None;
    }
    let figures = json!({
        "distance_m": distance.round(), "accuracy_m": nearest.accuracy_m, "fence_m": FENCE_M,
        "at": nearest.at, "positions": positions.len(), "source": "phone",
    });
    Some(facts.of_visit(SignalCode::OutsideFence, figures))
}

/// A photo that was taken far away, by what its camera says.
fn photo_elsewhere(facts: &Facts, file: &FileFacts) -> Option<Found> {
    let (branch, gps) = (facts.branch.filter(|_| facts.channel == Channel::InPerson)?, file.exif.gps?);
    let degrees = |e7: i64| e7 as f64 / 1e7;
    let taken = Place { latitude: degrees(gps.lat_e7), longitude: degrees(gps.lon_e7) };
    let distance = distance_m(taken, branch);
    let accuracy_m = gps.accuracy_m.map_or(UNKNOWN_ACCURACY_M, f64::from);
    // Cameras without a fix write zeros.
    if distance - accuracy_m <= PHOTO_FENCE_M || (gps.lat_e7, gps.lon_e7) == (0, 0) {
        return None;
    }
    let figures = json!({
        "distance_m": distance.round(), "accuracy_m": gps.accuracy_m, "fence_m": PHOTO_FENCE_M, "source": "exif",
    });
    Some(Found { code: SignalCode::OutsideFence, subject_id: file.id, figures })
}

/// The phone itself says that an app made the position up.
fn mock_position(facts: &Facts) -> Option<Found> {
    let positions = &facts.stay.positions;
    let made_up = positions.iter().filter(|position| position.is_mock == Some(true)).count();
    if made_up == 0 {
        return None;
    }
    let figures = json!({"made_up": made_up, "positions": positions.len()});
    Some(facts.of_visit(SignalCode::MockPosition, figures))
}

/// No receiver measures without an error; apps that make up positions, and some forms, write 0.
fn accuracy_zero(facts: &Facts) -> Option<Found> {
    let positions = &facts.stay.positions;
    let is_zero = |position: &&Position| position.accuracy_m == Some(0.0) && position.is_mock != Some(true);
    let zero = positions.iter().filter(is_zero).count();
    if zero == 0 {
        return None;
    }
    let figures = json!({"without_error": zero, "positions": positions.len()});
    Some(facts.of_visit(SignalCode::AccuracyZero, figures))
}

/// Where and how exactly a visit was: as measured, or else where it should have been.
fn was_at(stay: &Stay, branch: Option<Place>) -> Option<(Place, f64)> {
    let measured = during(stay).into_iter().filter(|position| position.is_mock != Some(true));
    let best = measured.min_by(|a, b| accuracy_m(a).total_cmp(&accuracy_m(b)));
    best.map(|position| (place(position), accuracy_m(position))).or_else(|| branch.map(|branch| (branch, FENCE_M)))
}

/// Two visits of one auditor, whatever wave or chain, that nobody makes one after the other.
fn impossible_travel(facts: &Facts) -> Option<Found> {
    let branch = facts.branch.filter(|_| facts.channel == Channel::InPerson);
    let (here, here_m) = was_at(&facts.stay, branch)?;
    let (came, left) = facts.stay_ends()?;
    let ways = facts.others.iter().filter_map(|other| {
        let (there, there_m) = was_at(&other.stay, other.branch)?;
        let (arrived, departed) = (other.stay.arrived_at?, other.stay.left_at?);
        let (first, last) = (arrived.min(departed), arrived.max(departed));
        let pause = (came - last).max(first - left);
        let way_m = distance_m(here, there) - here_m - there_m;
        let limit_kmh = if way_m > FLIGHT_M { MAX_FLIGHT_KMH } else { MAX_SPEED_KMH };
        let least = Duration::milliseconds((way_m / (limit_kmh / 3.6) * 1000.0) as i64);
        // A visit in the middle of another one leaves no time at all.
        let lacks = least - pause.max(Duration::zero());
        (way_m > MIN_WAY_M && lacks > Duration::zero()).then_some((lacks, way_m, pause, limit_kmh, other.visit_id))
    });
    let (_, way_m, pause, limit_kmh, visit_id) = ways.max_by_key(|(lacks, ..)| *lacks)?;
    let hours = pause.num_milliseconds() as f64 / 3_600_000.0;
    let speed_kmh = (hours > 0.0).then(|| (way_m / 1000.0 / hours).round());
    let figures = json!({
        "way_m": way_m.round(), "pause_s": pause.num_seconds(), "speed_kmh": speed_kmh, "limit_kmh": limit_kmh,
        "elsewhere": [{"visit_id": visit_id}],
    });
    Some(facts.of_visit(SignalCode::ImpossibleTravel, figures))
}

/// Other auditors had filed from this phone before.
fn shared_device(facts: &Facts) -> Option<Found> {
    let others = facts.other_auditors_of_phone;
    if others == 0 {
        return None;
    }
    let figures = json!({"other_auditors": others, "or_more": others >= MOST_AUDITORS});
    Some(facts.of_visit(SignalCode::SharedDevice, figures))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::signals::facts::{OtherStay, codes, plain};

    const TALLINN: Place = Place { latitude: 59.437, longitude: 24.7536 };
    const TARTU: Place = Place { latitude: 58.3801, longitude: 26.7225 };

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn position(place: Place, accuracy_m: impl Into<Option<f64>>) -> Position {
        let Place { latitude, longitude } = place;
        let at = at("2026-05-04T10:00:00Z");
        Position { at, latitude, longitude, accuracy_m: accuracy_m.into(), is_mock: None }
    }

    /// So many metres north of the branch.
    fn north(metres: f64) -> Place {
        Place { latitude: TALLINN.latitude + (metres / EARTH_M).to_degrees(), ..TALLINN }
    }

    fn seen(positions: &[Position]) -> Facts {
        let mut facts = plain();
        facts.stay.positions = positions.to_vec();
        facts
    }

    #[test]
    fn distances_are_those_of_the_map() {
        // 163.6 km by the ellipsoid; the sphere differs by up to half a percent.
        let way = distance_m(TALLINN, TARTU);
        assert!((way - 163_600.0).abs() < 800.0, "{way}");
        assert!((distance_m(TALLINN, north(400.0)) - 400.0).abs() < 0.01);
        let antipode = Place { latitude: -TALLINN.latitude, longitude: TALLINN.longitude - 180.0 };
        assert!((distance_m(TALLINN, antipode) - EARTH_M * std::f64::consts::PI).abs() < 1.0);
        let west = Place { longitude: -179.9, latitude: 0.0 };
        let east = Place { longitude: 179.9, latitude: 0.0 };
        assert!(distance_m(west, east) < 23_000.0, "across the date line");
    }

    #[test]
    fn a_poor_position_is_no_signal() {
        assert_eq!(find(&seen(&[position(north(400.0), 500.0)])), []);
        assert_eq!(find(&seen(&[position(north(299.0), None)])), [], "an unknown error is some error");
        assert_eq!(find(&plain()), [], "no position");
        assert_eq!(find(&seen(&[position(Place { latitude: 0.0, longitude: 0.0 }, 5.0)])), [], "no fix");
        let nowhere = Facts { branch: None, ..seen(&[position(TARTU, 5.0)]) };
        assert_eq!(find(&nowhere), [], "a branch without a position");
        let call = Facts { channel: Channel::Phone, ..seen(&[position(TARTU, 5.0)]) };
        assert_eq!(find(&call), [], "a call is made from anywhere");
    }

    #[test]
    fn beyond_the_fence_and_the_error() {
        assert_eq!(find(&seen(&[position(north(211.0), 12.0)])), []);
        let found = find(&seen(&[position(north(213.0), 12.0), position(TARTU, 5.0)]));
        assert_eq!(codes(&found), ["outside_fence"]);
        let figures = &found[0].figures;
        let figures = ["distance_m", "accuracy_m", "fence_m", "positions"].map(|name| figures[name].as_f64().unwrap());
        assert_eq!(figures, [213.0, 12.0, 200.0, 2.0]);
        let guess = position(TARTU, MAX_ACCURACY_M + 1.0);
        let silenced = find(&seen(&[position(north(213.0), 12.0), guess.clone()]));
        assert_eq!(codes(&silenced), ["outside_fence"], "one that nobody measured fits nowhere");
        assert_eq!(find(&seen(&[guess])), [], "and says nothing by itself");
        // One that fits is enough.
        assert_eq!(find(&seen(&[position(TARTU, 5.0), position(north(10.0), 12.0)])), []);
    }

    #[test]
    fn only_positions_of_the_stay_count_where_its_times_are_known() {
        let mut facts = seen(&[position(TARTU, 5.0), position(TALLINN, 5.0)]);
        facts.stay.positions[1].at = at("2026-05-04T08:00:00Z");
        facts.stay.arrived_at = Some(at("2026-05-04T09:50:00Z"));
        facts.stay.left_at = Some(at("2026-05-04T10:10:00Z"));
        assert_eq!(codes(&find(&facts)), ["outside_fence"]);
    }

    #[test]
    fn made_up_positions_say_so() {
        let mut one = position(TALLINN, 0.0);
        assert_eq!(codes(&find(&seen(&[one.clone()]))), ["accuracy_zero"]);
        one.is_mock = Some(true);
        assert_eq!(codes(&find(&seen(&[one, position(TALLINN, 3.0)]))), ["mock_position"]);
    }

    #[test]
    fn a_camera_far_away() {
        let photo = |lat_e7, lon_e7| {
            let mut file = crate::signals::files::tests::photo();
            file.exif.gps = Some(peegel_media::Gps { lat_e7, lon_e7, accuracy_m: None });
            find(&Facts { files: vec![file], ..plain() })
        };
        let found = photo(583_801_000, 267_225_000);
        assert_eq!((codes(&found), found[0].figures["source"].as_str()), (vec!["outside_fence"], Some("exif")));
        assert_eq!(photo(594_400_000, 247_500_000), []);
        assert_eq!(photo(0, 0), [], "a camera that knew nothing");
    }

    fn stayed(from: &str, until: &str) -> Stay {
        Stay { arrived_at: Some(at(from)), left_at: Some(at(until)), ..Stay::default() }
    }

    fn way(stay: Stay, other_branch: Place, other: Stay) -> Vec<Found> {
        let other = OtherStay { visit_id: Uuid::from_u128(9), branch: Some(other_branch), stay: other };
        find(&Facts { stay, others: vec![other], ..plain() })
    }

    #[test]
    fn nobody_is_in_two_towns_at_once() {
        let here = || stayed("2026-05-04T10:00:00Z", "2026-05-04T10:30:00Z");
        for (from, until, pause_s) in [
            ("2026-05-04T11:00:00Z", "2026-05-04T11:20:00Z", 1800),
            ("2026-05-04T09:00:00Z", "2026-05-04T09:30:00Z", 1800),
            ("2026-05-04T10:10:00Z", "2026-05-04T10:20:00Z", -1200),
        ] {
            let found = way(here(), TARTU, stayed(from, until));
            assert_eq!(codes(&found), ["impossible_travel"], "{from}");
            assert_eq!(found[0].figures["pause_s"], pause_s);
            assert_eq!(found[0].figures["speed_kmh"].is_null(), pause_s <= 0);
        }
        assert_eq!(way(here(), TARTU, stayed("2026-05-04T11:30:00Z", "2026-05-04T11:50:00Z")), []);
        assert_eq!(way(here(), north(1500.0), stayed("2026-05-04T10:10:00Z", "2026-05-04T10:20:00Z")), []);
        let unknown = Stay { arrived_at: Some(at("2026-05-04T10:10:00Z")), ..Stay::default() };
        assert_eq!(way(here(), TARTU, unknown), []);
    }

    #[test]
    fn errors_of_both_ends_shorten_the_way() {
        let mut here = stayed("2026-05-04T10:00:00Z", "2026-05-04T10:30:00Z");
        here.positions = vec![position(TALLINN, 45_000.0)];
        let mut there = stayed("2026-05-04T11:00:00Z", "2026-05-04T11:20:00Z");
        there.positions = vec![position(TARTU, 45_000.0)];
        assert_eq!(way(here, TARTU, there), []);
    }

    #[test]
    fn far_away_somebody_may_have_flown() {
        let rome = Place { latitude: 41.9, longitude: 12.5 };
        let here = || stayed("2026-05-04T06:00:00Z", "2026-05-04T06:30:00Z");
        assert_eq!(way(here(), rome, stayed("2026-05-04T10:00:00Z", "2026-05-04T10:20:00Z")), []);
        let found = way(here(), rome, stayed("2026-05-04T08:00:00Z", "2026-05-04T08:20:00Z"));
        assert_eq!(found[0].figures["limit_kmh"], 900.0);
    }

    #[test]
    fn a_phone_of_several() {
        let found = find(&Facts { other_auditors_of_phone: 2, ..plain() });
        assert_eq!((codes(&found), found[0].figures["other_auditors"].as_i64()), (vec!["shared_device"], Some(2)));
    }
}
