//! `peegel audit`: is the history whole, and the history as a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::app::App;
use crate::cli::receipt::given_keys;
use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::entity::event;
use crate::events::export::{Read, Reader, export as write_export};
use crate::events::store::all_firms;
use crate::events::verify::{Flaw, Head, walk};
use crate::failure::Failure;

/// Arguments of `peegel audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Check that no event was changed, removed or moved; exit 1 names the first that was. Who can write to the database
    /// can cut off the end together with the head: only --against shows that
    Verify(VerifyArgs),
    /// Write the history of a firm as signed JSON lines, which `peegel audit verify FILE` checks anywhere
    Export(ExportArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; all firms if absent
    #[arg(long, conflicts_with_all = ["file", "against"])]
    firm: Option<String>,
    /// A file of `peegel audit export` that was kept elsewhere: check that the firm's history in the database still goes
    /// through all of it
    #[arg(long, value_name = "EXPORT", conflicts_with = "file")]
    against: Option<PathBuf>,
    /// A key that files may be signed with: a file with the answer of GET /v1/keys, or one public key in base64 or hex.
    /// May be repeated. Without it, the key inside the file is used, which says nothing of who signed
    #[arg(long = "key", value_name = "KEY", allow_hyphen_values = true)]
    keys: Vec<String>,
    /// A file of `peegel audit export`, instead of the database
    file: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ExportArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; not needed while there is one firm
    #[arg(long)]
    firm: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs `peegel audit`.
///
/// # Errors
///
/// [`Failure`] when the database or a file fails. Without data, or with a file that cannot be read, it is exit 2.
pub async fn run(args: AuditArgs) -> Result<ExitCode, Failure> {
    match args.command {
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Export(args) => export(args).await,
    }
}

async fn verify(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let file = args.file.as_ref().or(args.against.as_ref());
    if file.is_none() && !args.keys.is_empty() {
        return Ok(bad_usage("--key is for a FILE, or for --against"));
    }
    let mut read = None;
    if let Some(file) = file {
        let found = match read_export(file, &args.keys) {
            Ok(found) => found,
            Err(message) => return Ok(bad_usage(&shown(&message))),
        };
        if args.file.is_some() || found.flaw.is_some() {
            return Ok(exit(tell_export(&found, args.keys.is_empty())));
        }
        read = Some((file, found));
    }
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    if let Some((file, read)) = read {
        return Ok(match compare(&app, file, &read).await? {
            Ok((reached, flaw)) => {
                if flaw.is_none() {
                    print(&format!(
                        "{}: it goes through the export of {}",
                        shown(&read.firm),
                        shown(&read.exported_at)
                    ));
                }
                exit(tell(&read.firm, &reached, flaw.as_ref()))
            }
            Err(message) => bad_usage(&shown(&message)),
        });
    }
    let mut firms = all_firms(app.db.reader()).await?;
    if let Some(code) = &args.firm {
        match choose_firm(&app, Some(code)).await? {
            Ok(firm) => firms.retain(|id, _| *id == firm.id),
            Err(message) => return Ok(bad_usage(&message)),
        }
    }
    let mut is_whole = true;
    for (id, firm) in firms {
        is_whole &= if let Some(firm) = firm {
            let (reached, flaw) = walk(&app, &firm, |_| Ok(())).await?;
            tell(&firm.code, &reached, flaw.as_ref())
        } else {
            let flaw = Flaw::of_all("it has a history and is not among the firms");
            tell(&format!("firm {id}"), &Head::before_all(id), Some(&flaw))
        };
    }
    Ok(exit(is_whole))
}

fn read_export(file: &Path, keys: &[String]) -> Result<Read, String> {
    let given = given_keys(keys)?;
    open_export(file)?.verify(given.as_deref()).map_err(|message| unreadable(file, &message))
}

fn open_export(file: &Path) -> Result<Reader<BufReader<File>>, String> {
    let opened = File::open(file).map_err(|error| error.to_string());
    opened.and_then(|opened| Reader::open(BufReader::new(opened))).map_err(|message| unreadable(file, &message))
}

fn unreadable(file: &Path, message: &str) -> String {
    format!("{} cannot be read: {message}", file.display())
}

/// Follows the history in the database, and beside it that of an export which is whole; the message for exit 2 when the
/// file cannot be read any more.
async fn compare(app: &App, file: &Path, read: &Read) -> Result<Result<(Head, Option<Flaw>), String>, Failure> {
    let firms = all_firms(app.db.reader()).await?;
    let Some(Some(firm)) = firms.get(&read.firm_id) else {
        let flaw = Flaw::of_all("the firm of the export is not here any more");
        return Ok(Ok((Head::before_all(read.firm_id), Some(flaw))));
    };
    let mut exported = match open_export(file) {
        Ok(exported) => exported,
        Err(message) => return Ok(Err(message)),
    };
    let (mut behind, mut differs, mut problem) = (0, None, None);
    let mut look = |row: &event::Model| -> Result<(), String> {
        if differs.is_some() || behind == read.reached.seq {
            return Ok(());
        }
        behind += 1;
        let was = exported.event()?.ok_or("it ends too early")?;
        if row.seq != was.seq {
            differs = Some(Flaw::new(was.seq, format!("it is missing: {} is in its place", row.seq)));
        } else if row.hash != was.hash {
            differs = Some(Flaw::new(was.seq, "it is another one than in the export"));
        }
        Ok(())
    };
    let (reached, flaw) = walk(app, firm, |row| {
        problem = problem.take().or_else(|| look(row).err());
        Ok(())
    })
    .await?;
    if let Some(message) = problem {
        return Ok(Err(unreadable(file, &message)));
    }
    if differs.is_none() && behind < read.reached.seq {
        let why = format!("it is missing: the export of {} goes on to {}", read.exported_at, read.reached.seq);
        differs = Some(Flaw::new(behind + 1, why));
    }
    // The first of both: what the chain itself shows, and what only the export shows.
    let first = match (flaw, differs) {
        (Some(flaw), Some(differs)) => Some(if flaw.seq <= differs.seq { flaw } else { differs }),
        (flaw, differs) => flaw.or(differs),
    };
    Ok(Ok((reached, first)))
}

async fn export(args: ExportArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm = match choose_firm(&app, args.firm.as_deref()).await? {
        Ok(firm) => firm,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let mut out = match File::create(&args.output) {
        Ok(file) => BufWriter::new(file),
        Err(error) => return Ok(bad_usage(&format!("{} cannot be written: {error}", args.output.display()))),
    };
    let (reached, flaw) = write_export(&app, &firm, &mut out).await?;
    Ok(exit(tell(&firm.code, &reached, flaw.as_ref())))
}

fn exit(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell_export(read: &Read, is_own_key: bool) -> bool {
    if let Some(key_id) = &read.key_id {
        let whose = if is_own_key { ", the key inside: whose it is, --key checks" } else { "" };
        print(&format!("{}: exported at {}, signed by {key_id}{whose}", shown(&read.firm), shown(&read.exported_at)));
    }
    tell(&read.firm, &read.reached, read.flaw.as_ref())
}

/// Prints how it stands; true when all is well.
fn tell(firm: &str, reached: &Head, flaw: Option<&Flaw>) -> bool {
    let firm = shown(firm);
    print(&match flaw {
        None => format!("{firm}: {} events, the chain is whole, head {}", reached.seq, reached.hash),
        Some(Flaw { seq: Some(seq), why }) => format!("{firm}: event {seq} is wrong: {}", shown(why)),
        Some(Flaw { seq: None, why }) => format!("{firm}: the history is wrong: {}", shown(why)),
    });
    flaw.is_none()
}

fn print(line: &str) {
    // A reader that has gone away is no reason to panic; how it ended says the exit code.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// A text of a file or a row that somebody may have changed: what a terminal would act upon is shown instead.
fn shown(text: &str) -> String {
    text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}
