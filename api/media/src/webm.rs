//! WebM: elements of an id, a size and that many bytes. Recorders that do not know yet how long a recording will be leave the
//! sizes of the outermost two open, and readers cannot tell their end from a cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::MAX_PACKETS;

/// What everything is in, and what holds the sound of some seconds; both may be of unknown size.
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1F43_B675;

/// Whether the file ends where an element ends. One that is no WebM does not.
///
/// # Errors
///
/// When the disk cannot be read.
pub(super) fn is_whole(file: &mut File, len: u64) -> io::Result<bool> {
    let mut reader = BufReader::new(file);
    let mut at = reader.seek(SeekFrom::Start(0))?;
    for _ in 0..MAX_PACKETS {
        if at == len {
            return Ok(true);
        }
        let Some((id, id_bytes)) = number(&mut reader, true)? else { return Ok(false) };
        let Some((size, size_bytes)) = number(&mut reader, false)? else { return Ok(false) };
        at += id_bytes + size_bytes;
        if matches!(id, SEGMENT | CLUSTER) {
            continue;
        }
        let Some(end) = at.checked_add(size).filter(|end| *end <= len) else { return Ok(false) };
        reader.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?;
        at = end;
    }
    Ok(false)
}

/// A number of one to eight bytes, the first of which tells how many, and how many there were; none at the end of the file.
/// In ids, what tells the length is a part of the number.
fn number(reader: &mut impl BufRead, is_id: bool) -> io::Result<Option<(u64, u64)>> {
    let Some(first) = byte(reader)? else { return Ok(None) };
    let more = first.leading_zeros();
    if more > 7 {
        return Ok(None);
    }
    let mut value = if is_id { u64::from(first) } else { u64::from(first) & (0x7F >> more) };
    for _ in 0..more {
        let Some(next) = byte(reader)? else { return Ok(None) };
        value = value << 8 | u64::from(next);
    }
    Ok(Some((value, u64::from(more) + 1)))
}

/// The next byte; none at the end of the file.
fn byte(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    reader.bytes().next().transpose()
}
