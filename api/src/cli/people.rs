//! `peegel firm` and `peegel user`: the first people of an installation.

use std::io::BufRead;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use poem_openapi::types::Password;
use uuid::Uuid;

use crate::app::App;
use crate::chains;
use crate::cli::{bad_usage, choose_firm, open_existing, open_now};
use crate::config::DataSettings;
use crate::failure::Failure;
use crate::people::service;
use crate::people::types::{NewUser, Scope};
use crate::secrets::new_password;
use crate::words::{MembershipState, Role};

/// Arguments of `peegel firm`.
#[derive(Args, Debug)]
pub struct FirmArgs {
    #[command(subcommand)]
    command: FirmCommand,
}

#[derive(Subcommand, Debug)]
enum FirmCommand {
    /// Add a firm
    Add {
        #[command(flatten)]
        data: DataSettings,
        /// A short name for commands: letters, digits, dots, underscores and hyphens, at most 64
        #[arg(long)]
        code: String,
        /// The name
        #[arg(long)]
        name: String,
    },
}

/// Arguments of `peegel user`.
#[derive(Args, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// Add somebody to a firm
    Add(AddUser),
}

#[derive(Args, Debug)]
struct AddUser {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; not needed while there is one firm
    #[arg(long)]
    firm: Option<String>,
    /// The address to sign in with
    #[arg(long)]
    email: String,
    /// The name; the address if absent
    #[arg(long)]
    name: Option<String>,
    /// firm_admin, reviewer, auditor, chain_viewer or branch_manager
    #[arg(long)]
    role: Role,
    /// The chain's code, for chain viewers and branch managers
    #[arg(long)]
    chain: Option<String>,
    /// A branch's code, for branch managers; may be repeated
    #[arg(long = "branch")]
    branches: Vec<String>,
    /// en, et or hu
    #[arg(long, default_value = "en", value_parser = ["en", "et", "hu"])]
    locale: String,
    /// Read the first password from standard input; without it one is made and printed. Somebody who is known already
    /// keeps their own and gets a mail
    #[arg(long)]
    password_stdin: bool,
    /// Send a mail in which the person chooses the password
    #[arg(long, conflicts_with = "password_stdin")]
    invite: bool,
}

/// `peegel firm add`.
///
/// # Errors
///
/// [`Failure`] when the code is taken or the data cannot be used.
pub async fn firm(args: FirmArgs) -> Result<ExitCode, Failure> {
    let FirmCommand::Add { data, code, name } = args.command;
    let app = open_now(&data).await?;
    let firm = service::add_firm(&app, &code, &name).await?;
    println!("{}", firm.id);
    Ok(ExitCode::SUCCESS)
}

/// `peegel user add`.
///
/// # Errors
///
/// [`Failure`] naming everything wrong with the person, or when the data cannot be used. Without data it is exit 2.
pub async fn user(args: UserArgs) -> Result<ExitCode, Failure> {
    let UserCommand::Add(add) = args.command;
    let app = match open_existing(&add.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm = match choose_firm(&app, add.firm.as_deref()).await? {
        Ok(firm) => firm,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let scope = match scope_of(&app, firm.id, add.chain.as_deref(), &add.branches).await? {
        Ok(scope) => scope,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let made = (!add.password_stdin && !add.invite).then(new_password);
    let password = match &made {
        Some(password) => Some(password.clone()),
        None if add.invite => None,
        None => Some(std::io::stdin().lock().lines().next().transpose()?.unwrap_or_default()),
    };
    let new = NewUser {
        name: add.name.unwrap_or_else(|| add.email.clone()),
        email: add.email,
        role: add.role,
        locale: add.locale,
        password: password.map(Password),
        scope: (scope != Scope::default()).then_some(scope),
    };
    let added = service::add_member(&app, firm.id, new).await?;
    match made {
        _ if added.state == MembershipState::Pending => println!(
            "The membership waits until this person accepts it: by the mail that the server sends, or signed in with \
             POST /v1/memberships/{}/accept. Who has a password keeps it.",
            added.id
        ),
        Some(password) => println!("password: {password}"),
        None => println!("added"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn scope_of(
    app: &App,
    firm_id: Uuid,
    chain: Option<&str>,
    branches: &[String],
) -> Result<Result<Scope, String>, Failure> {
    let Some(code) = chain else {
        return Ok(if branches.is_empty() { Ok(Scope::default()) } else { Err("--branch needs --chain".to_owned()) });
    };
    let db = app.db.reader();
    let found = chains::store::chains_by_code(db, firm_id, code).await?;
    let Some(chain) = found.first() else { return Ok(Err(format!("there is no chain {code}"))) };
    let mut branch_ids = Vec::new();
    for code in branches {
        let found = chains::store::branches_by_code(db, firm_id, code).await?;
        match found.iter().find(|branch| branch.chain_id == chain.id) {
            Some(branch) => branch_ids.push(branch.id),
            None => return Ok(Err(format!("the chain has no branch {code}"))),
        }
    }
    Ok(Ok(Scope { chain_id: Some(chain.id), region_id: None, branch_ids }))
}
