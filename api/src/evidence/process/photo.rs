//! What the job does with a photo: previews, how it looks, and what the camera says of it.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::config::program_folders;
use crate::entity::evidence;
use crate::evidence::blobs::Received;
use crate::failure::Failure;
use peegel_media::child::Tools;
use peegel_media::{LookedAt, Photo};

/// The programs of this machine that look into photos, and a folder for them.
pub fn tools(app: &App) -> Tools {
    Tools { programs: program_folders(), scratch: app.blobs.work_folder(app.ids.next()) }
}

/// Stores the previews of a photo.
///
/// # Errors
///
/// [`Failure`] (500, 503, 507) when they cannot be stored.
pub async fn store_renditions(app: &App, firm_id: Uuid, looked: &LookedAt) -> Result<Vec<Received>, Failure> {
    let mut stored = Vec::new();
    if let Ok(photo) = &looked.photo {
        for rendition in [&photo.preview_320, &photo.preview_1600, &photo.report_960] {
            stored.push(app.blobs.store(firm_id, app.ids.next(), rendition.jpeg.clone()).await?);
        }
    }
    Ok(stored)
}

/// Notes with a file what was found in it. What the camera says is kept also of a photo that cannot be shown.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written as JSON, which does not happen.
pub fn note(row: &mut evidence::Model, looked: &LookedAt, renditions: &[Received]) -> Result<(), Failure> {
    let exif = serde_json::to_string(&looked.exif).map_err(Failure::internal)?;
    row.exif = (looked.exif != peegel_media::Exif::default()).then_some(exif);
    if let Ok(photo) = &looked.photo {
        row.facts = Some(facts(photo));
        row.phash = photo.phash.map(u64::cast_signed);
    }
    let mut shas = renditions.iter().map(|rendition| rendition.sha256.clone());
    (row.preview_320_sha256, row.preview_1600_sha256, row.report_sha256) = (shas.next(), shas.next(), shas.next());
    Ok(())
}

/// What everybody who sees the file may know of it.
fn facts(photo: &Photo) -> String {
    json!({"width_px": photo.width_px, "height_px": photo.height_px, "truncated": photo.truncated}).to_string()
}
