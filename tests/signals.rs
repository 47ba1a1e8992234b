//! Signals: found where something does not fit together and nowhere else, shown to reviewers, answered and judged.

use std::process::Command;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::chain::checked_events;
use crate::support::files::fixture;
use crate::support::world::{File, Person, World, filing};
use crate::support::{Dice, eventually, new_id, now, on_both, tiny};

on_both!(
    a_visit_faked_from_home_shows_and_an_honest_one_does_not,
    a_reviewer_asks_the_auditor_answers_and_the_firm_sees_the_rates,
    nobody_judges_signals_of_their_own_visit,
    what_a_phone_tells_is_checked_and_kept_apart,
    drafts_and_pushes_tell_it_too,
    visits_that_come_together_are_compared,
    one_phone_and_one_auditor_in_two_towns,
    signals_follow_what_is_there,
    a_recording_is_shorter_than_what_was_heard_in_it,
    what_was_purged_is_not_weighed_anew,
    a_trip_is_one_however_late_its_files_come,
    a_long_history_costs_no_more,
);

/// Where the branches of the world are.
const SHOP: (f64, f64) = (59.437, 24.7536);

/// A story of the demonstration: a photo as a phone takes it, with what its camera says of the time and the place.
fn photo(name: &str, exif: Option<(DateTime<Utc>, (f64, f64))>) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("peegel-signals-{}.jpg", new_id()));
    std::fs::write(&path, fixture(name)).expect("a photo");
    let mut exiftool = Command::new("exiftool");
    exiftool.args(["-q", "-overwrite_original", "-all="]);
    if let Some((at, (latitude, longitude))) = exif {
        let local = at.with_timezone(&chrono_tz::Europe::Tallinn);
        exiftool.args(["-Make=Google", "-Model=Pixel 9", "-Software=HDR+ 1.0.585804401"]);
        exiftool.arg(format!("-DateTimeOriginal={}", local.format("%Y:%m:%d %H:%M:%S")));
        exiftool.args([format!("-GPSLatitude={latitude}"), format!("-GPSLongitude={longitude}")]);
        exiftool.args(["-GPSLatitudeRef=N", "-GPSLongitudeRef=E"]);
    }
    let done = exiftool.arg(&path).status().expect("exiftool runs");
    assert!(done.success(), "exiftool: {done}");
    let bytes = std::fs::read(&path).expect("the photo");
    std::fs::remove_file(&path).expect("its end");
    bytes
}

/// A photo that looks like no other one: blocks of many shades.
fn scene() -> File {
    let id = new_id();
    let mut dice = Dice(id.bytes().fold(7, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into())));
    let shades: Vec<u8> = (0..20 * 15).map(|_| u8::try_from(dice.below(256)).expect("a byte")).collect();
    let shade = |x: u32, y: u32| shades[(y / 16 * 20 + x / 16) as usize];
    let image = image::RgbImage::from_fn(320, 240, |x, y| image::Rgb([shade(x, y); 3]));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("a JPEG");
    File::new("photo", &["front"], &format!("front-{id}.jpg"), jpeg.into_inner())
}

/// A stay that ended some minutes ago.
fn stay(minutes_ago: i64, minutes: i64, positions: &[Value]) -> Value {
    let left_at = now() - Duration::minutes(minutes_ago);
    json!({"arrived_at": left_at - Duration::minutes(minutes), "left_at": left_at, "positions": positions})
}

fn position(minutes_ago: i64, (latitude, longitude): (f64, f64), accuracy_m: f64) -> Value {
    let at = now() - Duration::minutes(minutes_ago);
    json!({"at": at, "latitude": latitude, "longitude": longitude, "accuracy_m": accuracy_m})
}

/// A phone that sends now.
fn device(id: &str) -> Value {
    json!({"at": now(), "monotonic_ms": 81_220_400, "model": "Pixel 9", "id": id})
}

/// Files a visit with its files, and waits until everything was looked at. Gives its id.
async fn file(app: &TestApp, world: &World, who: &Person, branch: usize, change: &Value, files: &[&File]) -> String {
    let assignment = world.assign_in(&world.wave, vec![world.assignment(branch, Some(who))]).await.remove(0);
    let mut body = filing(&assignment, "submitted", &tiny::perfect(), files);
    for (name, value) in change.as_object().expect("members") {
        body[name] = value.clone();
    }
    let visit = new_id();
    who.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in files {
        file.upload(who).await;
    }
    world.processed(&visit).await;
    looked_at(app).await;
    visit
}

/// Waits until every file and every visit was looked at.
pub async fn looked_at(app: &TestApp) {
    eventually("all is looked at", || async {
        let kinds = "kind IN ('visit.signals', 'evidence.process') AND state IN ('ready', 'running')";
        let open = app.query(&format!("SELECT COUNT(*) FROM jobs WHERE {kinds}")).await;
        (open[0].try_get_by_index::<i64>(0).expect("a count") == 0).then_some(())
    })
    .await;
}

async fn list(who: &Person, visit: &str) -> Value {
    who.client.get(&format!("/v1/visits/{visit}/signals")).ok().await
}

async fn signals(world: &World, visit: &str) -> Vec<Value> {
    list(&world.reviewer, visit).await["data"].as_array().expect("signals").clone()
}

/// The codes of the signals of a visit, in the order of the alphabet.
async fn codes(world: &World, visit: &str) -> Vec<String> {
    let word = |signal: &Value| signal["code"].as_str().expect("a code").to_owned();
    let mut codes: Vec<_> = signals(world, visit).await.iter().map(word).collect();
    codes.sort_unstable();
    codes
}

async fn signal(world: &World, visit: &str, code: &str) -> Value {
    let found = signals(world, visit).await.into_iter().find(|signal| signal["code"] == code);
    found.unwrap_or_else(|| panic!("{code} of {visit}"))
}

async fn a_visit_faked_from_home_shows_and_an_honest_one_does_not(app: &TestApp) {
    let world = World::make(app).await;
    // Somebody else's visit of this morning, made as it should be.
    let morning = photo("media/front_nurmeaken_tallinn.jpg", Some((now() - Duration::minutes(25), SHOP)));
    let front = File::new("photo", &["front"], "front.jpg", morning.clone());
    let here = [position(28, (59.4371, 24.7535), 8.0), position(20, (59.4369, 24.7538), 14.0)];
    let made = json!({"stay": stay(10, 25, &here), "device": device("phone of the other")});
    let original = file(app, &world, &world.other_auditor, 0, &made, &[&front]).await;
    assert_eq!(codes(&world, &original).await, Vec::<String>::new());

    // From the kitchen table: a photo of yesterday, the colleague's photo, two minutes, and a position at home.
    let yesterday = now() - Duration::hours(26);
    let shelf = photo("media/shelf_nurmeaken_coffee.jpg", Some((yesterday, SHOP)));
    let files =
        [File::new("photo", &["front"], "front.jpg", morning), File::new("photo", &["front"], "shelf.jpg", shelf)];
    let home = [position(7, (59.3972, 24.6713), 12.0)];
    let faked = json!({"stay": stay(6, 2, &home), "device": device("phone of the faker")});
    let files: Vec<_> = files.iter().collect();
    let faked = file(app, &world, &world.auditor, 0, &faked, &files).await;
    let wanted = ["capture_time", "outside_fence", "same_file", "short_stay"];
    assert_eq!(codes(&world, &faked).await, wanted, "{:#?}", signals(&world, &faked).await);

    let fence = signal(&world, &faked, "outside_fence").await;
    let figures = &fence["figures"];
    let distance_m = figures["distance_m"].as_f64().expect("a distance");
    assert!((6_000.0..7_000.0).contains(&distance_m), "{figures}");
    assert_eq!((figures["accuracy_m"].as_f64(), figures["fence_m"].as_f64()), (Some(12.0), Some(200.0)));
    assert!(fence["reason"].as_str().expect("a reason").contains("from the branch"), "{fence}");
    assert!(fence["evidence_id"].is_null());
    let taken = signal(&world, &faked, "capture_time").await;
    assert_eq!((&taken["evidence_id"], &taken["figures"]["source"]), (&json!(files[1].id), &json!("exif")));
    let off_s = taken["figures"]["off_s"].as_i64().expect("seconds");
    assert!((25 * 3600..27 * 3600).contains(&off_s), "{off_s}");
    let same = signal(&world, &faked, "same_file").await;
    assert_eq!(same["evidence_id"], json!(files[0].id));
    let elsewhere = &same["figures"]["elsewhere"][0];
    assert_eq!((&elsewhere["visit_id"], &elsewhere["evidence_id"]), (&json!(original), &json!(front.id)));
    assert_eq!(elsewhere["same_auditor"], false);
    let short = signal(&world, &faked, "short_stay").await;
    assert_eq!((&short["figures"]["stay_s"], &short["figures"]["least_s"]), (&json!(120), &json!(300)));

    // Indoors without a view of the sky, with a phone that tells nothing of its photos.
    let stripped = photo("media/shelf_cserepkosar_jams.jpg", None);
    let stripped = File::new("photo", &["front"], "front.jpg", stripped);
    let poor = [position(15, (59.4406, 24.7536), 500.0)];
    let honest = json!({"stay": stay(5, 22, &poor), "device": device("phone of the honest")});
    let honest = file(app, &world, &world.other_auditor, 1, &honest, &[&stripped]).await;
    assert_eq!(codes(&world, &honest).await, Vec::<String>::new(), "{:#?}", signals(&world, &honest).await);
    // And one that tells nothing at all.
    let another = photo("media/counter_nurmeaken_tidy.jpg", None);
    let silent = File::new("photo", &["front"], "front.jpg", another);
    let silent = file(app, &world, &world.auditor, 1, &json!({}), &[&silent]).await;
    assert_eq!(codes(&world, &silent).await, Vec::<String>::new());

    // Nothing was stopped, scored or moved by it, and whose photo was taken is not suspected for that.
    assert_eq!(codes(&world, &original).await, Vec::<String>::new());
    let view = world.reviewer.client.get(&format!("/v1/visits/{faked}")).ok().await;
    assert_eq!(
        (&view["state"], &view["score_bp"], &view["open_signals"]),
        (&json!("submitted"), &json!(10_000), &json!(4))
    );
    world.review(&faked, &["review", "approve", "publish"]).await;
    let viewer = world.chain_viewer(app).await;
    viewer.client.get(&format!("/v1/visits/{faked}/signals")).problem(403, "not_allowed").await;
    let results = viewer.client.all("/v1/results", 50).await;
    let result =
        viewer.client.get(&format!("/v1/results/{}", results[0]["result_id"].as_str().expect("an id"))).ok().await;
    for word in ["signal", "fence", "capture_time", "positions"] {
        assert!(!result.to_string().contains(word), "{word}: {result}");
    }
}

async fn a_reviewer_asks_the_auditor_answers_and_the_firm_sees_the_rates(app: &TestApp) {
    let world = World::make(app).await;
    let (auditor, reviewer) = (&world.auditor.client, &world.reviewer.client);
    let short = json!({"stay": stay(5, 2, &[position(6, SHOP, 0.0)])});
    let visit = file(app, &world, &world.auditor, 0, &short, &[&scene()]).await;
    assert_eq!(codes(&world, &visit).await, ["accuracy_zero", "short_stay"]);
    let ids = [signal(&world, &visit, "short_stay").await, signal(&world, &visit, "accuracy_zero").await];
    let [short, zero] = ids.map(|signal| signal["id"].as_str().expect("an id").to_owned());
    let path = |id: &str, verb: &str| format!("/v1/signals/{id}/{verb}");
    let answer = json!({"answer": "Pood pandi kinni, mind paluti lahkuda."});

    // The auditor sees none until a reviewer asks.
    assert_eq!(list(&world.auditor, &visit).await, json!({"data": []}));
    auditor.post(&path(&short, "answer"), &answer).problem(404, "not_found").await;
    auditor.act(&path(&short, "share")).problem(403, "not_allowed").await;
    world.other_auditor.client.get(&format!("/v1/visits/{visit}/signals")).problem(404, "not_found").await;
    let cursor = auditor.get("/v1/sync/changes").ok().await["next_cursor"].as_str().expect("a cursor").to_owned();
    let shared = reviewer.act(&path(&short, "share")).ok().await;
    assert_eq!(reviewer.act(&path(&short, "share")).ok().await, shared, "asking again changes nothing");
    let seen = list(&world.auditor, &visit).await;
    let seen = seen["data"].as_array().expect("signals");
    assert_eq!((seen.len(), &seen[0]["code"], &seen[0]["figures"]["stay_s"]), (1, &json!("short_stay"), &json!(120)));
    assert!(seen[0].get("verdict").is_none(), "{}", seen[0]);
    // The phone is told, and asked once.
    let told = auditor.get(&format!("/v1/sync/changes?cursor={cursor}")).ok().await;
    let change = told["changes"].as_array().expect("changes").iter().find(|change| change["id"] == json!(visit));
    assert_eq!(change.expect("the visit")["object"]["signals_to_answer"], 1, "{told}");

    auditor.post(&path(&short, "answer"), &json!({"answer": " "})).invalid(&[("/answer", "empty")]).await;
    auditor
        .post(&path(&short, "answer"), &json!({"answer": "x".repeat(2001)}))
        .invalid(&[("/answer", "too_long")])
        .await;
    auditor.post(&path(&short, "answer"), &json!({})).invalid(&[("/answer", "missing")]).await;
    world.other_auditor.client.post(&path(&short, "answer"), &answer).problem(404, "not_found").await;
    let answered = auditor.post(&path(&short, "answer"), &answer).ok().await;
    assert_eq!(auditor.post(&path(&short, "answer"), &answer).ok().await, answered);
    auditor.post(&path(&short, "answer"), &json!({"answer": "Midagi muud."})).problem(409, "already_answered").await;
    assert_eq!(signal(&world, &visit, "short_stay").await["answer"], answer["answer"]);
    let told = auditor.get(&format!("/v1/sync/changes?cursor={cursor}")).ok().await;
    let change = told["changes"].as_array().expect("changes").iter().find(|change| change["id"] == json!(visit));
    assert_eq!(change.expect("the visit")["object"]["signals_to_answer"], 0);

    // Verdicts, which may be thought over.
    reviewer.post(&path(&short, "verdict"), &json!({"verdict": "maybe"})).invalid(&[("/verdict", "bad_value")]).await;
    auditor.post(&path(&short, "verdict"), &json!({"verdict": "wrong"})).problem(403, "not_allowed").await;
    reviewer.post(&path(&short, "verdict"), &json!({"verdict": "right"})).ok().await;
    let note = json!({"verdict": "wrong", "note": "Kauplus sulges varem."});
    let judged = reviewer.post(&path(&short, "verdict"), &note).ok().await;
    assert_eq!((&judged["verdict"], &judged["verdict_by"]), (&json!("wrong"), &json!(world.reviewer.id)));
    world.admin.client.post(&path(&zero, "verdict"), &json!({"verdict": "right"})).ok().await;
    let seen = list(&world.auditor, &visit).await["data"][0].clone();
    assert!(seen.get("verdict_note").is_none() && seen["answer"] == answer["answer"], "{seen}");

    let rates = reviewer.get("/v1/signals/precision").ok().await["data"].clone();
    let rate = |code: &str| rates.as_array().expect("rates").iter().find(|rate| rate["code"] == code).cloned();
    let of_short = rate("short_stay").expect("a rate");
    assert_eq!((&of_short["found"], &of_short["right"], &of_short["wrong"]), (&json!(1), &json!(0), &json!(1)));
    // Wilson's interval of 0 of 1 at 95 %: 0 to 0.7935.
    let bounds = ["precision_bp", "lower_bp", "upper_bp"].map(|name| of_short[name].as_i64().expect("a share"));
    assert_eq!((bounds, &of_short["too_few"]), ([0, 0, 7935], &json!(true)));
    assert_eq!(rate("accuracy_zero").expect("a rate")["precision_bp"], 10_000);
    assert_eq!(rate("same_file"), None);
    let later = format!("/v1/signals/precision?from={}", (now() + Duration::days(1)).format("%Y-%m-%dT%H:%M:%SZ"));
    assert_eq!(reviewer.get(&later).ok().await, json!({"data": []}));
    auditor.get("/v1/signals/precision").problem(403, "not_allowed").await;
    let listed = reviewer.all("/v1/visits", 50).await;
    assert_eq!((&listed[0]["id"], &listed[0]["open_signals"]), (&json!(visit), &json!(0)));
    assert!(auditor.all("/v1/visits", 50).await[0].get("open_signals").is_none());

    // The history holds who did what, and neither words nor the feed tell of it.
    let events = checked_events(&world.admin.client).await;
    let of_signals: Vec<_> = events
        .iter()
        .filter(|event| event["kind"].as_str().expect("a kind").starts_with("visit.signal"))
        .map(|event| (event["kind"].as_str().expect("a kind"), event["feed"] == true))
        .collect();
    let wanted = ["visit.signals_found", "visit.signal_shared", "visit.signal_answered"];
    assert_eq!(of_signals[..3], wanted.map(|kind| (kind, false)));
    assert_eq!(of_signals[3..], [("visit.signal_judged", false); 3]);
    for words in ["Pood pandi", "Kauplus sulges"] {
        assert!(events.iter().all(|event| !event["payload"].to_string().contains(words)), "{words}");
    }
}

async fn nobody_judges_signals_of_their_own_visit(app: &TestApp) {
    let world = World::make(app).await;
    let body = json!({
        "email": world.auditor.email, "name": "Both", "role": "reviewer", "password": "a password for nothing",
    });
    let second = world.admin.client.post("/v1/users", &body).created().await["membership_id"].clone();
    app.execute("UPDATE memberships SET state = 'active' WHERE state = 'pending'").await.expect("an update");
    let (first, second) = (world.auditor.id.as_str(), second.as_str().expect("an id"));
    let mut body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&scene()]);
    body["stay"] = stay(5, 2, &[]);
    let (visit, client) = (new_id(), &world.auditor.client);
    client.put(&format!("/v1/visits/{visit}"), &body).if_absent().header("peegel-membership", first).created().await;
    looked_at(app).await;
    let id = signal(&world, &visit, "short_stay").await["id"].as_str().expect("an id").to_owned();
    let as_reviewer = |call: crate::support::client::Call| call.header("peegel-membership", second);
    let listed = as_reviewer(client.get(&format!("/v1/visits/{visit}/signals"))).ok().await;
    assert_eq!(listed, json!({"data": []}));
    // Nor do they read how many there are, or what else its files look like.
    let view = as_reviewer(client.get(&format!("/v1/visits/{visit}"))).ok().await;
    let listed = as_reviewer(client.get("/v1/visits")).ok().await["data"][0].clone();
    assert!(view.get("open_signals").is_none() && listed.get("open_signals").is_none(), "{listed}");
    let similar = format!("/v1/evidence/{}/similar", view["files"][0]["id"].as_str().expect("an id"));
    as_reviewer(client.get(&similar)).problem(403, "own_visit").await;
    world.reviewer.client.get(&similar).ok().await;
    as_reviewer(client.act(&format!("/v1/signals/{id}/share"))).problem(403, "own_visit").await;
    let verdict = client.post(&format!("/v1/signals/{id}/verdict"), &json!({"verdict": "wrong"}));
    as_reviewer(verdict).problem(403, "own_visit").await;
}

async fn what_a_phone_tells_is_checked_and_kept_apart(app: &TestApp) {
    let world = World::make(app).await;
    let mut body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&scene()]);
    let path = format!("/v1/visits/{}", new_id());
    let put = |body: &Value| world.auditor.client.put(&path, body).if_absent();
    body["stay"] = json!({
        "arrived_at": "yesterday", "answering_ms": 1.5, "left": 1,
        "positions": [{"at": now(), "latitude": 90.1, "longitude": -181, "accuracy_m": -1, "is_mock": "no"}],
    });
    body["device"] = json!({"id": "x".repeat(201)});
    put(&body)
        .invalid(&[
            ("/device/id", "too_long"),
            ("/stay/arrived_at", "bad_time"),
            ("/stay/answering_ms", "out_of_range"),
            ("/stay/left", "unknown_field"),
            ("/stay/positions/0/latitude", "out_of_range"),
            ("/stay/positions/0/longitude", "out_of_range"),
            ("/stay/positions/0/accuracy_m", "out_of_range"),
            ("/stay/positions/0/is_mock", "bad_type"),
        ])
        .await;
    body["device"] = json!({});
    body["stay"] = json!({"positions": vec![position(5, SHOP, 9.0); 51]});
    put(&body).invalid(&[("/stay/positions", "too_many")]).await;
    let positions: Vec<_> = (0..50).map(|n| position(60 - n, SHOP, 9.0)).collect();
    body["stay"] = stay(5, 30, &positions);
    body["stay"]["answering_ms"] = json!(612_000);
    let secret = format!("installation-{}", new_id());
    body["device"] = device(&secret);
    put(&body).created().await;
    looked_at(app).await;

    // Reviewers read it, and nobody else; the phone's id is nowhere.
    let visit = path.rsplit('/').next().expect("an id");
    let told = list(&world.reviewer, visit).await["stay"].clone();
    assert_eq!((told["positions"].as_array().map(Vec::len), &told["answering_ms"]), (Some(50), &json!(612_000)));
    assert_eq!(list(&world.auditor, visit).await, json!({"data": []}));
    for table in ["stays", "revisions", "visit_drafts", "visits", "events", "jobs", "sketches"] {
        let text = match app.kind() {
            Kind::Sqlite => continue,
            Kind::Postgres => format!("SELECT COUNT(*) FROM {table} WHERE {table}::text LIKE '%{secret}%'"),
        };
        assert_eq!(app.query(&text).await[0].try_get_by_index::<i64>(0).expect("a count"), 0, "{table}");
    }
    let kept = app.query("SELECT device_sha256 FROM stays").await;
    assert_eq!(kept[0].try_get_by_index::<String>(0).expect("a hash").len(), 64);
    // Times in the wrong order are told to the reviewer instead of being refused.
    let mut body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&scene()]);
    body["stay"] = json!({"arrived_at": now(), "left_at": now() - Duration::hours(1)});
    let visit = new_id();
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    looked_at(app).await;
    assert_eq!(signal(&world, &visit, "clock_backwards").await["figures"]["what"], "left_before_arriving");
}

async fn drafts_and_pushes_tell_it_too(app: &TestApp) {
    let world = World::make(app).await;
    let (visit, front) = (new_id(), scene());
    let path = format!("/v1/visits/{visit}");
    let mut body = filing(&world.assign_one().await, "draft", &tiny::perfect(), &[&front]);
    body["stay"] = stay(5, 2, &[]);
    body["device"] = device("never to be read again");
    let auditor = &world.auditor.client;
    let saved = auditor.put(&path, &body).if_absent().send().await.expect(201);
    let replayed = auditor.put(&path, &body).if_absent().send().await.expect(201);
    assert_eq!(replayed.json(), saved.json(), "the same again is the same again");
    let draft = auditor.get(&path).ok().await["draft"].clone();
    assert_eq!((&draft["stay"]["left_at"], draft["device"].get("id")), (&body["stay"]["left_at"], None));
    assert_eq!(list(&world.reviewer, &visit).await, json!({"data": []}), "a draft is nobody's business");
    body["state"] = json!("submitted");
    auditor.put(&path, &body).if_match(&saved.etag()).ok().await;
    front.upload(&world.auditor).await;
    looked_at(app).await;
    assert_eq!(codes(&world, &visit).await, ["short_stay"]);

    // What was told first stays.
    world.processed(&visit).await;
    world.review(&visit, &["review", "return"]).await;
    let tag = auditor.get(&path).send().await.etag();
    body["stay"] = stay(5, 60, &[]);
    body["answers"]["polite"] = json!({"v": 4});
    auditor.put(&path, &body).if_match(&tag).ok().await;
    looked_at(app).await;
    assert_eq!(signal(&world, &visit, "short_stay").await["figures"]["stay_s"], 120);

    // A push with its clocks: this phone's is two hours slow.
    let mut body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&scene()]);
    body["stay"] = stay(125, 30, &[]);
    let pushed = new_id();
    let item = json!({"visit_id": pushed, "if_none_match": "*", "visit": body});
    let clocks = json!({"at": now() - Duration::hours(2), "monotonic_ms": 5});
    let push = auditor.post("/v1/sync/push", &json!({"items": [item], "device": clocks})).ok().await;
    assert_eq!(push["results"][0]["status"], "created", "{push}");
    looked_at(app).await;
    let skew = signal(&world, &pushed, "clock_skew").await;
    let behind_s = skew["figures"]["behind_s"].as_i64().expect("seconds");
    assert!((7195..7260).contains(&behind_s), "{skew}");
}

const STORY: &str = "Müüja märkas mind kohe, küsis, kellele ja milleks kingitus on, näitas kolme sobivat, laskis kahte \
    neist ise proovida ja pakkis valitud kingi ilma küsimata ilusti paberisse.";

async fn visits_that_come_together_are_compared(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 3).await;
    let visits = [new_id(), new_id(), new_id()];
    let texts = [STORY.to_owned(), STORY.to_uppercase().replace(',', "."), "Ilus pood, sõbralik müüja.".to_owned()];
    let items: Vec<_> = assignments
        .iter()
        .zip(&visits)
        .zip(&texts)
        .map(|((assignment, visit), text)| {
            let mut answers = tiny::perfect();
            answers["greet"]["comment"] = json!(text);
            let body = filing(assignment, "submitted", &answers, &[&scene()]);
            json!({"visit_id": visit, "if_none_match": "*", "visit": body})
        })
        .collect();
    // Copied at home, hours apart by the branch's book, and sent together: one auditor, one branch, one trip.
    let push = world.auditor.client.post("/v1/sync/push", &json!({"items": items})).ok().await;
    assert!(push["results"].as_array().expect("results").iter().all(|r| r["status"] == "created"), "{push}");
    looked_at(app).await;
    for visit in &visits {
        assert_eq!(codes(&world, visit).await, Vec::<String>::new(), "one trip may have one story");
    }
    // The same story by somebody else, at the same branch, and by the first at another one.
    let mut answers = tiny::perfect();
    answers["polite"]["comment"] = json!(STORY);
    for (who, branch) in [(&world.other_auditor, 0), (&world.auditor, 1)] {
        let copied = file(app, &world, who, branch, &json!({"answers": answers}), &[&scene()]).await;
        assert_eq!(codes(&world, &copied).await, ["same_text"]);
        let figures = signal(&world, &copied, "same_text").await["figures"].clone();
        assert_eq!(figures["similarity"], 1.0);
        assert!(visits.contains(&figures["elsewhere"][0]["visit_id"].as_str().expect("an id").to_owned()), "{figures}");
    }
    // Two of other branches that come in one commit: the later one is compared with the earlier one.
    let assignments = [1, 2].map(|branch| world.assignment(branch, Some(&world.other_auditor)));
    let assignments = world.assign_in(&world.wave, assignments.to_vec()).await;
    let together = [new_id(), new_id()];
    answers["polite"]["comment"] = json!(STORY.replace("kolme", "nelja").replace("paberisse", "karpi").repeat(2));
    let items: Vec<_> = assignments
        .iter()
        .zip(&together)
        .map(|(assignment, visit)| {
            let body = filing(assignment, "submitted", &answers, &[&scene()]);
            json!({"visit_id": visit, "if_none_match": "*", "visit": body})
        })
        .collect();
    world.other_auditor.client.post("/v1/sync/push", &json!({"items": items})).ok().await;
    looked_at(app).await;
    let mut found = 0;
    for visit in &together {
        found += codes(&world, visit).await.len();
    }
    assert_eq!(found, 1);
}

async fn one_phone_and_one_auditor_in_two_towns(app: &TestApp) {
    let world = World::make(app).await;
    let tartu = json!({"chain_id": world.chain, "branches": [{
        "code": "T1", "name": "Tartu", "address": "Kellukese 15", "region": "south", "time_zone": "Europe/Tallinn",
        "latitude": 58.3801, "longitude": 26.7225,
    }]});
    let tartu = world.admin.client.post("/v1/branches", &tartu).created().await["data"][0]["id"].clone();
    let phone = |minutes_ago: i64| json!({"stay": stay(minutes_ago, 20, &[]), "device": device("one phone")});
    let first = file(app, &world, &world.auditor, 0, &phone(60), &[&scene()]).await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["branch_id"] = tartu;
    let mut body =
        filing(&world.assign_in(&world.wave, vec![assignment]).await[0], "submitted", &tiny::perfect(), &[&scene()]);
    body["stay"] = stay(10, 20, &[]);
    body["device"] = device("one phone");
    let second = new_id();
    world.auditor.client.put(&format!("/v1/visits/{second}"), &body).if_absent().created().await;
    looked_at(app).await;
    // 164 km, less two fences, in half an hour.
    assert_eq!(codes(&world, &second).await, ["impossible_travel"]);
    let figures = signal(&world, &second, "impossible_travel").await["figures"].clone();
    assert!((320.0..332.0).contains(&figures["speed_kmh"].as_f64().expect("a speed")), "{figures}");
    assert_eq!(figures["elsewhere"][0]["visit_id"], json!(first));
    assert_eq!(codes(&world, &first).await, Vec::<String>::new());
    // Whoever comes second with a phone is asked, however often the first one filed.
    let shared = file(app, &world, &world.other_auditor, 0, &phone(5), &[&scene()]).await;
    assert_eq!(codes(&world, &shared).await, ["shared_device"]);
    assert_eq!(signal(&world, &shared, "shared_device").await["figures"]["other_auditors"], 1);
    assert_eq!(codes(&world, &first).await, Vec::<String>::new());
}

async fn signals_follow_what_is_there(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::perfect();
    answers["greet"]["comment"] = json!(STORY);
    let change = json!({"answers": answers, "stay": stay(5, 2, &[])});
    file(app, &world, &world.other_auditor, 0, &change, &[&scene()]).await;
    let visit = file(app, &world, &world.auditor, 0, &change, &[&scene()]).await;
    assert_eq!(codes(&world, &visit).await, ["same_text", "short_stay"]);
    let before = signals(&world, &visit).await;
    let events = checked_events(&world.admin.client).await.len();

    // Looking again changes nothing and writes nothing.
    app.execute(&again(app, &visit)).await.expect("a job");
    looked_at(app).await;
    assert_eq!(signals(&world, &visit).await, before);
    assert_eq!(checked_events(&world.admin.client).await.len(), events);

    // What no longer holds goes, and what was judged stays as it was.
    let id = signal(&world, &visit, "short_stay").await["id"].as_str().expect("an id").to_owned();
    world.reviewer.client.post(&format!("/v1/signals/{id}/verdict"), &json!({"verdict": "right"})).ok().await;
    world.review(&visit, &["review", "return"]).await;
    let path = format!("/v1/visits/{visit}");
    let view = world.auditor.client.get(&path).send().await;
    answers["greet"]["comment"] = json!("Tere, ja kohe.");
    let file_id = view.json()["files"][0]["id"].clone();
    let evidence = json!([{
        "id": file_id, "item_ids": ["front"], "kind": "photo", "file_name": view.json()["files"][0]["file_name"],
    }]);
    let assignment = view.json()["assignment_id"].as_str().expect("an id").to_owned();
    let mut body = filing(&assignment, "submitted", &answers, &[]);
    body["evidence"] = evidence;
    world.auditor.client.put(&path, &body).if_match(&view.etag()).ok().await;
    app.execute("UPDATE stays SET left_at = NULL").await.expect("as if the stay were gone");
    app.execute(&again(app, &visit)).await.expect("a job");
    looked_at(app).await;
    assert_eq!(codes(&world, &visit).await, ["short_stay"]);
    assert_eq!(signal(&world, &visit, "short_stay").await["verdict"], "right");
}

async fn what_was_purged_is_not_weighed_anew(app: &TestApp) {
    let world = World::make(app).await;
    let home = [position(6, (59.3972, 24.6713), 12.0)];
    let visit = file(app, &world, &world.auditor, 0, &json!({"stay": stay(5, 2, &home)}), &[&scene()]).await;
    let wanted = ["outside_fence", "short_stay"];
    assert_eq!(codes(&world, &visit).await, wanted);
    world.review(&visit, &["review", "approve", "publish"]).await;
    crate::retention::keep(&world, &json!({"positions": 1})).await;
    crate::retention::close(app, &world, 40).await;
    crate::retention::age(app, 40).await;
    crate::retention::purge(app).await;
    let before = signals(&world, &visit).await;
    assert_eq!(signal(&world, &visit, "outside_fence").await["figures"], json!({}));
    app.execute(&again(app, &visit)).await.expect("a job");
    looked_at(app).await;
    assert_eq!(signals(&world, &visit).await, before, "nothing goes, and nothing is filled in");
}

async fn a_trip_is_one_however_late_its_files_come(app: &TestApp) {
    let world = World::make(app).await;
    let door = scene();
    let same = || File::new("photo", &["front"], "door.jpg", door.bytes.clone());
    let here = || json!({"stay": stay(10, 25, &[position(20, SHOP, 8.0)])});
    file(app, &world, &world.auditor, 0, &here(), &[&same()]).await;
    let late = (now() - Duration::days(2)).format("%Y-%m-%dT%H:%M:%S%.6f+00:00");
    for (table, column) in [("evidence", "stored_at"), ("visits", "submitted_at"), ("sketches", "filed_at")] {
        app.execute(&format!("UPDATE {table} SET {column} = '{late}'")).await.expect("an update");
    }
    // The other phone had no network for two days.
    let second = file(app, &world, &world.auditor, 0, &here(), &[&same()]).await;
    assert_eq!(codes(&world, &second).await, Vec::<String>::new(), "{:#?}", signals(&world, &second).await);
    // On another day it is a photo that was used before.
    app.execute(&format!("UPDATE stays SET arrived_at = '{late}', left_at = '{late}'")).await.expect("an update");
    let third = file(app, &world, &world.auditor, 0, &here(), &[&same()]).await;
    assert_eq!(codes(&world, &third).await, ["same_file"]);
}

/// Queues looking at a visit once more.
fn again(app: &TestApp, visit: &str) -> String {
    let id = match app.kind() {
        Kind::Sqlite => "randomblob(16)",
        Kind::Postgres => "gen_random_uuid()",
    };
    format!(
        "INSERT INTO jobs (id, firm_id, kind, payload, state, run_at, attempts, created_at) \
         SELECT {id}, firm_id, 'visit.signals', '{{\"visit_ids\": [\"{visit}\"]}}', 'ready', MIN(created_at), 0, \
         MIN(created_at) FROM chains GROUP BY firm_id"
    )
}

async fn a_recording_is_shorter_than_what_was_heard_in_it(app: &TestApp) {
    let world = World::make(app).await;
    let call = json!({
        "format": "peegel.standard/1", "id": "call", "version": 1, "title": {"en": "Call"}, "languages": ["en"],
        "channel": "phone", "aggregation": "pooled", "dimensions": [],
        "bands": [{"min_bp": 0, "label": "A"}],
        "sections": [{"id": "s", "weight": 1, "title": {"en": "Call"}}],
        "items": [{
            "id": "hold", "section": "s", "type": "numeric", "weight": 1, "unit": "s", "min": 0,
            "steps": [[60, 10000]], "otherwise_bp": 0, "evidence": "always", "evidence_kind": "recording",
            "text": {"en": "Seconds on hold"}, "advice": {"en": "Call back."},
        }],
    });
    world.admin.client.post("/v1/standards", &call).created().await;
    world.admin.client.post("/v1/standards/call/publish", &json!({"version": 1})).ok().await;
    // 61.6 seconds.
    let recording = fixture("media/call_et_coffee_good.m4a");
    for (n, hold, wanted) in [(1, 66, None), (2, 67, Some(67.0))] {
        let mut assignment = world.assignment(n, Some(&world.auditor));
        assignment["standard_id"] = json!("call");
        let assignment = world.assign_in(&world.wave, vec![assignment]).await.remove(0);
        let mut bytes = recording.clone();
        // A box that players leave out, so that it is another file.
        bytes.extend([&b"\0\0\0\x09free"[..], &[u8::try_from(n).expect("a byte")]].concat());
        let file = File::new("recording", &["hold"], "call.m4a", bytes);
        let visit = new_id();
        let body = filing(&assignment, "submitted", &json!({"hold": {"v": hold}}), &[&file]);
        world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        file.upload(&world.auditor).await;
        world.processed(&visit).await;
        looked_at(app).await;
        let found = signals(&world, &visit).await;
        let claimed: Vec<_> = found.iter().map(|signal| signal["figures"]["claimed_s"].as_f64()).collect();
        assert_eq!(claimed, wanted.map(Some).into_iter().collect::<Vec<_>>(), "{found:#?}");
        if let Some(signal) = found.first() {
            assert_eq!((&signal["code"], &signal["figures"]["item_id"]), (&json!("short_recording"), &json!("hold")));
            assert_eq!(signal["evidence_id"], json!(file.id));
        }
    }
}

/// Visits of the auditor, as if there were so many already.
const HISTORY: u32 = 10_000;

async fn a_long_history_costs_no_more(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::perfect();
    answers["greet"]["comment"] = json!(STORY);
    let change = json!({"answers": answers, "stay": stay(600, 20, &[]), "device": device("one phone")});
    let front = scene();
    let first = file(app, &world, &world.auditor, 0, &change, &[&front]).await;
    let (id, random) = match app.kind() {
        Kind::Sqlite => (format!("X'{}'", first.replace('-', "")), "randomblob(16)"),
        Kind::Postgres => (format!("'{first}'::uuid"), "gen_random_uuid()"),
    };
    for table in ["visits", "revisions", "sketches", "stays", "evidence"] {
        copy_rows(app, table, &id, random).await;
    }
    app.execute("ANALYZE").await.expect("figures");
    looked_at(app).await;
    // How often each large table was read as a whole.
    let scans = async || match app.kind() {
        Kind::Sqlite => Vec::new(),
        Kind::Postgres => {
            // What a connection has seen is told some time later.
            tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
            let query = "SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE n_live_tup > 1000 ORDER BY 1";
            let row = |row: &sea_orm::QueryResult| -> (String, i64) {
                (row.try_get_by_index(0).expect("a name"), row.try_get_by_index(1).expect("a count"))
            };
            app.query(query).await.iter().map(row).collect()
        }
    };
    let before = scans().await;
    let assignment = world.assign_one().await;
    let mut body = filing(&assignment, "submitted", &answers, &[]);
    // The same photo as in all of them.
    let front = File::new("photo", &["front"], "front.jpg", front.bytes);
    body["evidence"] = json!([front.entry]);
    body["stay"] = stay(5, 20, &[]);
    body["device"] = device("one phone");
    let visit = new_id();
    let began = now();
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    front.upload(&world.auditor).await;
    looked_at(app).await;
    let took = now() - began;
    println!(
        "{:?}: {} ms beside {HISTORY} visits, {} MB",
        app.kind(),
        took.num_milliseconds(),
        app.peak_memory_bytes().await / 1_000_000
    );
    assert!(took < Duration::seconds(10), "{took}");
    assert!(codes(&world, &visit).await.contains(&"same_file".to_owned()));
    assert_eq!(scans().await, before, "whole tables were read");
}

/// Copies the rows of a visit for visits of a long history, each an hour before the next.
async fn copy_rows(app: &TestApp, table: &str, visit: &str, random: &str) {
    let of_visits = if table == "visits" { "id" } else { "visit_id" };
    let columns: Vec<String> = match app.kind() {
        Kind::Sqlite => app.query(&format!("SELECT name FROM pragma_table_info('{table}')")).await,
        Kind::Postgres => {
            let query =
                format!("SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}'");
            app.query(&query).await
        }
    }
    .iter()
    .map(|row| row.try_get_by_index(0).expect("a name"))
    .collect();
    let numbers =
        format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {HISTORY})");
    let spread = |column: &str| match app.kind() {
        Kind::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%S+00:00', {column}, '-' || n || ' hours')"),
        Kind::Postgres => format!("{column} - n * INTERVAL '1 hour'"),
    };
    // Of one id and a number another id: the same for all tables.
    let other = match app.kind() {
        Kind::Sqlite => format!("unhex('AAAA' || substr(hex({visit}), 5, 20) || printf('%08x', n))"),
        Kind::Postgres => "('aaaaaaaa-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid".to_owned(),
    };
    let values: Vec<_> = columns
        .iter()
        .map(|column| match column.as_str() {
            name if name == of_visits => other.clone(),
            "id" | "public_id" => random.to_owned(),
            // Few of them are of the same photo, as it may be.
            "sha256" => match app.kind() {
                Kind::Sqlite => "CASE WHEN n < 200 THEN sha256 ELSE printf('%064x', n) END".to_owned(),
                Kind::Postgres => "CASE WHEN n < 200 THEN sha256 ELSE lpad(to_hex(n), 64, '0') END".to_owned(),
            },
            "submitted_at" | "filed_at" | "arrived_at" | "left_at" | "created_at" | "stored_at" => spread(column),
            name => name.to_owned(),
        })
        .collect();
    let statement = format!(
        "INSERT INTO {table} ({}) {numbers} SELECT {} FROM {table}, numbers WHERE {of_visits} = {visit}",
        columns.join(", "),
        values.join(", ")
    );
    app.execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
