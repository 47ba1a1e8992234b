//! Recordings spoiled at random, as many as are asked for: `cargo bench -p peegel-media --bench mutants -- 100000`.
//!
//! Small recordings of every format, made by ffmpeg, are changed in some bytes, cut, doubled or mixed with another one,
//! and listened to. A crash ends this program; what takes longer than [`SLOW`] is kept beside it and named. Run it with
//! little memory, such as `ulimit -v 1000000`, to see that lying sizes do not take more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use peegel_media::child::Tools;
use peegel_media::process_recording;

/// Longest time for a mutant on a busy machine; what takes all the packets that are allowed takes about 4 s.
const SLOW: Duration = Duration::from_secs(20);

/// Name, arguments of ffmpeg.
const SEEDS: [(&str, &[&str]); 20] = [
    ("pcm.wav", &["-c:a", "pcm_s16le", "-ar", "8000"]),
    ("alaw.wav", &["-c:a", "pcm_alaw", "-ar", "8000"]),
    ("ima.wav", &["-c:a", "adpcm_ima_wav", "-ar", "8000"]),
    ("plain.mp3", &["-c:a", "libmp3lame", "-b:a", "32k", "-ar", "16000"]),
    ("stereo.mp3", &["-c:a", "libmp3lame", "-q:a", "7", "-ac", "2"]),
    ("plain.aac", &["-c:a", "aac", "-b:a", "24k", "-ar", "16000"]),
    ("plain.m4a", &["-c:a", "aac", "-b:a", "32k"]),
    ("stereo.m4a", &["-c:a", "aac", "-b:a", "48k", "-ac", "2", "-movflags", "+faststart"]),
    ("apple.m4a", &["-c:a", "alac", "-ar", "16000"]),
    (
        "fragments.mp4",
        &["-c:a", "aac", "-b:a", "24k", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "200000"],
    ),
    ("opus.mp4", &["-c:a", "libopus", "-b:a", "16k"]),
    ("phone.3gp", &["-c:a", "aac", "-b:a", "24k", "-ar", "16000", "-f", "3gp"]),
    ("plain.flac", &["-c:a", "flac", "-ar", "16000"]),
    ("flac.ogg", &["-c:a", "flac", "-ar", "16000", "-f", "ogg"]),
    ("opus.ogg", &["-c:a", "libopus", "-b:a", "16k", "-f", "ogg"]),
    ("low.ogg", &["-c:a", "libopus", "-b:a", "6k", "-application", "voip", "-f", "ogg"]),
    ("vorbis.ogg", &["-c:a", "libvorbis", "-q:a", "0", "-ac", "2"]),
    ("opus.webm", &["-c:a", "libopus", "-b:a", "16k"]),
    ("vorbis.webm", &["-c:a", "libvorbis", "-q:a", "0"]),
    ("live.webm", &["-c:a", "libopus", "-b:a", "16k", "-f", "webm", "-live", "1"]),
];

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn main() {
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(2_000);
    let first = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok()).nth(1).unwrap_or(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    std::fs::create_dir_all(&folder).expect("a folder");
    let seeds: Vec<_> = SEEDS.iter().map(|(name, arguments)| (*name, seed(&folder, name, arguments))).collect();
    let tools = Tools { programs: Vec::new(), scratch: folder.join("work") };
    let path = folder.join(format!("mutant-{}", std::process::id()));
    std::panic::set_hook(Box::new(|_| {}));
    let mut outcomes: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let (mut slowest, mut slow) = (Duration::ZERO, 0);
    for n in first..first + wanted {
        let mut numbers = Numbers(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (name, seed) = &seeds[(n % seeds.len() as u64) as usize];
        let mutant = mutant(seed, &seeds, &mut numbers);
        std::fs::write(&path, &mutant).expect("a file");
        let began = Instant::now();
        let outcome = match process_recording(&path, &tools) {
            Ok(heard) => heard.sound.map_or_else(|error| format!("measured, {}", error.code), |_| "heard".to_owned()),
            Err(error) => error.code.to_owned(),
        };
        let took = began.elapsed();
        slowest = slowest.max(took);
        if took > SLOW {
            slow += 1;
            let kept = folder.join(format!("slow-{n}-{name}"));
            std::fs::write(&kept, &mutant).expect("a file");
            println!("{} took {took:?}: {outcome}", kept.display());
        }
        *outcomes.entry((name, outcome)).or_default() += 1;
    }
    for ((name, outcome), count) in outcomes {
        println!("{name:14} {count:8} {outcome}");
    }
    println!("{wanted} mutants, {slow} slow, the slowest took {slowest:?}");
    std::fs::remove_file(path).expect("it is there");
    assert_eq!(slow, 0, "some mutants take too long");
}

/// One and a half seconds of a call.
fn seed(folder: &Path, name: &str, arguments: &[&str]) -> Vec<u8> {
    let call = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/media/call_et_coffee_good.m4a");
    let path: PathBuf = folder.join(name);
    if !path.exists() {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-ss", "2", "-i"]).arg(call).args(["-t", "1.5", "-strict", "-2"]);
        assert!(ffmpeg.args(arguments).arg(&path).status().expect("ffmpeg is installed").success(), "{name}");
    }
    std::fs::read(path).expect("a file")
}

/// Numbers that follow from the first (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

fn mutant(seed: &[u8], seeds: &[(&str, Vec<u8>)], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + numbers.below(6) {
        // What matters most stands at the beginning, and in some containers at the end.
        let reach = match numbers.below(3) {
            0 => bytes.len(),
            _ => bytes.len().min(700),
        };
        let mut at = numbers.below(reach);
        if numbers.below(4) == 0 {
            at = bytes.len().saturating_sub(at + 1);
        }
        let end = bytes.len().min(at + 1 + numbers.below(64));
        match numbers.below(9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => {
                let other = &seeds[numbers.below(seeds.len())].1;
                let from = numbers.below(other.len());
                let part = &other[from..other.len().min(from + 1 + numbers.below(2_000))];
                bytes.splice(at..end, part.iter().copied());
            }
            // Numbers that sizes, rates and counts are made of.
            4 | 5 => {
                let odd: [&[u8]; 8] = [
                    &[0; 4],
                    &[0xFF; 4],
                    &[0x7F, 0xFF, 0xFF, 0xFF],
                    &[0, 0, 0, 1],
                    &[0xFF; 8],
                    &[0; 8],
                    &[0x80, 0, 0, 0],
                    &[1],
                ];
                for (byte, value) in bytes[at..].iter_mut().zip(odd[numbers.below(odd.len())]) {
                    *byte = *value;
                }
            }
            6 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = numbers.next() as u8;
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}
