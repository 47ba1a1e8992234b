//! How long it takes to listen to an hour, beside ffmpeg doing less: `cargo bench -p peegel-media`, or with files of
//! yours, `cargo bench -p peegel-media -- FILE..`, which also prints what was heard in them.
//!
//! The hour is a call of the fixtures over and over, encoded by ffmpeg. Both work on one thread.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use peegel_media::child::Tools;
use peegel_media::process_recording;

/// What the hour is encoded as: name, arguments of ffmpeg.
const FORMATS: [(&str, &[&str]); 8] = [
    ("hour_mono_24k.m4a", &["-ac", "1", "-ar", "16000", "-c:a", "aac", "-b:a", "24k"]),
    ("hour_mono_64k.m4a", &["-ac", "1", "-ar", "44100", "-c:a", "aac", "-b:a", "64k"]),
    ("hour_stereo_128k.m4a", &["-ac", "2", "-ar", "48000", "-c:a", "aac", "-b:a", "128k"]),
    ("hour_mono_64k.mp3", &["-ac", "1", "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "64k"]),
    ("hour_mono_32k.webm", &["-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k"]),
    ("hour_mono.ogg", &["-ac", "1", "-ar", "44100", "-c:a", "libvorbis", "-q:a", "3"]),
    ("hour_mono.flac", &["-ac", "1", "-ar", "44100", "-c:a", "flac"]),
    ("hour_mono_8k.wav", &["-ac", "1", "-ar", "8000", "-c:a", "pcm_s16le"]),
];

fn main() {
    let named: Vec<PathBuf> = std::env::args().skip(1).filter(|name| name != "--bench").map(PathBuf::from).collect();
    if named.is_empty() {
        hours();
    } else {
        named.iter().for_each(|path| println!("{}: {:#?}", path.display(), process_recording(path, &tools())));
    }
}

fn tools() -> Tools {
    let programs = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from).to_vec();
    Tools { programs, scratch: std::env::temp_dir().join(format!("peegel-bench-{}", std::process::id())) }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn hours() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let call = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/media/call_et_kettle_weak.m4a");
    println!("{:22} {:>8} {:>9} {:>9} {:>8} {:>9}", "", "MB", "ours s", "ffmpeg s", "times", "peak MB");
    for (name, arguments) in FORMATS {
        let path = folder.join(name);
        if !path.exists() {
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-y", "-stream_loop", "-1", "-i"]).arg(&call).args(["-t", "3600"]);
            assert!(ffmpeg.args(arguments).arg(&path).status().expect("ffmpeg is installed").success());
        }
        let began = Instant::now();
        let heard = process_recording(&path, &tools()).expect("a recording");
        let ours = began.elapsed().as_secs_f64();
        assert!(heard.sound.is_ok(), "{name}: {:?}", heard.sound);
        let began = Instant::now();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-threads", "1", "-i"]).arg(&path);
        ffmpeg.args(["-af", "volumedetect,silencedetect=n=-50dB:d=0.5", "-f", "null", "-"]);
        assert!(ffmpeg.status().expect("ffmpeg is installed").success());
        let theirs = began.elapsed().as_secs_f64();
        let mb = path.metadata().expect("a file").len() as f64 / 1e6;
        println!("{name:22} {mb:8.1} {ours:9.2} {theirs:9.2} {:8.2} {:9.0}", ours / theirs, peak_mb());
    }
}

/// The most memory that this process had so far.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).expect("kB") / 1024.0
}
