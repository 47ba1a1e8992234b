//! Spoiled photos and recordings: the same thousands on every run, and a hundred thousand when asked.
//!
//! Whatever the bytes, the answer comes in time, within memory, and is a photo or recording that callers may trust, or a
//! reason from the list. A panic in a decoder is such a reason; here it may be none of our own code.

use super::super::child::Tools;
use super::super::{DECODE_BYTES, LookedAt, MAX_DURATION_MS, probe_recording, process_photo};
use super::builders::*;
use super::tools;
use image::ExtendedColorType;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Why a file may have no preview or no duration.
const CODES: [&str; 12] = [
    "empty_file",
    "not_an_image",
    "not_a_recording",
    "unsupported_format",
    "too_many_pixels",
    "too_much_memory",
    "too_complex",
    "no_decoder",
    "damaged",
    "missing_index",
    "no_audio",
    "too_slow",
];
/// Longest that a spoiled file may take. Untouched ones of this size take a hundredth.
const IN_TIME: Duration = Duration::from_secs(10);
/// Every so many HEIC and AVIF go to the program that decodes them.
const TO_PROGRAM: u64 = 50;

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Small files of every format, from our own builders and from other people's programs.
fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let (width, height) = (96, 64);
    let picture: Vec<u8> =
        corners(width, height).iter().zip(noise(width, height)).map(|(a, b)| a / 2 + b / 4).collect();
    let plain = jpeg(&picture, width, height);
    let told = tiff(
        vec![ascii(0x10F, "Maker"), short(0x112, 6)],
        vec![ascii(0x9003, "2026:05:01 12:34:56")],
        vec![ascii(1, "N"), degrees(2, [(59, 1), (26, 1), (3_000, 100)])],
    );
    std::fs::write(folder.path().join("in.png"), png(&picture, width, height, ExtendedColorType::Rgb8)).expect("write");
    let mut seeds = vec![
        with_exif(&plain, &told),
        plain,
        png(&picture, width, height, ExtendedColorType::Rgb8),
        png(&[90; 64], 8, 8, ExtendedColorType::L8),
        wav(8000, 1, 4000, 4000),
        mp3(20),
    ];
    let photos: [(&str, &[&str]); 9] = [
        ("progressive.jpg", &["-interlace", "JPEG"]),
        ("ink.jpg", &["-colorspace", "CMYK"]),
        ("palette.png", &["-colors", "16", "-interlace", "PNG"]),
        ("lossy.webp", &["-quality", "60"]),
        ("lossless.webp", &["-define", "webp:lossless=true"]),
        ("hole.webp", &["-alpha", "set", "-channel", "A", "-evaluate", "set", "50%", "+channel"]),
        ("moving.webp", &["-delay", "20", "(", "-clone", "0", "-negate", ")"]),
        ("photo.heic", &["-quality", "60"]),
        ("photo.avif", &["-quality", "60"]),
    ];
    for (name, arguments) in photos {
        seeds.push(made(&folder, "convert", &[&["in.png"], arguments, &[name]].concat(), name));
    }
    let recordings: [(&str, &[&str]); 7] = [
        ("plain.m4a", &["-c:a", "aac"]),
        ("pieces.mp4", &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"]),
        ("call.mp3", &["-c:a", "libmp3lame"]),
        ("call.ogg", &["-c:a", "libopus"]),
        ("call.webm", &["-c:a", "libopus"]),
        ("call.flac", &["-c:a", "flac"]),
        ("call.aac", &["-c:a", "aac"]),
    ];
    for (name, arguments) in recordings {
        let tone = ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=300:duration=1:sample_rate=16000"];
        seeds.push(made(&folder, "ffmpeg", &[&tone, arguments, &[name]].concat(), name));
    }
    seeds
}

fn made(folder: &TempDir, program: &str, arguments: &[&str], name: &str) -> Vec<u8> {
    let done = Command::new(program).args(arguments).current_dir(folder.path()).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh installs what tests need"));
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(folder.path().join(name)).expect("a file")
}

/// A spoiled file.
fn mutant(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(4) {
        spoil(&mut bytes, seeds, numbers);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") && numbers.below(4) > 0 {
        mend_png(&mut bytes);
    }
    bytes
}

fn spoil(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    if bytes.is_empty() {
        return;
    }
    // Heads decide more than pixels.
    let reach = if numbers.below(2) == 0 { bytes.len().min(200) } else { bytes.len() };
    let at = numbers.below(reach);
    let other = &seeds[numbers.below(seeds.len())];
    match numbers.below(8) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][numbers.below(6)],
        2 => {
            let value = [0, 1, 0x7FFF, 0x8000, 0xFFFF, u32::MAX, 0x7FFF_FFFF, 30_000, 5_000][numbers.below(9)];
            let value = if numbers.below(2) == 0 { value.to_be_bytes() } else { value.to_le_bytes() };
            let value = if numbers.below(2) == 0 { &value[..] } else { &value[2..] };
            let end = (at + value.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        3 => bytes.truncate(at),
        4 => {
            let part = bytes[at..(at + 1 + numbers.below(400)).min(bytes.len())].to_vec();
            let to = numbers.below(bytes.len());
            bytes.splice(to..to, part);
        }
        5 => drop(bytes.drain(at..(at + 1 + numbers.below(60)).min(bytes.len()))),
        6 => {
            let from = numbers.below(other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
        _ => {
            let random: Vec<u8> = (0..1 + numbers.below(30)).map(|_| numbers.next() as u8).collect();
            bytes.splice(at..at, random);
        }
    }
}

/// Makes the checksums of a PNG right again: its decoder looks at nothing else otherwise.
fn mend_png(bytes: &mut Vec<u8>) {
    let (mut mended, mut rest) = (bytes[..8].to_vec(), &bytes[8..]);
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some((body, behind)) = behind.split_at_checked(len) else { break };
        let name: &[u8; 4] = head[4..].try_into().expect("four bytes");
        mended.extend(chunk(name, body));
        rest = behind.get(4..).unwrap_or(&[]);
    }
    mended.extend(rest);
    *bytes = mended;
}

/// Looks at a file in both ways and at what comes of it; says whether it is a photo that is shown.
fn check(path: &Path, tools: &Tools) -> bool {
    let LookedAt { exif, photo } = process_photo(path, tools);
    for text in [exif.make, exif.model, exif.software, exif.taken_at, exif.offset].into_iter().flatten() {
        assert!(text.chars().count() <= 128 && !text.chars().any(char::is_control), "{text:?}");
    }
    let is_shown = photo.is_ok();
    match photo {
        Ok(photo) => {
            for (rendition, edge) in [(&photo.preview_320, 320), (&photo.preview_1600, 1600), (&photo.report_960, 960)]
            {
                assert!(rendition.jpeg.starts_with(&[0xFF, 0xD8]) && rendition.jpeg.ends_with(&[0xFF, 0xD9]));
                assert!((1..=edge).contains(&rendition.width.max(rendition.height)));
            }
            assert!(photo.report_960.jpeg.len() <= 120_000);
        }
        Err(error) => assert!(CODES.contains(&error.code), "{error}"),
    }
    match probe_recording(path) {
        Ok(recording) => assert!((1..=MAX_DURATION_MS).contains(&recording.duration_ms)),
        Err(error) => assert!(CODES.contains(&error.code), "{error}"),
    }
    is_shown
}

/// The most memory that this process has held, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

fn fuzz(rounds: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, seeds) = (folder.path().join("input"), seeds());
    let (with, without) = (tools(folder.path()), Tools { programs: Vec::new(), ..tools(folder.path()) });
    let mut numbers = Numbers(20_261_130);
    let (mut slowest, mut shown) = (Duration::ZERO, 0);
    let inputs = seeds.iter().cloned().map(Some).chain((0..rounds).map(|_| None));
    for (round, seed) in (0..).zip(inputs) {
        let bytes = seed.unwrap_or_else(|| mutant(&seeds, &mut numbers));
        std::fs::write(&path, &bytes).expect("write");
        #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
        let began = Instant::now();
        let checked = std::panic::catch_unwind(|| check(&path, if round % TO_PROGRAM == 0 { &with } else { &without }));
        let took = began.elapsed();
        let Some(is_shown) = checked.ok().filter(|_| took <= IN_TIME) else {
            let (_, kept) = tempfile::NamedTempFile::new().and_then(|file| Ok(file.keep()?)).expect("a file");
            std::fs::write(&kept, &bytes).expect("write");
            panic!("input {round} took {took:?} or broke a promise; it is in {}", kept.display());
        };
        slowest = slowest.max(took);
        shown += u64::from(is_shown);
    }
    let peak = peak_bytes();
    println!("{rounds} spoiled files, {shown} shown; the slowest took {slowest:?}, peak {} MB", peak / 1_000_000);
    assert!(shown > rounds / 20, "{shown} of {rounds} get as far as a preview");
    assert!(peak < DECODE_BYTES + 120_000_000, "{peak} bytes");
}

#[test]
fn spoiled_files_break_nothing() {
    fuzz(4_000);
}

/// `cargo test --release -p peegel-media hundred_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_spoiled_files_break_nothing() {
    fuzz(100_000);
}
