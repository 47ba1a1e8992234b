//! What a file is, told from its first bytes. Names and declared media types are not trusted.

use super::frames;

/// How many leading bytes [`sniff`] wants to see. Fewer are fine.
pub const SNIFF_BYTES: usize = 4096;

/// A file format the product knows by name. Knowing it does not mean that it can be previewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Webp,
    Heic,
    Avif,
    Gif,
    Wav,
    Mp3,
    /// AAC in ADTS frames (`.aac`), easily mistaken for MP3.
    Aac,
    /// ISO base media file: M4A, MP4 and QuickTime.
    M4a,
    ThreeGp,
    Ogg,
    /// WebM and Matroska.
    Webm,
    Flac,
    Amr,
    /// Other sound and film, by its media type: known so that it is guarded like a recording, and decoded by nothing here.
    Sound(&'static str),
    Pdf,
}

/// What a file can serve as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Photo,
    Recording,
    Document,
}

impl Format {
    /// The registered media type. Containers that may hold video are named as audio: only their sound is used.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::M4a => "audio/mp4",
            Self::ThreeGp => "audio/3gpp",
            Self::Ogg => "audio/ogg",
            Self::Webm => "audio/webm",
            Self::Flac => "audio/flac",
            Self::Amr => "audio/amr",
            Self::Sound(media_type) => media_type,
            Self::Pdf => "application/pdf",
        }
    }

    /// What the format can serve as; `None` is kept for formats that serve as nothing.
    pub fn kind(self) -> Option<MediaKind> {
        Some(match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Heic | Self::Avif | Self::Gif => MediaKind::Photo,
            Self::Pdf => MediaKind::Document,
            Self::Wav | Self::Mp3 | Self::Aac | Self::M4a | Self::ThreeGp => MediaKind::Recording,
            Self::Ogg | Self::Webm | Self::Flac | Self::Amr | Self::Sound(_) => MediaKind::Recording,
        })
    }
}

/// Tells the format from the first bytes of a file (up to [`SNIFF_BYTES`]); `None` when it is none of ours.
pub fn sniff(head: &[u8]) -> Option<Format> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let form = head.get(8..12);
    if starts(&[0xFF, 0xD8, 0xFF]) {
        return Some(Format::Jpeg);
    }
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Some(Format::Png);
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Some(Format::Gif);
    }
    if starts(b"RIFF") && form == Some(b"WEBP") {
        return Some(Format::Webp);
    }
    if (starts(b"RIFF") || starts(b"RF64")) && form == Some(b"WAVE") {
        return Some(Format::Wav);
    }
    match head.get(4..8) {
        Some(b"ftyp") => return sniff_ftyp(head),
        // QuickTime without a brand.
        Some(b"moov") => return Some(Format::M4a),
        _ => {}
    }
    if starts(b"OggS") {
        return Some(Format::Ogg);
    }
    if starts(&[0x1A, 0x45, 0xDF, 0xA3]) {
        return Some(Format::Webm);
    }
    if starts(b"fLaC") {
        return Some(Format::Flac);
    }
    if starts(b"#!AMR") {
        return Some(Format::Amr);
    }
    if let Some(media_type) = sniff_other_sound(head) {
        return Some(Format::Sound(media_type));
    }
    if head[..head.len().min(1024)].windows(5).any(|w| w == b"%PDF-") && !looks_like_audio(head) {
        return Some(Format::Pdf);
    }
    sniff_frames(head)
}

/// Sound and film that no phone of today makes, and that players open all the same.
fn sniff_other_sound(head: &[u8]) -> Option<&'static str> {
    const NAMES: [(&[u8], &str); 7] = [
        (b"caff", "audio/x-caf"),
        (b".snd", "audio/basic"),
        (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "video/x-ms-asf"),
        (b"riff\x2E\x91\xCF\x11", "audio/x-w64"),
        (b"\x0B\x77", "audio/ac3"),
        (b"\0\0\x01\xBA", "video/mp2p"),
        (b".RMF", "application/vnd.rn-realmedia-audio"),
    ];
    if let Some((_, media_type)) = NAMES.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(media_type);
    }
    match (head.get(..4), head.get(8..12)) {
        (Some(b"FORM"), Some(b"AIFF" | b"AIFC")) => return Some("audio/aiff"),
        (Some(b"RIFF"), Some(b"AVI ")) => return Some("video/x-msvideo"),
        _ => {}
    }
    // Packets of 188 bytes, on disks with a time before each.
    let is_stream = |start: usize, step: usize| (0..3).all(|n| head.get(start + n * step) == Some(&0x47));
    if is_stream(0, 188) || is_stream(4, 192) {
        return Some("video/mp2t");
    }
    frames::starts_frame(head, frames::parse_layer_2).then_some("audio/mpeg")
}

/// The brands of an ISO base media file. A still image may call itself `mif1` and name its codec further on.
fn sniff_ftyp(head: &[u8]) -> Option<Format> {
    let size = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let end = size.clamp(16, 256).min(head.len());
    let major = head.get(8..12)?;
    let mut brands = std::iter::once(major).chain(head.get(16..end).unwrap_or(&[]).chunks_exact(4));
    if brands.clone().any(|b| matches!(b, b"avif" | b"avis")) {
        return Some(Format::Avif);
    }
    if matches!(major, b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1") {
        return Some(Format::Heic);
    }
    if major.starts_with(b"3gp") || major.starts_with(b"3g2") {
        return Some(Format::ThreeGp);
    }
    brands.next().map(|_| Format::M4a)
}

fn looks_like_audio(head: &[u8]) -> bool {
    head.starts_with(b"ID3") || head.first() == Some(&0xFF)
}

/// MP3 and ADTS have no magic number: a frame header must be valid and, where visible, be followed by another.
fn sniff_frames(head: &[u8]) -> Option<Format> {
    // A tag sits in front of MP3 nearly always, but AAC and FLAC files carry it too.
    if let Some(tag) = frames::id3v2_len(head) {
        let rest = usize::try_from(tag).ok().and_then(|t| head.get(t..)).unwrap_or(&[]);
        return match rest {
            r if r.starts_with(b"fLaC") => Some(Format::Flac),
            r if frames::starts_frame(r, frames::parse_adts) => Some(Format::Aac),
            _ => Some(Format::Mp3),
        };
    }
    let zeros = head.iter().take_while(|b| **b == 0).count();
    let rest = &head[zeros..];
    if frames::starts_frame(rest, frames::parse_mp3) {
        return Some(Format::Mp3);
    }
    frames::starts_frame(rest, frames::parse_adts).then_some(Format::Aac)
}

/// Whether the bytes read as text: used only to tell a person what was found.
pub(super) fn looks_like_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The cut may fall inside a character.
        Err(e) if e.valid_up_to() + 4 > head.len() && e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or("")
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c'))
}
