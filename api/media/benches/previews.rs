//! How long photos take: `previews FILE ROUNDS` prints the times of so many rounds in milliseconds, of the two previews
//! alone and of everything that is made of a photo, and the most memory held. `beside_vips.py` runs it beside libvips.

use peegel_media::child::Tools;
use peegel_media::{both_previews, process_photo};
use std::path::Path;
use std::time::Instant;

/// How long something takes, in milliseconds.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let began = Instant::now();
    let done = work();
    (began.elapsed().as_secs_f64() * 1000.0, done)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, rounds] = &arguments[..] else { return Err("previews FILE ROUNDS".into()) };
    let (file, tools) = (Path::new(file), Tools { programs: Vec::new(), scratch: "not-used".into() });
    let (mut both, mut all) = (Vec::new(), Vec::new());
    for _ in 0..rounds.parse::<usize>()? {
        let (ms, previews) = timed(|| both_previews(file, &tools));
        assert_eq!(previews?.map(|preview| preview.width.max(preview.height)), [1600, 320]);
        both.push(ms);
        let (ms, looked) = timed(|| process_photo(file, &tools));
        assert!(looked.photo?.phash.is_some());
        all.push(ms);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    println!(
        "{{\"both_ms\": {both:.1?}, \"all_ms\": {all:.1?}, \"peak_kb\": {}}}",
        peak.trim().trim_end_matches(" kB")
    );
    Ok(())
}
