//! Filing the story of one firm, step by step in the order of its days.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use peegel_scoring::Standard;
use poem_openapi::types::Password;
use serde_json::{Value, json};

use crate::app::App;
use crate::demo::answers::answers;
use crate::demo::client::Client;
use crate::demo::random::{Random, mix};
use crate::demo::story::{self, Branch, Chain, Faked, Fate, Firm, Story, User, Visit, Wave};
use crate::demo::taken::{Shot, taken};
use crate::failure::Failure;
use crate::jobs;
use crate::people;
use crate::people::types::NewUser;
use crate::secrets::sha256_hex;
use crate::words::Role;

/// How long after its filing a visit is reviewed.
const REVIEW_AFTER: Duration = Duration::days(2);
/// Days before the first wave on which everything is set up.
const SET_UP_BEFORE: Duration = Duration::days(14);

/// What `demo.json` tells of a firm.
pub struct Filed {
    pub users: Vec<Value>,
    pub chains: Vec<Value>,
}

/// When the story begins.
pub fn begins(story: &Story) -> DateTime<Utc> {
    let opens = story.firms.iter().flat_map(|firm| &firm.waves).map(|wave| wave.opens_on).min();
    at_noon(opens.unwrap_or_default()) - SET_UP_BEFORE
}

fn at_noon(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default()).and_utc()
}

/// One thing that happens, at its time.
enum Step<'a> {
    OpenWave(&'a Wave),
    File(usize, &'a Visit),
    Review(&'a Visit),
    CloseWave(&'a Wave),
}

/// A firm with everything that has an id by now.
struct Filing<'a> {
    app: &'a App,
    firm: &'a Firm,
    http: reqwest::Client,
    base: &'a str,
    chains: HashMap<String, String>,
    branches: HashMap<String, String>,
    members: HashMap<String, String>,
    standards: HashMap<String, (Standard, Value)>,
    waves: HashMap<String, String>,
    visits: HashMap<String, String>,
    assignments: HashMap<String, String>,
    sessions: HashMap<String, (DateTime<Utc>, Client)>,
    /// How often each scene was taken.
    turns: HashMap<String, usize>,
    /// Files that somebody will pass off as their own, by visit and name.
    copied: HashMap<(String, String), Vec<u8>>,
}

/// Files everything that the story tells of a firm, and writes the reports of its branches.
///
/// # Errors
///
/// [`Failure`] with the first answer of the server that is not a success.
pub async fn file_firm(app: &App, firm: &Firm, base: &str, reports: &Path) -> Result<Filed, Failure> {
    let mut filing = Filing {
        app,
        firm,
        http: reqwest::Client::builder().no_proxy().build().map_err(Failure::internal)?,
        base,
        chains: HashMap::new(),
        branches: HashMap::new(),
        members: HashMap::new(),
        standards: HashMap::new(),
        waves: HashMap::new(),
        visits: HashMap::new(),
        assignments: HashMap::new(),
        sessions: HashMap::new(),
        turns: HashMap::new(),
        copied: HashMap::new(),
    };
    filing.set_up().await?;
    let total = firm.visits.len();
    let mut filed = 0;
    for (at, step) in steps(firm) {
        // The clock never goes back, not even for the second firm, whose story is as old as the first one's.
        if at > app.clock.now() {
            app.clock.set(at);
        }
        match step {
            Step::OpenWave(wave) => filing.open_wave(wave).await?,
            Step::CloseWave(wave) => {
                let despite =
                    json!({"despite": true, "reason": "What came in by then was reviewed; the rest came too late."});
                filing.move_wave(wave, "close", &despite).await?;
            }
            Step::File(number, visit) => {
                filing.file_visit(number, visit).await?;
                filed += 1;
                if filed % 10 == 0 || filed == total {
                    println!("  {}: {filed} of {total} visits", firm.name);
                }
            }
            Step::Review(visit) => filing.review_visit(visit).await?,
        }
    }
    filing.wait_for_jobs().await?;
    filing.work_on_actions().await?;
    filing.write_reports(reports).await?;
    Ok(filing.summary())
}

/// Everything that happens, in order of time.
fn steps(firm: &Firm) -> Vec<(DateTime<Utc>, Step<'_>)> {
    let mut steps = Vec::new();
    for wave in &firm.waves {
        steps.push((at_noon(wave.opens_on) - Duration::hours(12), Step::OpenWave(wave)));
        let is_past = firm.waves.iter().any(|later| later.chain == wave.chain && later.opens_on > wave.closes_on);
        if is_past {
            // Reviews of the last days still belong to the wave.
            steps.push((at_noon(wave.closes_on) + REVIEW_AFTER * 2, Step::CloseWave(wave)));
        }
    }
    for (number, visit) in firm.visits.iter().enumerate() {
        let at = visit_time(firm, visit) + Duration::minutes(40);
        steps.push((at, Step::File(number, visit)));
        if matches!(visit.story, Fate::Published | Fate::Attempted | Fate::Returned) {
            steps.push((at + REVIEW_AFTER, Step::Review(visit)));
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// When the auditor was in the branch, which the story tells in the branch's own time.
fn visit_time(firm: &Firm, visit: &Visit) -> DateTime<Utc> {
    let zone: Tz = firm.branch(&visit.branch).and_then(|(_, b)| b.time_zone.parse().ok()).unwrap_or(Tz::UTC);
    let time = NaiveTime::parse_from_str(&visit.time, "%H:%M").unwrap_or_default();
    let local = zone.from_local_datetime(&visit.day.and_time(time));
    local.earliest().map_or_else(|| at_noon(visit.day), |local| local.with_timezone(&Utc))
}

/// The password of a demo user; known to everybody, which is why the demo listens on loopback only.
fn password(user: &User) -> String {
    format!("mirror-demo-{}-2026", user.key)
}

impl Filing<'_> {
    /// The session of a user, refreshed when its access token may be about to end.
    async fn client(&mut self, key: &str) -> Result<Client, Failure> {
        let now = self.app.clock.now();
        match self.sessions.get(key) {
            Some((at, client)) if now - *at < Duration::minutes(10) => return Ok(client.clone()),
            Some((at, client)) if now - *at < Duration::days(60) => {
                let client = client.refresh().await?;
                self.sessions.insert(key.to_owned(), (now, client.clone()));
                return Ok(client);
            }
            _ => {}
        }
        let firm = self.firm;
        let user = firm.users.iter().find(|user| user.key == key).ok_or_else(|| missing("user", key))?;
        let client = Client::sign_in(&self.http, self.base, &user.email, &password(user)).await?;
        self.sessions.insert(key.to_owned(), (now, client.clone()));
        Ok(client)
    }

    /// An id that a phone would have made; the same for the same story.
    fn phone_id(&self, what: &str) -> String {
        let seed = self.firm.code.bytes().chain(what.bytes()).fold(7, |n, b| mix(n ^ u64::from(b)));
        uuid::Builder::from_random_bytes(((u128::from(seed) << 64) | u128::from(mix(seed))).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// The firm and its admin by what the command line does, everything else through the API.
    async fn set_up(&mut self) -> Result<(), Failure> {
        let firm = self.firm;
        let row = people::service::add_firm(self.app, &firm.code, &firm.name).await?;
        let admin = firm.users.iter().find(|user| user.role == "firm_admin").ok_or_else(|| missing("user", "admin"))?;
        let new = NewUser {
            email: admin.email.clone(),
            name: admin.name.clone(),
            role: Role::FirmAdmin,
            locale: admin.locale.clone(),
            password: Some(Password(password(admin))),
            scope: None,
        };
        people::service::add_member(self.app, row.id, new).await?;
        let admin_client = self.client(&admin.key).await?;
        for chain in &firm.chains {
            self.set_up_chain(&admin_client, chain).await?;
        }
        for user in firm.users.iter().filter(|user| user.key != admin.key) {
            let mut body = json!({
                "email": user.email, "name": user.name, "role": user.role,
                "locale": user.locale, "password": password(user),
            });
            if let Some(chain) = &user.chain {
                let branch_ids: Vec<_> = user.branches.iter().filter_map(|code| self.branches.get(code)).collect();
                body["scope"] = json!({"chain_id": self.chains.get(chain), "branch_ids": branch_ids});
            }
            let made = admin_client.post("/v1/users", &body).await?;
            self.members.insert(user.key.clone(), text(&made, "membership_id")?);
        }
        for id in &firm.standards {
            let body = story::standard(id)?;
            let parsed = Standard::parse(&body).map_err(|problems| Failure::internal(format!("{id}: {problems:?}")))?;
            admin_client.post("/v1/standards", &body).await?;
            let version = json!({"version": body["version"]});
            admin_client.post(&format!("/v1/standards/{id}/publish"), &version).await?;
            self.standards.insert(id.clone(), (parsed, body));
        }
        let played: BTreeSet<_> = firm.visits.iter().filter_map(|visit| visit.scenario.as_ref()).collect();
        for id in played {
            admin_client.post("/v1/scenarios", &json!({"from_library": id})).await?;
        }
        Ok(())
    }

    async fn set_up_chain(&mut self, admin: &Client, chain: &Chain) -> Result<(), Failure> {
        let body = json!({
            "code": chain.code, "name": chain.name, "kind": chain.kind, "locale": chain.locale,
            "colour": chain.colour, "recording_policy": chain.recording_policy,
        });
        let id = text(&admin.post("/v1/chains", &body).await?, "id")?;
        let regions: Vec<_> = chain.regions.iter().map(|r| json!({"code": r.code, "name": r.name})).collect();
        admin.post(&format!("/v1/chains/{id}/regions"), &json!({"regions": regions})).await?;
        let branches: Vec<_> = chain
            .branches
            .iter()
            .map(|branch| {
                json!({
                    "code": branch.code, "name": branch.name, "region": branch.region,
                    "address": format!("{}, {}, {}", branch.address, branch.city, branch.country),
                    "latitude": branch.lat, "longitude": branch.lon,
                    "time_zone": branch.time_zone, "format": branch.format,
                })
            })
            .collect();
        let made = admin.post("/v1/branches", &json!({"chain_id": id, "branches": branches})).await?;
        for branch in made["data"].as_array().into_iter().flatten() {
            self.branches.insert(text(branch, "code")?, text(branch, "id")?);
        }
        self.chains.insert(chain.code.clone(), id);
        Ok(())
    }

    /// Makes a wave with its assignments and opens it.
    async fn open_wave(&mut self, wave: &Wave) -> Result<(), Failure> {
        let admin = self.client("admin").await?;
        let body = json!({
            "chain_id": self.chains.get(&wave.chain), "name": wave.name, "kind": wave.kind,
            "opens_on": wave.opens_on, "closes_on": wave.closes_on,
        });
        let id = text(&admin.post("/v1/waves", &body).await?, "id")?;
        self.waves.insert(wave.name.clone(), id.clone());
        self.move_wave(wave, "open", &json!({})).await?;
        let firm = self.firm;
        let mut assignments = Vec::new();
        for visit in firm.visits.iter().filter(|visit| visit.wave == wave.name) {
            let assignment = self.phone_id(&format!("assignment {}", visit.key));
            self.assignments.insert(visit.key.clone(), assignment.clone());
            assignments.push(json!({
                "id": assignment,
                "branch_id": self.branches.get(&visit.branch),
                "standard_id": visit.standard,
                "standard_version": self.standards.get(&visit.standard).map(|(_, body)| body["version"].clone()),
                "scenario_id": visit.scenario,
                "auditor_id": self.members.get(&visit.auditor),
                "window_start": at_noon(wave.opens_on) - Duration::hours(12),
                "window_end": at_noon(wave.closes_on) + Duration::hours(12),
            }));
        }
        admin.post("/v1/assignments", &json!({"wave_id": id, "assignments": assignments})).await?;
        Ok(())
    }

    async fn move_wave(&mut self, wave: &Wave, verb: &str, body: &Value) -> Result<(), Failure> {
        let id = self.waves.get(&wave.name).cloned().ok_or_else(|| missing("wave", &wave.name))?;
        let admin = self.client("admin").await?;
        admin.post(&format!("/v1/waves/{id}/{verb}"), body).await?;
        Ok(())
    }

    /// What a phone does: a draft, the files, the submit; or the submit first and the files when there is network.
    async fn file_visit(&mut self, number: usize, visit: &Visit) -> Result<(), Failure> {
        let phone = self.client(&visit.auditor).await?;
        let firm = self.firm;
        let (chain, branch) = firm.branch(&visit.branch).ok_or_else(|| missing("branch", &visit.branch))?;
        let standard = self.standards.get(&visit.standard).ok_or_else(|| missing("standard", &visit.standard))?;
        let at = visit_time(firm, visit);
        let mut body = json!({
            "assignment_id": self.assignments.get(&visit.key),
            "state": "draft",
            "outcome": "completed",
            "answers": {},
            "device": {
                "at": self.app.clock.now() - Duration::milliseconds(400 + i64::try_from(number).unwrap_or(0) * 37),
                "monotonic_ms": 3_600_000 + number * 91_000,
                "model": "Fieldphone 5", "os": "Android 15", "app": "peegel-demo 1",
                "id": self.phone_id(&format!("phone of {}", visit.auditor)),
            },
            "stay": stay(visit, branch, at, &standard.1, number),
        });
        if visit.story == Fate::Attempted {
            body["outcome"] = json!("attempted");
            body["attempted_because"] = json!("closed");
        } else {
            let mut random = Random::new(mix(number as u64) ^ u64::from(visit.day.to_epoch_days().unsigned_abs()));
            let mut given = answers(&standard.0, &standard.1, branch, visit, &mut random)?;
            if let Some(comment) = visit.comment.get(&chain.locale)
                && let Some((_, first)) = given.iter_mut().next()
            {
                first["comment"] = json!(comment);
            }
            body["answers"] = Value::Object(given);
        }
        let zone = branch.time_zone.parse().unwrap_or(Tz::UTC);
        let mut files = Vec::new();
        for (n, proof) in visit.proofs.iter().enumerate() {
            let id = self.phone_id(&format!("file {} {}", visit.key, proof.file));
            let taken_at = at + Duration::minutes(5 + 3 * i64::try_from(n).unwrap_or(0));
            // Who was not there took the photos the day before.
            let taken_at = if visit.faked.is_some() { taken_at - Duration::days(1) } else { taken_at };
            let content =
                self.file_of(visit, n, Shot { turn: 0, at: taken_at, zone, place: (branch.lat, branch.lon) })?;
            let (kind, media_type) = kind_of(&proof.file);
            files.push((
                json!({
                    "id": id, "item_ids": proof.items, "kind": kind, "file_name": proof.file,
                    "sha256": sha256_hex(&content), "bytes": content.len(), "media_type": media_type,
                    "captured_at": taken_at,
                }),
                content,
            ));
        }
        body["evidence"] = files.iter().map(|(entry, _)| entry.clone()).collect();
        let id = self.phone_id(&format!("visit {}", visit.key));
        let path = format!("/v1/visits/{id}");
        self.visits.insert(visit.key.clone(), id);
        let begins_as_draft = visit.story == Fate::Draft || number.is_multiple_of(3);
        let mut etag = None;
        if begins_as_draft {
            etag = Some(phone.put(&path, None, &body).await?);
        } else {
            body["state"] = json!("submitted");
            phone.put(&path, None, &body).await?;
        }
        for (entry, content) in files {
            let file = entry["file_name"].as_str().unwrap_or_default();
            if !visit.missing.iter().any(|missing| missing == file) {
                let id = text(&entry, "id")?;
                phone.put_file(&format!("/v1/evidence/{id}/content"), content.into()).await?;
                if let Some(said) = story::transcript(file) {
                    let path = format!("/v1/evidence/{id}/transcript?language={}", chain.locale);
                    phone.put_file(&path, said).await?;
                }
            }
        }
        if begins_as_draft && visit.story != Fate::Draft {
            body["state"] = json!("submitted");
            phone.put(&path, etag.as_deref(), &body).await?;
        }
        Ok(())
    }

    /// The bytes of a file of a visit: taken anew, or, the first of a faked one, somebody else's.
    fn file_of(&mut self, visit: &Visit, n: usize, shot: Shot) -> Result<Vec<u8>, Failure> {
        let name = &visit.proofs[n].file;
        if let Some(faked) = visit.faked.as_ref().filter(|_| n == 0)
            && let Some(bytes) = self.copied.get(&(faked.photos_of.clone(), name.clone()))
        {
            return Ok(bytes.clone());
        }
        let turn = self.turns.entry(name.clone()).or_default();
        let bytes = taken(name, story::media(name)?, Shot { turn: *turn, ..shot })?;
        *turn += 1;
        let is_copied = |faked: &Faked| faked.photos_of == visit.key;
        if self.firm.visits.iter().filter_map(|visit| visit.faked.as_ref()).any(is_copied) {
            self.copied.insert((visit.key.clone(), name.clone()), bytes.clone());
        }
        Ok(bytes)
    }

    /// What a reviewer does: takes the visit, approves and publishes it, or returns it.
    async fn review_visit(&mut self, visit: &Visit) -> Result<(), Failure> {
        let id = self.visits.get(&visit.key).cloned().ok_or_else(|| missing("visit", &visit.key))?;
        let reviewer = self.client("reviewer").await?;
        let nothing = json!({});
        reviewer.post(&format!("/v1/visits/{id}/review"), &nothing).await?;
        if visit.story == Fate::Returned {
            let reason = visit.return_reason.values().next().cloned().unwrap_or_default();
            let standard = self.standards.get(&visit.standard).ok_or_else(|| missing("standard", &visit.standard))?;
            let order = json!({
                "items": [{"item_id": standard.1["items"][0]["id"], "reason": reason}],
                "due_at": self.app.clock.now() + Duration::days(7),
                "reason": reason,
            });
            reviewer.post(&format!("/v1/visits/{id}/return"), &order).await?;
            return Ok(());
        }
        reviewer.post(&format!("/v1/visits/{id}/approve"), &nothing).await?;
        reviewer.post(&format!("/v1/visits/{id}/publish"), &nothing).await?;
        Ok(())
    }

    /// Waits until every photo has its previews; the reports show them.
    async fn wait_for_jobs(&self) -> Result<(), Failure> {
        while jobs::store::count_open(self.app.db.reader()).await? > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// The newest wave of a chain that its own branches took part in.
    fn newest_wave(&self, chain: &Chain) -> Option<&Wave> {
        let own = |wave: &&Wave| wave.chain == chain.code && wave.kind == "regular";
        self.firm.waves.iter().filter(own).max_by_key(|wave| wave.opens_on)
    }

    /// What branch managers do: give the first actions an owner and a day.
    async fn work_on_actions(&mut self) -> Result<(), Failure> {
        let firm = self.firm;
        for user in firm.users.iter().filter(|user| user.role == "branch_manager") {
            let manager = self.client(&user.key).await?;
            let chain = firm.chains.iter().find(|chain| Some(&chain.code) == user.chain.as_ref());
            let Some(wave) = chain.and_then(|chain| self.newest_wave(chain)) else { continue };
            for code in &user.branches {
                let (branch, wave_id) = (self.branches.get(code), self.waves.get(&wave.name));
                let (Some(branch), Some(wave_id)) = (branch, wave_id) else { continue };
                let plan = manager.get(&format!("/v1/branches/{branch}/action-plan?wave={wave_id}")).await?;
                let hint = firm.visits.iter().find(|v| &v.branch == code && v.owner_hint.is_some());
                let owner = hint.and_then(|visit| visit.owner_hint.clone()).unwrap_or_else(|| user.name.clone());
                let due_on = self.app.clock.now().date_naive() + Duration::days(21);
                for action in plan["actions"].as_array().into_iter().flatten().take(2) {
                    let path = format!("/v1/actions/{}", text(action, "id")?);
                    let change = json!({"owner": owner, "due_on": due_on, "state": "open"});
                    manager.patch(&path, &text(action, "etag")?, &change).await?;
                }
            }
        }
        Ok(())
    }

    /// One PDF a branch in its chain's language, and the first branch in all three.
    async fn write_reports(&mut self, folder: &Path) -> Result<(), Failure> {
        let firm = self.firm;
        let reader = self.client("reviewer").await?;
        for (n, chain) in firm.chains.iter().filter(|chain| chain.kind == "client").enumerate() {
            let Some(wave) = self.newest_wave(chain) else { continue };
            let wave_id = self.waves.get(&wave.name).cloned().unwrap_or_default();
            for (m, branch) in chain.branches.iter().enumerate() {
                let id = self.branches.get(&branch.code).cloned().unwrap_or_default();
                let all = n == 0 && m == 0;
                let langs = if all { vec!["en", "et", "hu"] } else { vec![chain.locale.as_str()] };
                for lang in langs {
                    let path = format!("/v1/branches/{id}/action-plan.pdf?wave={wave_id}&lang={lang}");
                    let pdf = reader.get_bytes(&path).await?;
                    let name = format!("{}_{}_{lang}.pdf", branch.code, wave.name.replace(' ', "-"));
                    tokio::fs::write(folder.join(name), pdf).await?;
                }
            }
        }
        Ok(())
    }

    fn summary(&self) -> Filed {
        let users = self.firm.users.iter().map(|user| {
            json!({
                "email": user.email, "password": password(user), "firm": self.firm.code, "role": user.role,
                "chain": user.chain, "branches": user.branches,
            })
        });
        let chains = self.firm.chains.iter().map(|chain| {
            let mut waves: Vec<_> = self.firm.waves.iter().filter(|wave| wave.chain == chain.code).collect();
            waves.sort_by_key(|wave| wave.opens_on);
            json!({
                "firm": self.firm.code, "code": chain.code, "locale": chain.locale,
                "branches": chain.branches.iter().map(|branch| &branch.code).collect::<Vec<_>>(),
                "waves": waves.iter().map(|wave| &wave.name).collect::<Vec<_>>(),
            })
        });
        Filed { users: users.collect(), chains: chains.collect() }
    }
}

/// When and where the phone was: in the shop for twenty minutes, or on the telephone for one.
fn stay(visit: &Visit, branch: &Branch, at: DateTime<Utc>, standard: &Value, number: usize) -> Value {
    let mut random = Random::new(mix(!(number as u64)));
    // Less than a hundred metres, in ten-thousandths of a degree.
    let mut about = |degrees: f64| degrees + (random.below(9) as f64 - 4.0) / 10_000.0;
    let position = |minutes: i64, (latitude, longitude): (f64, f64), accuracy_m: i64| {
        json!({
            "at": at + Duration::minutes(minutes), "latitude": latitude, "longitude": longitude,
            "accuracy_m": accuracy_m, "is_mock": false,
        })
    };
    let (minutes, positions) = match (&visit.faked, standard["channel"].as_str()) {
        (Some(faked), _) => (faked.minutes, vec![position(1, faked.home, 12)]),
        (None, Some("phone")) => (1, vec![]),
        (None, _) if branch.format != "store" => (1, vec![]),
        (None, _) => {
            let [first, second] = [(); 2].map(|()| (about(branch.lat), about(branch.lon)));
            (20, vec![position(2, first, 35), position(11, second, 14)])
        }
    };
    let answering_s = 480 + random.below(300);
    json!({
        "arrived_at": at, "left_at": at + Duration::minutes(minutes), "answering_ms": answering_s * 1000,
        "positions": positions,
    })
}

fn kind_of(file: &str) -> (&'static str, &'static str) {
    match file.rsplit('.').next().unwrap_or_default() {
        "png" => ("photo", "image/png"),
        "m4a" => ("recording", "audio/mp4"),
        "mp3" => ("recording", "audio/mpeg"),
        "wav" => ("recording", "audio/wav"),
        _ => ("photo", "image/jpeg"),
    }
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value[member].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::internal(format!("the answer has no {member}: {value}")))
}

fn missing(what: &str, name: &str) -> Failure {
    Failure::internal(format!("the story has no {what} {name}"))
}
