//! Notices: who is told of what, exactly once, in the app and by mail, and how mails are ended.

use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::smtp::SmtpServer;
use crate::support::world::{PASSWORD, Person, World, ids_of};
use crate::support::{eventually, new_id, on_both, tiny};

on_both!(
    everybody_is_told_what_concerns_them,
    questions_and_appeals_are_told_to_who_answers_them,
    nothing_is_told_twice_or_left_out_after_a_crash,
    letters_are_in_the_readers_language_and_end_at_one_click,
    a_daily_letter_holds_what_was_not_read,
    how_one_is_told_is_ones_own,
);

/// Waits until the history was read to its end.
async fn read_to_the_end(app: &TestApp) {
    eventually("the history is read", || async {
        let kinds = "kind LIKE 'notices.%' AND state IN ('ready', 'running')";
        let open = app.query(&format!("SELECT COUNT(*) FROM jobs WHERE {kinds}")).await;
        (open[0].try_get_by_index::<i64>(0).expect("a count") == 0).then_some(())
    })
    .await;
}

async fn notices(app: &TestApp, who: &Person) -> Vec<Value> {
    read_to_the_end(app).await;
    who.client.all("/v1/notices", 50).await
}

/// The kinds of somebody's notices, oldest first.
async fn kinds(app: &TestApp, who: &Person) -> Vec<String> {
    let mut kinds: Vec<_> = notices(app, who).await.iter().map(|notice| text(&notice["kind"])).collect();
    kinds.reverse();
    kinds
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

async fn everybody_is_told_what_concerns_them(app: &TestApp) {
    let world = World::make(app).await;
    let (viewer, manager) = (world.chain_viewer(app).await, world.branch_manager(app).await);
    let region = world.region_viewer(app).await;
    let assignment = world.assign_one().await;
    assert_eq!(kinds(app, &world.auditor).await, ["assignment_given"]);
    let given = notices(app, &world.auditor).await.remove(0);
    assert_eq!((&given["about"], &given["about_id"]), (&json!("assignment"), &json!(assignment)));
    assert_eq!(given["text"], "You have a new assignment: Pood 1, 2026 spring.");
    assert_eq!((&given["branch_id"], &given["wave_id"]), (&json!(world.branches[0]), &json!(world.wave)));
    assert!(given["at"].is_string() && given["read_at"].is_null());

    let visit = world.file(&assignment, &tiny::fair()).await;
    world.review(&visit, &["review", "return"]).await;
    assert_eq!(kinds(app, &world.auditor).await, ["assignment_given", "visit_returned"]);
    let returned = notices(app, &world.auditor).await.remove(0);
    assert_eq!((&returned["about"], &returned["about_id"]), (&json!("visit"), &json!(visit)));

    let (published, in_south) = (world.publish(0, &tiny::fair()).await, world.publish(2, &tiny::perfect()).await);
    let told = kinds(app, &world.auditor).await;
    assert_eq!(told[2..], ["assignment_given", "visit_approved", "visit_published"].repeat(2));
    // Chains are told of results by their public ids, and of days; each as far as they reach.
    let result = world.result_of(0).await["result_id"].clone();
    for (person, results) in [(&viewer, 2), (&manager, 1), (&region, 1)] {
        let told = notices(app, person).await;
        assert_eq!(told.len(), results, "{told:?}");
        let oldest = told.last().expect("a notice");
        let about = (&oldest["kind"], &oldest["about"], &oldest["about_id"]);
        assert_eq!(about, (&json!("result_published"), &json!("result"), &result));
        assert!(oldest.get("at").is_none_or(Value::is_null) && oldest["happened_on"].is_string(), "{oldest}");
        let whole = json!(told).to_string();
        assert!(!whole.contains(&published) && !whole.contains(&in_south), "{whole}");
    }
    world.review(&published, &["unpublish"]).await;
    assert_eq!(kinds(app, &manager).await, ["result_published", "result_withdrawn"]);
    // Nobody is told of what they did themselves, or of what concerns others.
    assert_eq!(notices(app, &world.reviewer).await, Vec::<Value>::new());
    assert_eq!(notices(app, &world.other_auditor).await, Vec::<Value>::new());

    // Reading: one, then all up to one; others' are not there.
    let all = notices(app, &world.auditor).await;
    let path = |notice: &Value| format!("/v1/notices/{}/read", text(&notice["id"]));
    world.other_auditor.client.act(&path(&all[0])).problem(404, "not_found").await;
    world.auditor.client.act(&format!("/v1/notices/{}/read", new_id())).problem(404, "not_found").await;
    let read = world.auditor.client.act(&path(&all[0])).ok().await;
    assert!(read["read_at"].is_string());
    assert_eq!(world.auditor.client.act(&path(&all[0])).ok().await, read, "it was read then");
    let until = |id: &Value| json!({"until_id": id});
    world.auditor.client.post("/v1/notices/read", &json!({})).invalid(&[("/until_id", "missing")]).await;
    world
        .auditor
        .client
        .post("/v1/notices/read", &until(&json!(new_id())))
        .invalid(&[("/until_id", "unknown_ref")])
        .await;
    let mark = world.auditor.client.post("/v1/notices/read", &until(&all[3]["id"])).ok().await;
    assert_eq!(mark["read"].as_u64(), Some(all.len() as u64 - 3));
    let unread = world.auditor.client.all("/v1/notices?unread=true", 50).await;
    assert_eq!(unread.iter().map(|n| &n["id"]).collect::<Vec<_>>(), [&all[1]["id"], &all[2]["id"]]);
    assert_eq!(world.auditor.client.post("/v1/notices/read", &until(&all[3]["id"])).ok().await["read"], 0);
    // Page by page it is the same list.
    let shown = world.auditor.client.all("/v1/notices", 2).await;
    assert_eq!(shown.len(), all.len());
}

async fn questions_and_appeals_are_told_to_who_answers_them(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    let manager = world.branch_manager(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    world.review(&visit, &["review"]).await;
    let question = json!({"item_id": "polite", "text": "Neli või viis?"});
    let asked = world.reviewer.client.post(&format!("/v1/visits/{visit}/questions"), &question).created().await;
    let messages = format!("/v1/questions/{}/messages", text(&asked["id"]));
    world.auditor.client.post(&messages, &json!({"text": "Neli."})).ok().await;
    assert_eq!(kinds(app, &world.auditor).await, ["assignment_given", "question_asked"]);
    assert_eq!(kinds(app, &world.reviewer).await, ["question_answered"]);
    assert_eq!(kinds(app, &second).await, Vec::<String>::new());
    world.reviewer.client.act(&format!("/v1/questions/{}/close", text(&asked["id"]))).ok().await;
    world.review(&visit, &["approve", "publish"]).await;

    let result = text(&world.result_of(0).await["result_id"]);
    let items = json!({"items": [{"item_id": "offer", "reason": "Pakuti kahte."}]});
    let filed = manager.client.post(&format!("/v1/results/{result}/appeals"), &items).created().await;
    let appeal = format!("/v1/appeals/{}", text(&filed["data"][0]["id"]));
    assert!(kinds(app, &second).await.contains(&"appeal_opened".to_owned()), "who can decide is told");
    second.client.post(&format!("{appeal}/decline"), &json!({"reason": "Ei pakutud."})).ok().await;
    let told = notices(app, &manager).await;
    assert_eq!((&told[0]["kind"], &told[0]["about"]), (&json!("appeal_decided"), &json!("appeal")));
    // What was written is read where it stands, not in what tells of it.
    let whole = json!([told, notices(app, &second).await, notices(app, &world.auditor).await]).to_string();
    assert!(["Pakuti", "pakutud", "Neli"].iter().all(|said| !whole.contains(said)), "{whole}");
}

async fn count(app: &TestApp, query: &str) -> i64 {
    app.query(query).await[0].try_get_by_index::<i64>(0).expect("a count")
}

async fn nothing_is_told_twice_or_left_out_after_a_crash(app: &TestApp) {
    let world = World::make(app).await;
    let mut given = Vec::new();
    for round in 0..3 {
        let send = async |n: usize| {
            let body =
                json!({"wave_id": world.wave, "assignments": vec![world.assignment(n % 3, Some(&world.auditor)); 5]});
            world.admin.client.post("/v1/assignments", &body).try_send().await
        };
        let sent = futures_util::future::join_all((0..12).map(send));
        let crash = async {
            tokio::time::sleep(std::time::Duration::from_millis(20 * (round + 1))).await;
            app.kill().await;
        };
        let (answers, ()) = tokio::join!(sent, crash);
        let made = answers.into_iter().flatten().filter(|answer| answer.status == 201);
        given.extend(made.flat_map(|answer| ids_of(&answer.json())));
        app.serve(&[]).await;
    }
    // A job that its worker took with it is taken over when its lease ends.
    app.execute("UPDATE jobs SET lease_until = '2020-01-01 00:00:00+00:00'").await.expect("an update");
    world.assign_one().await;
    eventually("everything is told", || async {
        let (told, there) = (
            count(app, "SELECT COUNT(*) FROM notices WHERE kind = 'assignment_given'").await,
            count(app, "SELECT COUNT(*) FROM assignments").await,
        );
        assert!(told <= there, "{told} of {there}");
        (told == there).then_some(())
    })
    .await;
    let told = notices(app, &world.auditor).await;
    for id in given {
        assert_eq!(told.iter().filter(|notice| notice["about_id"] == json!(id)).count(), 1, "{id}");
    }
    // Should the cursor ever be lost, nobody is told again.
    app.execute("UPDATE notice_cursors SET seq = 0").await.expect("an update");
    world.assign_one().await;
    let again = notices(app, &world.auditor).await;
    assert_eq!(again.len(), told.len() + 1);
    assert_eq!(again[1..], told);
}

/// A letter as it came: its reader, its headers and its text.
struct Letter {
    to: String,
    subject: String,
    message_id: String,
    unsubscribe: Option<String>,
    one_click: Option<String>,
    text: String,
}

async fn next_letter(smtp: &SmtpServer) -> Letter {
    let (to, bytes) = smtp.letter().await;
    let message = MessageParser::default().parse(&bytes).expect("a letter");
    let raw = |name: &str| message.header_raw(name).map(|value| value.split_whitespace().collect::<String>());
    Letter {
        to,
        subject: message.subject().expect("a subject").to_owned(),
        message_id: message.message_id().expect("an id").to_owned(),
        unsubscribe: raw("List-Unsubscribe"),
        one_click: raw("List-Unsubscribe-Post"),
        text: message.body_text(0).expect("a text").replace("\r\n", "\n"),
    }
}

/// Where the API is said to be reached.
const API: &str = "https://api.peegel.example";

async fn with_mail(app: &TestApp, refused: usize) -> SmtpServer {
    let smtp = SmtpServer::start(refused).await;
    app.stop().await;
    app.serve(&["--smtp-url", &format!("smtp://{}", smtp.address), "--api-url", &format!("{API}/")]).await;
    smtp
}

/// An auditor who reads a language, and is told at once.
async fn reader(app: &TestApp, world: &World, locale: &str, digest: &str) -> Person {
    let email = format!("{locale}.reader@alpha.example");
    let body =
        json!({"email": email, "name": "Mari Maasikas", "role": "auditor", "locale": locale, "password": PASSWORD});
    let id = text(&world.admin.client.post("/v1/users", &body).created().await["membership_id"]);
    let client = app.client().sign_in(&email, PASSWORD).await;
    client.put("/v1/me/notice-settings", &json!({"digest": digest, "kinds": []})).ok().await;
    Person { client, email, id }
}

/// The path of the first address of the API in a text.
fn path_in(text: &str) -> String {
    let start = text.find(API).unwrap_or_else(|| panic!("an address in {text}")) + API.len();
    text[start..].chars().take_while(|c| !c.is_whitespace() && *c != '>').collect()
}

async fn ways(who: &Client, kind: &str) -> Value {
    let settings = who.get("/v1/me/notice-settings").ok().await;
    settings["kinds"].as_array().expect("kinds").iter().find(|ways| ways["kind"] == kind).expect("the kind").clone()
}

async fn letters_are_in_the_readers_language_and_end_at_one_click(app: &TestApp) {
    let world = World::make(app).await;
    let smtp = with_mail(app, 1).await;
    let mut people = Vec::new();
    for (locale, subject, phrase) in [
        ("en", "Firm alpha: 1 new notice", "You have a new assignment"),
        ("et", "Firm alpha: 1 uus teade", "Sulle anti uus ülesanne"),
        ("hu", "Firm alpha: 1 új értesítés", "Új megbízást kapott"),
    ] {
        let person = reader(app, &world, locale, "immediate").await;
        world.assign_in(&world.wave, vec![world.assignment(0, Some(&person))]).await;
        if locale == "en" {
            eventually("the first attempt fails", || async {
                let failed = "SELECT id FROM jobs WHERE kind = 'send_mail' AND state = 'ready' AND attempts = 1";
                let failed = app.query(failed).await;
                failed.first()?;
                app.execute("UPDATE jobs SET run_at = '2020-01-01 00:00:00+00:00'").await.ok()
            })
            .await;
        }
        let letter = next_letter(&smtp).await;
        assert_eq!((letter.to.as_str(), letter.subject.as_str()), (person.email.as_str(), subject));
        assert!(letter.text.contains(phrase) && letter.text.contains("- Pood 1, 2026 spring\n"), "{}", letter.text);
        assert!(letter.text.contains("Mari Maasikas") && letter.text.contains(API), "{}", letter.text);
        assert_eq!(letter.one_click.as_deref(), Some("List-Unsubscribe=One-Click"));
        people.push((person, letter));
    }
    let ids: std::collections::BTreeSet<_> = people.iter().map(|(_, letter)| &letter.message_id).collect();
    assert_eq!(ids.len(), 3);

    // The page asks and ends nothing; mail programs post at once, without a token.
    let (person, letter) = &people[0];
    let path = path_in(letter.unsubscribe.as_deref().expect("an address"));
    let anybody = app.client();
    let page = anybody.get(&path).send().await.expect(200);
    assert!(
        page.header("content-type").starts_with("text/html")
            && page.header("content-security-policy").contains("form-action 'self'")
    );
    assert!(String::from_utf8_lossy(&page.body).contains("<form method=\"post\">"));
    assert_eq!(ways(&person.client, "assignment_given").await["email"], true);
    for _ in 0..2 {
        let click = anybody.act(&path).header("content-type", "application/x-www-form-urlencoded");
        let done = click.bytes("List-Unsubscribe=One-Click").send().await.expect(200);
        assert!(
            String::from_utf8_lossy(&done.body).contains("You get no more mails about this."),
            "{}",
            done.describe()
        );
        let ways = ways(&person.client, "assignment_given").await;
        assert_eq!((&ways["email"], &ways["in_app"]), (&json!(false), &json!(true)));
    }
    assert_eq!(ways(&person.client, "visit_returned").await["email"], true);
    for bad in ["/v1/unsubscribe/x".to_owned(), format!("{path}A"), path.replace("pgl_uns_", "pgl_url_")] {
        anybody.get(&bad).problem(404, "not_found").await;
        anybody.act(&bad).problem(404, "not_found").await;
    }
    // The next assignment is told in the app alone; what else happens still by mail. The last address ends all.
    let assignment = world.assign_in(&world.wave, vec![world.assignment(1, Some(person))]).await.remove(0);
    assert_eq!(kinds(app, person).await, ["assignment_given"; 2]);
    world.admin.client.act(&format!("/v1/assignments/{assignment}/cancel")).ok().await;
    let letter = next_letter(&smtp).await;
    assert_eq!(letter.to, person.email);
    assert!(letter.text.contains("An assignment of yours was cancelled") && !letter.text.contains("new assignment"));
    let last = letter.text.rfind(API).expect("an address");
    anybody.act(&path_in(&letter.text[last..])).send().await.expect(200);
    assert_eq!(person.client.get("/v1/me/notice-settings").ok().await["digest"], "off");
    let events = world.admin.client.all("/v1/events", 200).await;
    let ended = events.iter().filter(|event| event["kind"] == "membership.unsubscribed").count();
    assert_eq!(ended, 2, "once each, whoever clicks again");
    assert!(!app.log().contains("pgl_uns_"));
}

async fn a_daily_letter_holds_what_was_not_read(app: &TestApp) {
    let world = World::make(app).await;
    let smtp = with_mail(app, 0).await;
    let person = reader(app, &world, "et", "daily").await;
    world.assign_in(&world.wave, vec![world.assignment(0, Some(&person)); 3]).await;
    let others = world.assign_in(&world.wave, vec![world.assignment(1, Some(&person)); 2]).await;
    world.admin.client.act(&format!("/v1/assignments/{}/cancel", others[0])).ok().await;
    let told = notices(app, &person).await;
    assert_eq!(told.len(), 6);
    let waits = "SELECT COUNT(*) FROM notices WHERE letter_id IS NULL AND mail_at IS NOT NULL";
    assert_eq!(count(app, waits).await, 6, "they wait for the morning");
    let read = told.iter().find(|notice| notice["about_id"] == json!(others[1])).expect("it was told");
    person.client.act(&format!("/v1/notices/{}/read", text(&read["id"]))).ok().await;
    // As if the morning had come.
    app.execute("UPDATE notices SET mail_at = '2020-01-01 06:00:00+00:00'").await.expect("an update");
    let letter = next_letter(&smtp).await;
    assert_eq!((letter.to.as_str(), letter.subject.as_str()), (person.email.as_str(), "Firm alpha: 5 uut teadet"));
    assert!(letter.text.contains("- Pood 1, 2026 spring (3)\n"), "{}", letter.text);
    assert!(letter.text.contains("Sinu ülesanne tühistati\n- Pood 2, 2026 spring\n"), "{}", letter.text);
    // Two kinds: one click ends all, and each kind has an address of its own.
    assert_eq!(letter.text.matches(API).count(), 3, "{}", letter.text);
    let all = path_in(letter.unsubscribe.as_deref().expect("an address"));
    app.client().act(&all).send().await.expect(200);
    assert_eq!(person.client.get("/v1/me/notice-settings").ok().await["digest"], "off");
    // The job once more finds nothing to send, and what is not wanted any more is not sent.
    assert_eq!(count(app, waits).await, 0);
    person.client.put("/v1/me/notice-settings", &json!({"digest": "daily", "kinds": []})).ok().await;
    world.assign_in(&world.wave, vec![world.assignment(2, Some(&person))]).await;
    read_to_the_end(app).await;
    let unwanted = json!({"digest": "daily", "kinds": [{"kind": "assignment_given", "in_app": true, "email": false}]});
    person.client.put("/v1/me/notice-settings", &unwanted).ok().await;
    app.execute("UPDATE notices SET mail_at = '2020-01-01 06:00:00+00:00' WHERE letter_id IS NULL").await.expect("it");
    eventually("it is put into a letter", || async { (count(app, waits).await == 0).then_some(()) }).await;
    world.admin.client.act(&format!("/v1/assignments/{}/cancel", others[1])).ok().await;
    read_to_the_end(app).await;
    app.execute("UPDATE notices SET mail_at = '2020-01-01 06:00:00+00:00' WHERE letter_id IS NULL").await.expect("it");
    let letter = next_letter(&smtp).await;
    assert_eq!(letter.subject, "Firm alpha: 1 uus teade");
    assert!(letter.text.contains("tühistati") && !letter.text.contains("uus ülesanne"), "{}", letter.text);
}

async fn how_one_is_told_is_ones_own(app: &TestApp) {
    let world = World::make(app).await;
    let path = "/v1/me/notice-settings";
    let usual = world.auditor.client.get(path).ok().await;
    assert_eq!(usual["digest"], "daily");
    let kinds = |settings: &Value| settings["kinds"].as_array().expect("kinds").len();
    assert!(kinds(&usual) > 5);
    let ways = |kind: &str| json!({"kind": kind, "in_app": false, "email": false});
    let bad =
        json!({"digest": "off", "kinds": [ways("appeal_opened"), ways("visit_returned"), ways("visit_returned")]});
    let wrong = [("/kinds/0/kind", "not_allowed"), ("/kinds/2/kind", "duplicate")];
    world.auditor.client.put(path, &bad).invalid(&wrong).await;
    let bad = json!({"digest": "weekly", "kinds": [{"kind": "x", "in_app": 1}], "all": true});
    let answer = world.auditor.client.put(path, &bad).problem(422, "invalid").await;
    assert_eq!(answer.problems().len(), 5, "{}", answer.describe());
    // What is told by no way leaves no notice.
    let none = json!({"digest": "off", "kinds": [ways("assignment_given")]});
    let set = world.auditor.client.put(path, &none).ok().await;
    assert_eq!((&set["digest"], kinds(&set)), (&json!("off"), kinds(&usual)));
    assert_eq!(world.auditor.client.get(path).ok().await, set);
    assert_eq!(world.other_auditor.client.get(path).ok().await, usual);
    let assignment = world.assign_one().await;
    assert_eq!(notices(app, &world.auditor).await, Vec::<Value>::new());
    world.admin.client.act(&format!("/v1/assignments/{assignment}/cancel")).ok().await;
    assert_eq!(self::kinds(app, &world.auditor).await, ["assignment_cancelled"]);
    let events = world.admin.client.all("/v1/events", 200).await;
    assert_eq!(events.iter().filter(|event| event["kind"] == "membership.notices_set").count(), 1);
    assert_eq!(world.auditor.client.put(path, &json!({"digest": "daily", "kinds": []})).ok().await, usual);
    // Who is erased is told nothing, and nothing is kept of it.
    let held = world.auditor.client.get("/v1/me/data").ok().await;
    assert_eq!(held["firms"][0]["notices"].as_array().map(Vec::len), Some(1));
    assert_eq!(held["firms"][0]["notice_settings"][0]["digest"], "daily");
    let erase = json!({"email": world.auditor.email, "reason": "left"});
    world.admin.client.post(&format!("/v1/users/{}/erase", world.auditor.id), &erase).created().await;
    eventually("they are forgotten", || async {
        let left =
            count(app, "SELECT COUNT(*) FROM notices").await + count(app, "SELECT COUNT(*) FROM notice_settings").await;
        (left == 0).then_some(())
    })
    .await;
}
