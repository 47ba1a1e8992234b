//! The settings file: TOML, one `name = value` a setting, below flags and environment in rank.
//!
//! Its values become the defaults of the arguments before these are read, so that there is one place that knows a
//! setting, its form and its rank.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::config::Hidden;

/// Its name in the data folder.
pub const NAME: &str = "peegel.toml";
/// How environment names of settings begin.
const PREFIX: &str = "PEEGEL_";
/// How alike a name must be to be taken for a slip of the pen.
const LIKENESS: f64 = 0.75;

/// Arguments with everything that the environment and the settings file say.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The arguments.
    pub arguments: T,
    /// Every setting of the command.
    pub settings: Vec<Setting>,
    /// The settings file, if one was read.
    pub file: Option<PathBuf>,
}

/// A setting and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file.
    pub name: String,
    /// Its value without what is secret; nothing when it is not set.
    pub value: Option<String>,
    /// `flag`, `environment`, `file` or `default`.
    pub source: &'static str,
}

/// Why the arguments cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// Help, a version, or wrong usage, as `clap` says it.
    Usage(clap::Error),
    /// What is wrong with the settings file.
    File(String),
}

/// Reads arguments, environment and settings file.
///
/// # Errors
///
/// [`Unusable`] when one of them cannot be used.
pub fn load<T: CommandFactory + FromArgMatches>() -> Result<Loaded<T>, Unusable> {
    load_from(T::command(), std::env::args_os().collect())
}

fn load_from<T: FromArgMatches>(command: Command, line: Vec<std::ffi::OsString>) -> Result<Loaded<T>, Unusable> {
    // A first look that only wants to know where the file is. Help and versions need none.
    let loose = command.clone().ignore_errors(true).try_get_matches_from(line.clone()).ok();
    let file = loose.as_ref().and_then(find);
    let values = match &file {
        Some(file) => read(file, &names(&command)).map_err(Unusable::File)?,
        None => BTreeMap::new(),
    };
    let mut command = with_defaults(command, &values);
    let failed = |error: clap::Error| match &file {
        Some(file) if error.use_stderr() => {
            Unusable::File(format!("{error}\n(some settings are from {})", file.display()))
        }
        _ => Unusable::Usage(error),
    };
    let matches = command.try_get_matches_from_mut(line).map_err(failed)?;
    let settings = settings(&command, &matches, &values);
    let arguments = T::from_arg_matches(&matches).map_err(Unusable::Usage)?;
    Ok(Loaded { arguments, settings, file })
}

/// The file named, or the one in the data folder if there is one. A demo has no settings.
fn find(matches: &ArgMatches) -> Option<PathBuf> {
    if let Ok(Some(named)) = matches.try_get_one::<PathBuf>("config") {
        return Some(named.clone());
    }
    if matches.subcommand_name() == Some("demo") {
        return None;
    }
    let last = deepest(matches);
    if let Ok(Some(named)) = last.try_get_one::<PathBuf>("config") {
        return Some(named.clone());
    }
    let folder = last.try_get_one::<PathBuf>("data").ok().flatten()?;
    Some(folder.join(NAME)).filter(|file| file.is_file())
}

/// What was said to the command that is run.
fn deepest(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| deepest(matches))
}

/// The name of an argument in the file, if it is a setting that may stand there.
fn name_of(argument: &clap::Arg) -> Option<String> {
    let name = argument.get_env()?.to_str()?.strip_prefix(PREFIX)?.to_ascii_lowercase();
    // A file cannot name itself, and the folder of a demo is nobody else's.
    (!matches!(name.as_str(), "config" | "demo")).then_some(name)
}

/// All names that may stand in the file.
fn names(command: &Command) -> Vec<String> {
    let mut found: Vec<_> = command.get_arguments().filter_map(name_of).collect();
    found.extend(command.get_subcommands().flat_map(names));
    found.sort_unstable();
    found.dedup();
    found
}

/// Values by name; each has one text or, where the file has a list, several.
type Values = BTreeMap<String, Vec<String>>;

fn read(file: &Path, known: &[String]) -> Result<Values, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    parse(&text, known).map_err(|message| format!("{shown}: {message}"))
}

fn parse(text: &str, known: &[String]) -> Result<Values, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut values = Values::new();
    for (name, value) in table {
        if !known.contains(&name) {
            return Err(unknown(&name, known));
        }
        let texts = match value {
            toml::Value::Array(entries) => entries.into_iter().map(text_of).collect(),
            single => text_of(single).map(|text| vec![text]),
        };
        let texts = texts.ok_or_else(|| format!("`{name}` is a text, a number, true, false, or a list of texts"))?;
        values.insert(name, texts);
    }
    Ok(values)
}

fn text_of(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn unknown(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(&name.replace('-', "_"), known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("there is no setting `{name}`; did you mean `{nearest}`?"),
        None => format!("there is no setting `{name}`; there are: {}", known.join(", ")),
    }
}

/// The command with the values of the file as defaults.
fn with_defaults(command: Command, values: &Values) -> Command {
    let command = command.mut_args(|argument| match name_of(&argument).and_then(|name| values.get(&name)) {
        Some(values) => argument.default_values(values.clone()),
        None => argument,
    });
    command.mut_subcommands(|subcommand| with_defaults(subcommand, values))
}

/// What the settings of the command that is run are, and where from.
fn settings(command: &Command, matches: &ArgMatches, values: &Values) -> Vec<Setting> {
    if let Some((name, matches)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
    {
        return settings(subcommand, matches, values);
    }
    let setting = |argument: &clap::Arg| {
        let name = name_of(argument)?;
        let id = argument.get_id().as_str();
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            _ if values.contains_key(&name) => "file",
            _ => "default",
        };
        let raw = matches.get_raw(id).map(|values| values.map(|value| value.to_string_lossy()).collect::<Vec<_>>());
        // One rule: what has the type of secrets is never shown, and of addresses their passwords are not.
        let is_secret = argument.get_value_parser().type_id() == TypeId::of::<Hidden>();
        let shown = |text: String| if is_secret { "(set)".to_owned() } else { without_secrets(&text) };
        let value = raw.map(|values| shown(values.join(",")));
        Some(Setting { name, value, source })
    };
    command.get_arguments().filter_map(setting).collect()
}

/// A value as it may be shown: an address loses its password and its query.
fn without_secrets(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let (address, query) = rest.split_once('?').map_or((rest, ""), |(address, _)| (address, "?(hidden)"));
    // The last one: a password may hold an @ of its own.
    let address = match address.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            let hidden = if user.contains(':') { ":(hidden)" } else { "" };
            format!("{name}{hidden}@{host}")
        }
        None => address.to_owned(),
    };
    format!("{scheme}://{address}{query}")
}

#[cfg(test)]
mod tests {
    use clap::{Args, Parser, Subcommand};

    use super::*;

    #[derive(Parser, Debug)]
    struct Example {
        #[arg(long, global = true, env = "PEEGEL_UNIT_LOG", default_value = "info")]
        log: String,
        #[arg(long, global = true, env = "PEEGEL_CONFIG")]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: Do,
    }

    #[derive(Subcommand, Debug)]
    enum Do {
        Run(Run),
    }

    #[derive(Args, Debug)]
    struct Run {
        #[arg(long, env = "PEEGEL_UNIT_LISTEN", default_value = "here")]
        listen: String,
        #[arg(long, env = "PEEGEL_UNIT_QUIET")]
        quiet: bool,
        #[arg(long, env = "PEEGEL_UNIT_HOSTS", value_delimiter = ',')]
        hosts: Vec<String>,
        #[arg(long, env = "PEEGEL_UNIT_COUNT", default_value_t = 1)]
        count: u32,
        #[arg(long, env = "PEEGEL_UNIT_MAIL_URL")]
        mail_url: Option<String>,
        #[arg(long, env = "PEEGEL_UNIT_SEAL")]
        seal: Option<Hidden>,
    }

    fn load(text: &str, line: &[&str]) -> Result<Loaded<Example>, String> {
        let file = std::env::temp_dir()
            .join(format!("peegel-unit-{}.toml", crate::secrets::hex(&crate::secrets::random_bytes::<8>())));
        std::fs::write(&file, text).unwrap();
        let line = ["peegel", "run", "--config", file.to_str().unwrap()].iter().chain(line).map(Into::into).collect();
        let loaded = load_from(Example::command(), line);
        std::fs::remove_file(&file).unwrap();
        loaded.map_err(|unusable| match unusable {
            Unusable::Usage(error) => error.to_string(),
            Unusable::File(message) => message,
        })
    }

    #[test]
    fn the_file_stands_below_flags_and_above_defaults() {
        let text = "unit_listen = \"there\"\nunit_quiet = true\nunit_hosts = [\"a\", \"b\"]\nunit_log = \"debug\"\n\
                    unit_count = 7\nunit_mail_url = \"smtp://me:pass@word@mail.example:25?x=secret\"\nunit_seal = \"hush\"";
        let loaded = load(text, &["--listen", "elsewhere"]).unwrap();
        let Do::Run(run) = loaded.arguments.command;
        assert_eq!((run.listen.as_str(), run.quiet, run.count), ("elsewhere", true, 7));
        assert_eq!((run.hosts, loaded.arguments.log.as_str()), (vec!["a".to_owned(), "b".to_owned()], "debug"));
        let of = |name: &str| loaded.settings.iter().find(|setting| setting.name == name).unwrap();
        assert_eq!(of("unit_listen").source, "flag");
        assert_eq!((of("unit_hosts").source, of("unit_hosts").value.as_deref()), ("file", Some("a,b")));
        assert_eq!(of("unit_log").source, "file");
        assert_eq!(of("unit_mail_url").value.as_deref(), Some("smtp://me:(hidden)@mail.example:25?(hidden)"));
        assert_eq!(of("unit_seal").value.as_deref(), Some("(set)"), "its type says that it is secret");
        assert_eq!(run.seal.as_ref().map(Hidden::reveal), Some("hush"));
        let Do::Run(run) = load("", &[]).unwrap().arguments.command;
        assert_eq!((run.listen.as_str(), run.quiet, run.count, run.mail_url), ("here", false, 1, None));
    }

    #[test]
    fn a_slip_of_the_pen_is_named() {
        let message = load("unit_lisen = \"x\"", &[]).unwrap_err();
        assert!(message.contains("no setting `unit_lisen`; did you mean `unit_listen`?"), "{message}");
        assert!(load("unit-listen = \"x\"", &[]).unwrap_err().contains("did you mean `unit_listen`?"));
        assert!(load("zzz = 1", &[]).unwrap_err().contains("there are: unit_count, unit_hosts"));
        assert!(load("config = \"x\"", &[]).unwrap_err().contains("no setting `config`"));
        assert!(load("[unit_listen]\na = 1", &[]).unwrap_err().contains("`unit_listen` is a text"));
        assert!(load("unit_listen", &[]).unwrap_err().contains("TOML"));
        let message = load("unit_count = \"many\"", &[]).unwrap_err();
        assert!(message.contains("--count") && message.contains("some settings are from"), "{message}");
    }
}
