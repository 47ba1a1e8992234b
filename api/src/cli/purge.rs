//! `peegel purge`: delete what has been kept long enough, now.

use std::process::ExitCode;

use clap::Args;

use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::failure::Failure;
use crate::people::store::list_firms;
use crate::retention::nightly::{forecast, has_failed, purge_now};
use crate::retention::purge::view;

/// Arguments of `peegel purge`.
#[derive(Args, Debug)]
pub struct PurgeArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; all firms if absent
    #[arg(long)]
    firm: Option<String>,
    /// Say what would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `peegel purge`.
///
/// # Errors
///
/// [`Failure`] when the database or the keys fail. Without data it is exit 2.
pub async fn run(args: PurgeArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firms = match &args.firm {
        None => list_firms(app.db.reader()).await?,
        Some(code) => match choose_firm(&app, Some(code)).await? {
            Ok(firm) => vec![firm],
            Err(message) => return Ok(bad_usage(&message)),
        },
    };
    if !args.dry_run {
        app.signing.prepare(app.clock.now()).await?;
    }
    let mut is_well = true;
    for firm in firms {
        let code = &firm.code;
        if args.dry_run {
            forecast(&app, firm.id, |chain, classes, held| {
                for (class, figures) in classes {
                    let (visits, files, bytes) = (figures.visits, figures.files, figures.bytes);
                    println!(
                        "{code}: {}: {class} of {visits} visits would go, {files} files of {bytes} bytes",
                        chain.code
                    );
                }
                if held > 0 {
                    println!("{code}: {}: {held} visits are held", chain.code);
                }
            })
            .await?;
            continue;
        }
        let row = purge_now(&app, firm.id).await?;
        is_well &= !has_failed(&row)?;
        let view = view(row)?;
        for of in &view.counts {
            println!("{code}: {} of {} visits, {} files of {} bytes", of.class, of.visits, of.files, of.bytes);
        }
        for of in &view.held {
            println!("{code}: {} visits are held by {}", of.visits, of.hold_id);
        }
        println!("{code}: purge {} is done, {} visits failed", view.id, view.failed);
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
