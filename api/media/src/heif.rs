//! HEIC and AVIF photos, decoded by `heif-convert` where it is installed. Only their index is read here.

use super::child::{ChildFailure, Limits, Program, Tools, WorkFolder};
use super::exif::Claims;
use super::photo::check_size;
use super::pixels::Decoded;
use super::{Format, MAX_BOXES, MAX_HEIF_ITEMS, MAX_HEIF_PIXELS, MAX_META_BYTES, Source, Timed, Unpreviewable, jpeg};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// What `heif-convert` may take. An HEIC of 49 megapixels takes 3 s and 250 MB, and less than 600 MB of address space.
const LIMITS: Limits =
    Limits { memory_bytes: 1_000_000_000, cpu_s: 30, file_bytes: MAX_OUTPUT_BYTES, wall: Duration::from_secs(60) };
/// Largest JPEG taken from it, in bytes.
const MAX_OUTPUT_BYTES: u64 = 100_000_000;
/// The quality of that JPEG, from which previews are made.
const QUALITY: &str = "92";
/// Its name, and the name of the first one when the file holds several photos.
const OUTPUTS: [&str; 2] = ["photo.jpg", "photo-1.jpg"];
/// Most photos, beside their tiles, in one file: all of them are decoded.
const MAX_SHOWN_ITEMS: u32 = 16;

/// Decodes an HEIC or AVIF within the limits.
pub(super) fn decode(
    source: &Source,
    path: &Path,
    format: Format,
    tools: &Tools,
    claims: &mut Claims,
) -> Result<Decoded, Unpreviewable> {
    claims.read_heif(&mut BufReader::new(Bounded { reader: source.reader()?.into_inner(), left: MAX_META_BYTES }));
    check(&index(source)?)?;
    let missing = || {
        let detail = format!(
            "Photos of type {} are kept, but this server has no program to show them. Ask whoever runs it to install \
             heif-convert (libheif-examples), or send JPEG or PNG.",
            format.media_type()
        );
        Unpreviewable::new("no_decoder", detail)
    };
    let program = Program::find("heif-convert", &tools.programs).ok_or_else(missing)?;
    let folder = WorkFolder::make(tools.scratch.clone())?;
    let path = std::path::absolute(path)?;
    let arguments = ["--quiet", "-q", QUALITY].map(AsRef::as_ref);
    program.run(arguments.into_iter().chain([path.as_os_str(), OUTPUTS[0].as_ref()]), &folder, &LIMITS)?;
    let mut output = None;
    for name in OUTPUTS {
        output = output.or(folder.output(name, MAX_OUTPUT_BYTES)?);
    }
    let output = Source::open(&output.ok_or(ChildFailure::BadOutput)?)?;
    // It was turned upright, and what it carries of metadata was read from the original.
    jpeg::decode(&output, &mut Claims::default())
}

impl From<ChildFailure> for Unpreviewable {
    fn from(failure: ChildFailure) -> Self {
        match failure {
            ChildFailure::NotRun(error) => error.into(),
            ChildFailure::TooLong => Self::new("too_slow", "This photo takes too long to be shown. Send it as JPEG."),
            ChildFailure::BadOutput | ChildFailure::Failed(_) => {
                let detail =
                    "This photo is damaged or of a kind that cannot be shown here. It is kept; send it as JPEG.";
                Self::damaged(detail)
            }
        }
    }
}

/// The content of the `meta` box.
fn index(source: &Source) -> Result<Vec<u8>, Unpreviewable> {
    let mut reader = source.reader()?;
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        // Places that no file has are no failure of the disk.
        if at >= source.len {
            break;
        }
        reader.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        reader.read_exact(&mut head)?;
        let [len @ .., a, b, c, d] = head;
        let (mut len, mut head_len) = (u64::from(u32::from_be_bytes(len)), 8);
        if len == 1 {
            let mut long = [0; 8];
            reader.read_exact(&mut long)?;
            (len, head_len) = (u64::from_be_bytes(long), 16);
        }
        let Some(body) = len.checked_sub(head_len) else { break };
        if &[a, b, c, d] == b"meta" {
            if body > MAX_META_BYTES {
                return Err(too_complex());
            }
            let mut index = vec![0; body as usize];
            reader.read_exact(&mut index)?;
            return Ok(index);
        }
        at = at.saturating_add(len);
    }
    Err(headless())
}

fn headless() -> Unpreviewable {
    Unpreviewable::damaged("This photo has no index. Upload the original again, or send it as JPEG.")
}

fn too_complex() -> Unpreviewable {
    let detail = "This photo is made of too many parts to be shown. Send it as JPEG.";
    Unpreviewable::new("too_complex", detail)
}

/// Refuses what would take too much memory or time, by what the index says of sizes and pictures.
fn check(index: &[u8]) -> Result<(), Unpreviewable> {
    // Version and flags come first.
    let children = boxes(index.get(4..).unwrap_or(&[]));
    let (mut items, mut shown, mut sizes) = (0, 0, 0);
    for (name, body) in children {
        match name {
            b"iinf" => {
                // The number of entries has two bytes or four.
                let from = if body.first() == Some(&0) { 6 } else { 8 };
                for (_, entry) in boxes(body.get(from..).unwrap_or(&[])) {
                    items += 1;
                    // The last flag says that it is a part of another or beside it.
                    shown += u32::from(entry.get(3).is_some_and(|flags| flags & 1 == 0));
                }
            }
            b"iprp" => {
                for (_, properties) in boxes(body).filter(|(name, _)| *name == b"ipco") {
                    for (_, size) in boxes(properties).filter(|(name, _)| *name == b"ispe") {
                        let side =
                            |at: usize| size.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
                        let (Some(width), Some(height)) = (side(4), side(8)) else { return Err(headless()) };
                        check_size(width, height, MAX_HEIF_PIXELS)?;
                        sizes += 1;
                    }
                }
            }
            _ => {}
        }
    }
    if sizes == 0 {
        return Err(headless());
    }
    // Beside the photo a file may hold its EXIF, a thumbnail and maps of depth and brightness.
    if items > MAX_HEIF_ITEMS || shown > MAX_SHOWN_ITEMS {
        return Err(too_complex());
    }
    Ok(())
}

/// The boxes in a box: name and content. Ends at the first that does not fit.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<8>()?;
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let len = if len == 0 { rest.len() } else { len };
        let (this, after) = rest.split_at_checked(len)?;
        rest = after;
        Some((this.get(4..8)?.try_into().ok()?, this.get(8..)?))
    })
}

/// A file of which only so much is read.
struct Bounded {
    reader: Timed,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&mut self.reader).take(self.left).read(buffer)?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
