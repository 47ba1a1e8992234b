//! Measures how fast files arrive, and what the server holds in memory meanwhile, beside other servers on the same disk.
//!
//! ```sh
//! cargo build --release -p peegel --bin peegel --example uploads && tests/beside.sh
//! ```
//!
//! sets the other servers up, runs this program and clears everything away. Without them it measures Peegel alone:
//! `cargo run --release -p peegel --example uploads`.
//!
//! Two parts, each in rounds in which every server has its turn, so that a machine that slows down does so for all:
//!
//! * `files`: one file of 200 MB, then 50 files of 5 MB at once on as many connections. Peegel takes them by tus and by
//!   plain PUT, each file named by the manifest of a visit, with its size and sha256.
//! * `submits`: visits of 40 items with a photo of 1.4 MB each on 8 connections, beside a record of PocketBase with the
//!   same answers and a photo. Every photo is another one.
//!
//! For each server it prints the best and the median of the rounds; the median of the ratios to the yardstick (nginx,
//! or PocketBase) in the same round; how long one file or visit took and what CPU its server used in a turn, medians of
//! the rounds too; and what memory the server's processes held before a turn, and at most during it, the program's own
//! pages included. Everything is forced to the disk before each turn, so that nobody pays for others.
//!
//! They promise different things. Peegel answers when the file and the row that names it are forced to the disk, and
//! has hashed every byte and compared it with the manifest. nginx and `@tus/server` neither hash nor force anything to
//! the disk; "forced" is the same PUT, after which this program forces the file to the disk, and still nobody knows what
//! is in it. "Large buffer" is nginx with `client_body_buffer_size 128k` instead of the 16k that it comes with. PocketBase neither hashes nor forces the photo, and its rows survive a crash of the program,
//! not one of the machine. "disk alone" is this program writing the bytes to files and forcing them, without a network.
#![expect(clippy::disallowed_methods, reason = "a program that measures needs the machine's clock")]

mod bulk;
mod field;
mod meters;
mod running;
mod sample;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use field::{Admin, Auditor};
use meters::{cpu_seconds, peak_mb};
use running::{Client, Outcome, Server, add_user, built_program, head, header, request, run};

/// How many files, and the bytes of each.
const SHAPES: [(usize, usize); 2] = [(1, 200_000_000), (50, 5_000_000)];
/// About as large as what a phone takes.
const PHOTO_BYTES: usize = 1_400_000;
/// What `tests/beside.sh` makes.
const POCKETBASE_LOGIN: [&str; 2] = ["bench@example.org", "bench password"];

/// Measures how fast files arrive
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// What to measure; both parts if absent
    #[arg(long)]
    part: Option<Part>,
    /// How often every server has its turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Visits with a photo in each turn
    #[arg(long, default_value_t = 160)]
    submits: usize,
    /// Connections on which they are filed
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// nginx that takes PUT under /files/, and under /large/ with a larger buffer: its address, process and root
    #[arg(long, value_name = "HOST:PORT,PID,DIR")]
    nginx: Option<Peer>,
    /// `@tus/server` at /files: its address, process and folder of files
    #[arg(long, value_name = "HOST:PORT,PID,DIR")]
    tus_server: Option<Peer>,
    /// PocketBase with the superuser of `tests/beside.sh`: its address, process and folder
    #[arg(long, value_name = "HOST:PORT,PID,DIR")]
    pocketbase: Option<Peer>,
    /// Folder for the data; it must be on the disk of the other servers, and on one that stands for the real one
    #[arg(long, default_value = "target/uploads", value_name = "DIR")]
    data: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Files,
    Submits,
}

/// Another server.
#[derive(Clone)]
struct Peer {
    address: String,
    pid: u32,
    folder: PathBuf,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not HOST:PORT,PID,DIR");
        let mut parts = text.splitn(3, ',');
        let mut next = || parts.next().ok_or_else(wrong);
        let (address, pid, folder) = (next()?.to_owned(), next()?, next()?);
        Ok(Self { address, pid: pid.parse().map_err(|_| wrong())?, folder: folder.into() })
    }
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = arguments.peegel.clone().map_or_else(built_program, Ok)?;
    if arguments.data.exists() {
        std::fs::remove_dir_all(&arguments.data)?;
    }
    std::fs::create_dir_all(&arguments.data)?;
    if arguments.part != Some(Part::Submits) {
        files(&program, &arguments)?;
    }
    if arguments.part != Some(Part::Files) {
        submits(&program, &arguments)?;
    }
    Ok(std::fs::remove_dir_all(&arguments.data)?)
}

/// How a file gets to a server.
enum Way {
    /// Peegel: POST, then PATCH with the whole file, as clients of tus do.
    Tus,
    /// Peegel: POST with the whole file.
    TusAtOnce,
    /// Peegel: plain PUT.
    Put,
    /// nginx: plain PUT into a folder; and then the file forced to the disk by this program.
    Nginx { folder: &'static str, is_forced: bool },
    /// `@tus/server`: POST, then PATCH with the whole file.
    TusServer,
    /// PocketBase: a record with its photo in one multipart POST.
    PocketBase { token: String },
    /// Written and forced to the disk by this program.
    Disk,
}

/// What is measured.
struct Target {
    name: &'static str,
    way: Way,
    place: Peer,
    is_peegel: bool,
}

impl Target {
    fn new(name: &'static str, way: Way, place: Peer) -> Self {
        let is_peegel = matches!(way, Way::Tus | Way::TusAtOnce | Way::Put);
        Self { name, way, place, is_peegel }
    }
}

/// A file, and the visit that is filed with it, if it is.
struct Delivery<'a> {
    /// The id in the manifest, and the name elsewhere.
    id: String,
    token: String,
    /// The request that files the visit; empty when it is filed already.
    visit: Vec<u8>,
    answers: Vec<u8>,
    /// The beginning of the file, which makes it another one than all others.
    own: Vec<u8>,
    /// The rest of it.
    shared: &'a [u8],
}

impl Delivery<'_> {
    fn bytes(&self) -> usize {
        self.own.len() + self.shared.len()
    }

    /// Its place in a manifest.
    fn entry(&self, kind: &str) -> Value {
        let sha256: String = Sha256::new()
            .chain_update(&self.own)
            .chain_update(self.shared)
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        json!({
            "id": self.id, "item_ids": [], "kind": kind, "file_name": self.id, "sha256": sha256, "bytes": self.bytes(),
        })
    }

    /// Sends it, and does not return before it is acknowledged.
    fn send(&self, target: &Target, client: Option<&mut Client>) -> Outcome<()> {
        let Some(client) = client else { return self.write(&target.place.folder) };
        let (id, token, bytes) = (&self.id, &self.token, self.bytes());
        if target.is_peegel && !self.visit.is_empty() {
            expect(201, client.send(&self.visit)?.status)?;
        }
        let metadata = format!("evidence_id {}", BASE64_STANDARD.encode(id));
        match &target.way {
            Way::Put => {
                let path = format!("/v1/evidence/{id}/content");
                self.send_as(200, head("PUT", &path, token, &[], bytes), client)
            }
            Way::TusAtOnce => {
                let length = bytes.to_string();
                let headers = [
                    ("tus-resumable", "1.0.0"),
                    ("upload-length", length.as_str()),
                    ("upload-metadata", &metadata),
                    ("content-type", "application/offset+octet-stream"),
                ];
                self.send_as(201, head("POST", "/v1/uploads", token, &headers, bytes), client)
            }
            Way::Tus => self.send_by_tus("/v1/uploads", &metadata, client),
            Way::TusServer => self.send_by_tus("/files", &metadata, client),
            Way::Nginx { folder, is_forced } => {
                let file = format!("{folder}/{id}");
                self.send_as(201, head("PUT", &format!("/{file}"), "", &[], bytes), client)?;
                if *is_forced {
                    std::fs::File::open(target.place.folder.join(file))?.sync_all()?;
                }
                Ok(())
            }
            Way::PocketBase { token } => self.post_record(token, client),
            Way::Disk => Err("nobody is connected to a disk".into()),
        }
    }

    fn write(&self, folder: &Path) -> Outcome<()> {
        let mut file = std::fs::File::create(folder.join(&self.id))?;
        for piece in [self.own.as_slice(), self.shared].iter().flat_map(|part| part.chunks(128 * 1024)) {
            file.write_all(piece)?;
        }
        Ok(file.sync_all()?)
    }

    fn send_as(&self, status: u16, head: Vec<u8>, client: &mut Client) -> Outcome<()> {
        expect(status, client.send_parts(&[&head, &self.own, self.shared])?.status)
    }

    fn send_by_tus(&self, path: &str, metadata: &str, client: &mut Client) -> Outcome<()> {
        let length = self.bytes().to_string();
        let headers = [("tus-resumable", "1.0.0"), ("upload-length", length.as_str()), ("upload-metadata", metadata)];
        let made = client.send(&head("POST", path, &self.token, &headers, 0))?;
        expect(201, made.status)?;
        let location = header(made.head, "location").ok_or("no Location")?;
        // It may be a whole address.
        let path = location.split_once("://").map_or(location, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
        let headers =
            [("tus-resumable", "1.0.0"), ("upload-offset", "0"), ("content-type", "application/offset+octet-stream")];
        let head = head("PATCH", path, "", &headers, self.bytes());
        self.send_as(204, head, client)
    }

    fn post_record(&self, token: &str, client: &mut Client) -> Outcome<()> {
        let answers = String::from_utf8_lossy(&self.answers);
        let before = format!(
            "--part\r\ncontent-disposition: form-data; name=\"answers\"\r\n\r\n{answers}\r\n\
             --part\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"{}.jpg\"\r\n\
             content-type: image/jpeg\r\n\r\n",
            self.id
        );
        let after = "\r\n--part--\r\n";
        let length = before.len() + self.bytes() + after.len();
        let form = [("content-type", "multipart/form-data; boundary=part")];
        let head = head("POST", "/api/collections/visits/records", token, &form, length);
        let parts = [&head, before.as_bytes(), &self.own, self.shared, after.as_bytes()];
        expect(200, client.send_parts(&parts)?.status)
    }
}

fn expect(wanted: u16, status: u16) -> Outcome<()> {
    if status == wanted { Ok(()) } else { Err(format!("{status} instead of {wanted}").into()) }
}

/// What one server did in its turn.
struct Turn {
    wall: Duration,
    cpu_s: f64,
    /// Memory at the beginning.
    before_mb: f64,
    peak_mb: f64,
    latencies: Vec<Duration>,
}

/// Gives a server its turn: every lane is a connection that sends one delivery after the other.
fn turn(target: &Target, lanes: &[Vec<Delivery<'_>>]) -> Outcome<Turn> {
    std::process::Command::new("sync").status()?;
    let pids = family(target.place.pid);
    for pid in &pids {
        // The peak begins anew.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    }
    let cpu = |pids: &[u32]| pids.iter().try_fold(0.0, |sum, pid| Outcome::Ok(sum + cpu_seconds(*pid)?));
    let memory = |pids: &[u32]| pids.iter().try_fold(0.0, |sum, pid| Outcome::Ok(sum + peak_mb(*pid)?));
    let (before_mb, before) = (memory(&pids)?, cpu(&pids)?);
    let (ready, go) = (Barrier::new(lanes.len() + 1), Barrier::new(lanes.len() + 1));
    let (wall, mut latencies) = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes.iter().map(|lane| scope.spawn(|| one_lane(target, lane, &ready, &go))).collect();
        ready.wait();
        let clock = Instant::now();
        go.wait();
        let mut latencies = Vec::new();
        for thread in threads {
            latencies.extend(thread.join().map_err(|_| "a lane panicked")??);
        }
        Outcome::Ok((clock.elapsed(), latencies))
    })
    .map_err(|error| format!("{}: {error}", target.name))?;
    latencies.sort_unstable();
    Ok(Turn { wall, cpu_s: cpu(&pids)? - before, before_mb, peak_mb: memory(&pids)?, latencies })
}

fn one_lane(target: &Target, lane: &[Delivery<'_>], ready: &Barrier, go: &Barrier) -> Outcome<Vec<Duration>> {
    let client = match target.way {
        Way::Disk => Ok(None),
        _ => Client::connect(&target.place.address).map(Some),
    };
    // The others wait here, also for one that failed.
    ready.wait();
    go.wait();
    let mut client = client?;
    let mut latencies = Vec::with_capacity(lane.len());
    for delivery in lane {
        let clock = Instant::now();
        delivery.send(target, client.as_mut())?;
        latencies.push(clock.elapsed());
    }
    Ok(latencies)
}

/// A process and its children; nobody for 0.
fn family(pid: u32) -> Vec<u32> {
    if pid == 0 {
        return Vec::new();
    }
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).collect()
}

/// The turns of one server.
struct Figures {
    name: &'static str,
    turns: Vec<Turn>,
}

/// Prints what the servers did with `amount` (megabytes, visits) in each turn, beside one of them.
fn print(title: &str, unit: &str, amount: f64, beside: &str, figures: &[Figures]) {
    let rate = |turn: &Turn| amount / turn.wall.as_secs_f64();
    let yardstick = figures.iter().find(|figures| figures.name == beside);
    println!("\n{title}\n");
    println!("| server | {unit} best | median | of {beside} | p50 ms | p99 ms | CPU ms | MB before | peak MB |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for Figures { name, turns } in figures {
        let ratio = yardstick.map_or("-".to_owned(), |other| {
            let pairs = turns.iter().zip(&other.turns);
            format!("{:.2}", median(pairs.map(|(own, other)| rate(own) / rate(other)).collect()))
        });
        let all = |of: &dyn Fn(&Turn) -> f64| turns.iter().map(of).collect::<Vec<_>>();
        let best = all(&rate).into_iter().fold(0.0, f64::max);
        let quantile = |turn: &Turn, percent: usize| {
            let latencies = &turn.latencies;
            latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)].as_secs_f64() * 1e3
        };
        println!(
            "| {name} | {best:.0} | {:.0} | {ratio} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            median(all(&rate)),
            median(all(&|turn| quantile(turn, 50))),
            median(all(&|turn| quantile(turn, 99))),
            median(all(&|turn| turn.cpu_s * 1e3)),
            median(all(&|turn| turn.before_mb)),
            all(&|turn| turn.peak_mb).into_iter().fold(0.0, f64::max),
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// A Peegel with a firm, and auditors who have visits to file.
struct World {
    server: Server,
    admin: Admin,
    auditors: Vec<Auditor>,
}

impl World {
    fn make(program: &Path, data: &Path, flags: &[&str], auditors: usize, visits_each: usize) -> Outcome<Self> {
        let settings = ["--data", data.to_str().ok_or("the folder is not UTF-8")?];
        run(program, &[&["firm", "add", "--code", "load", "--name", "Load"], &settings[..]].concat())?;
        let password = add_user(program, &settings, "admin@example.org", "Admin", "firm_admin")?;
        let server = Server::start(program, &[&settings[..], flags].concat())?;
        let mut admin = Admin::sign_in(&server, &password)?;
        let auditors = admin.prepare(auditors, visits_each)?;
        Ok(Self { server, admin, auditors })
    }

    fn place(&self) -> Peer {
        Peer { address: self.server.address.clone(), pid: self.server.pid(), folder: PathBuf::new() }
    }

    /// Waits until no job is left.
    fn rest(&mut self) -> Outcome<Duration> {
        let clock = Instant::now();
        self.admin.client = Client::connect(&self.server.address)?;
        while self.admin.call("GET", "/v1/jobs?limit=1", &Value::Null)?["data"] != json!([]) {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(clock.elapsed())
    }
}

/// Measures files alone: one large one, then many at once.
fn files(program: &Path, arguments: &Arguments) -> Outcome<()> {
    let noise = bulk::noise(SHAPES[0].1);
    let disk = arguments.data.join("disk");
    std::fs::create_dir_all(&disk)?;
    let ways = 2;
    let world = World::make(program, &arguments.data.join("files"), &[], SHAPES.len() * arguments.rounds * ways, 1)?;
    let mut targets = vec![
        Target::new("Peegel, tus", Way::Tus, world.place()),
        Target::new("Peegel, PUT", Way::Put, world.place()),
        Target::new("disk alone", Way::Disk, Peer { address: String::new(), pid: 0, folder: disk }),
    ];
    if let Some(peer) = &arguments.nginx {
        for (name, folder, is_forced) in [
            ("nginx", "files", false),
            ("nginx, forced", "files", true),
            ("nginx, large buffer", "large", false),
            ("nginx, large buffer, forced", "large", true),
        ] {
            targets.push(Target::new(name, Way::Nginx { folder, is_forced }, peer.clone()));
        }
    }
    if let Some(peer) = &arguments.tus_server {
        targets.push(Target::new("@tus/server", Way::TusServer, peer.clone()));
    }
    let mut auditors = world.auditors.iter();
    let mut made = 0;
    for (count, bytes) in SHAPES {
        let mut figures: Vec<_> = targets.iter().map(|target| Figures { name: target.name, turns: vec![] }).collect();
        for round in 0..arguments.rounds {
            for n in (0..targets.len()).map(|n| (n + round) % targets.len()) {
                let target = &targets[n];
                let mut deliveries: Vec<_> = (0..count)
                    .map(|_| {
                        made += 1;
                        let own = sample::id(1 << 40 | made).into_bytes();
                        Delivery {
                            id: sample::id(1 << 41 | made),
                            token: String::new(),
                            visit: Vec::new(),
                            answers: Vec::new(),
                            shared: &noise[..bytes - own.len()],
                            own,
                        }
                    })
                    .collect();
                if target.is_peegel {
                    let auditor = auditors.next().ok_or("too few auditors")?;
                    let (path, mut visit) = sample::visit(&auditor.assignment_ids[0], made);
                    visit["evidence"] = deliveries.iter().map(|file| file.entry("document")).collect();
                    let visit = put_visit(&auditor.token, &path, &visit)?;
                    expect(201, Client::connect(&target.place.address)?.send(&visit)?.status)?;
                    deliveries.iter_mut().for_each(|file| file.token.clone_from(&auditor.token));
                }
                let lanes: Vec<_> = deliveries.into_iter().map(|file| vec![file]).collect();
                let turn = turn(target, &lanes)?;
                let speed = (count * bytes) as f64 / 1e6 / turn.wall.as_secs_f64();
                eprintln!("round {}: {count} x {bytes} bytes, {}: {speed:.0} MB/s", round + 1, target.name);
                figures[n].turns.push(turn);
                if !target.is_peegel {
                    empty(&target.place.folder)?;
                }
            }
        }
        let megabytes = bytes as f64 / 1e6;
        let title = match count {
            1 => format!("One file of {megabytes} MB"),
            _ => format!("{count} files of {megabytes} MB at once, each on a connection of its own"),
        };
        print(&title, "MB/s", megabytes * count as f64, "nginx", &figures);
    }
    world.server.stop()
}

/// Removes the files of a folder and of those in it.
fn empty(folder: &Path) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            empty(&path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Measures visits with a photo each.
fn submits(program: &Path, arguments: &Arguments) -> Outcome<()> {
    let photo = bulk::photo(PHOTO_BYTES)?;
    let (connections, each) = (arguments.connections, arguments.submits.div_ceil(arguments.connections));
    let world = |name: &str, flags: &[&str], ways: usize| {
        World::make(program, &arguments.data.join(name), flags, connections, arguments.rounds * each * ways)
    };
    let ways = [2, 1];
    let mut worlds = [world("alone", &["--no-worker"], ways[0])?, world("whole", &[], ways[1])?];
    let mut targets = vec![
        (Target::new("Peegel, PUT", Way::Put, worlds[0].place()), Some(0)),
        (Target::new("Peegel, tus", Way::TusAtOnce, worlds[0].place()), Some(0)),
        (Target::new("Peegel, PUT, previews beside", Way::Put, worlds[1].place()), Some(1)),
    ];
    if let Some(peer) = &arguments.pocketbase {
        let way = Way::PocketBase { token: collection(peer)? };
        targets.push((Target::new("PocketBase", way, peer.clone()), None));
    }
    let mut figures: Vec<_> = targets.iter().map(|(target, _)| Figures { name: target.name, turns: vec![] }).collect();
    let mut made = 0;
    for round in 0..arguments.rounds {
        for n in (0..targets.len()).map(|n| (n + round) % targets.len()) {
            let (target, world) = &targets[n];
            let mut lanes = Vec::with_capacity(connections);
            for lane in 0..connections {
                let mut auditor = world.map(|world: usize| &mut worlds[world].auditors[lane]);
                let mut deliveries = Vec::with_capacity(each);
                for _ in 0..each {
                    made += 1;
                    let assignment_id = auditor.as_mut().and_then(|auditor| auditor.assignment_ids.pop());
                    let token = auditor.as_ref().map_or("", |auditor| &auditor.token);
                    deliveries.push(with_photo(made, &assignment_id.unwrap_or_default(), token, &photo)?);
                }
                lanes.push(deliveries);
            }
            let turn = turn(target, &lanes)?;
            let rate = (connections * each) as f64 / turn.wall.as_secs_f64();
            eprintln!("round {}: {}: {rate:.0} visits/s", round + 1, target.name);
            figures[n].turns.push(turn);
            if *world == Some(1) {
                eprintln!("  the last of their previews were there {:.1} s later", worlds[1].rest()?.as_secs_f64());
            }
        }
    }
    let title = format!(
        "Visits of 40 items with a photo of {:.2} MB each, {connections} connections",
        photo.len() as f64 / 1e6
    );
    print(&title, "visits/s", (connections * each) as f64, "PocketBase", &figures);
    for (mut world, ways) in worlds.into_iter().zip(ways) {
        world.admin.client = Client::connect(&world.server.address)?;
        let submitted = world.admin.count_submitted()?;
        if submitted != ways * arguments.rounds * each * connections {
            return Err(format!("only {submitted} visits are there").into());
        }
        world.server.stop()?;
    }
    Ok(())
}

/// Visit `n` and its photo.
fn with_photo<'a>(n: u64, assignment_id: &Value, token: &str, photo: &'a [u8]) -> Outcome<Delivery<'a>> {
    let (id, mut visit) = sample::visit(assignment_id, n);
    let mut delivery = Delivery {
        id: sample::id(1 << 41 | n),
        token: token.to_owned(),
        visit: Vec::new(),
        answers: serde_json::to_vec(&visit)?,
        own: bulk::head_of_photo(n),
        shared: photo,
    };
    visit["evidence"] = json!([delivery.entry("photo")]);
    delivery.visit = put_visit(token, &id, &visit)?;
    Ok(delivery)
}

fn put_visit(token: &str, id: &str, visit: &Value) -> Outcome<Vec<u8>> {
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    Ok(request("PUT", &format!("/v1/visits/{id}"), token, &headers, &serde_json::to_vec(visit)?))
}

/// Makes the collection of records in PocketBase, and gives the token to file them with.
fn collection(peer: &Peer) -> Outcome<String> {
    let [identity, password] = POCKETBASE_LOGIN;
    let login = json!({"identity": identity, "password": password});
    let mut client = Client::connect(&peer.address)?;
    let session = client.json("POST", "/api/collections/_superusers/auth-with-password", "", &login)?;
    let token = session["token"].as_str().ok_or("PocketBase gave no token")?;
    let collection = json!({"name": "visits", "type": "base", "fields": [
        {"name": "answers", "type": "json", "maxSize": 1 << 20},
        {"name": "photo", "type": "file", "maxSelect": 1, "maxSize": 16 << 20},
    ]});
    let headers = [("content-type", "application/json")];
    let made = request("POST", "/api/collections", token, &headers, &serde_json::to_vec(&collection)?);
    expect(200, client.send(&made)?.status)?;
    Ok(token.to_owned())
}
