//! What is heard in recordings of every format, made by ffmpeg, sox and espeak-ng: a telephone rings, somebody speaks,
//! music is played, somebody speaks again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::child::Tools;
use super::super::{Heard, Sound, process_recording};
use super::{file, fixture, no_tools};
use tempfile::TempDir;

/// Runs a program that `tests/run.sh` installs, and gives what it printed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh installs it"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The programs of this machine, and a folder for them.
fn tools(folder: &TempDir) -> Tools {
    let programs = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from).to_vec();
    Tools { programs, scratch: folder.path().join("work") }
}

/// Length of a sound by sox, in milliseconds.
fn length_ms(name: &str, folder: &Path) -> u64 {
    let seconds: f64 = run("soxi", &["-D", name], folder).trim().parse().expect("seconds");
    (seconds * 1000.0).round() as u64
}

/// A call as a WAV of 44.1 kHz, and where its parts begin.
struct Call {
    folder: TempDir,
    speech_ms: u64,
    hold_ms: u64,
    again_ms: u64,
    end_ms: u64,
    whole_ms: u64,
}

const CALL: &str = "call.wav";

impl Call {
    fn make() -> Self {
        let folder = TempDir::new().expect("a folder");
        let at = folder.path();
        let sox = |arguments: &str| run("sox", &format!("-D {arguments}").split(' ').collect::<Vec<_>>(), at);
        // Two rings as in Europe, the second cut off by who answers.
        sox("-n -r 44100 -c 1 -b 16 ring.wav synth 1 sine 425 gain -14 pad 0 4 repeat 1 trim 0 6.4");
        for (name, text) in [
            ("hello", "Good morning, this is the shop in Long Street. How can I help you today?"),
            ("again", "Thank you for waiting. We have six blue kettles, and they cost forty euros each. Goodbye!"),
        ] {
            run("espeak-ng", &["-v", "en+f3", "-w", "said.wav", text], at);
            // Without the silence that it begins and ends with, and as loud as a telephone is.
            sox(&format!(
                "said.wav -r 44100 -c 1 -b 16 {name}.wav silence 1 0.02 1% reverse silence 1 0.02 1% reverse gain -n -6"
            ));
        }
        // Notes of a broken chord, over and over.
        for (n, note) in ["C4", "E4", "G4", "C5"].iter().enumerate() {
            sox(&format!("-n -r 44100 -c 1 -b 16 note{n}.wav synth 0.4 pluck {note} fade 0 0.4 0.05 gain -n -10"));
        }
        sox("note0.wav note1.wav note2.wav note3.wav note2.wav note1.wav music.wav repeat 4");
        sox("-n -r 44100 -c 1 -b 16 pause.wav trim 0 0.8");
        sox(&format!("ring.wav pause.wav hello.wav pause.wav music.wav pause.wav again.wav pause.wav {CALL}"));
        let ms = |name: &str| length_ms(&format!("{name}.wav"), at);
        let speech_ms = ms("ring") + ms("pause");
        let hold_ms = speech_ms + ms("hello");
        let again_ms = hold_ms + 2 * ms("pause") + ms("music");
        let end_ms = again_ms + ms("again");
        let whole_ms = ms("call");
        Self { folder, speech_ms, hold_ms, again_ms, end_ms, whole_ms }
    }

    /// Encodes the call by ffmpeg.
    fn encode(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let input = ["-v", "error", "-y", "-i", CALL];
        run("ffmpeg", &[&input, arguments, &[name]].concat(), self.folder.path());
        self.folder.path().join(name)
    }

    fn hear(&self, path: &Path) -> Heard {
        process_recording(path, &tools(&self.folder)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What was heard is what was put together.
    fn check(&self, name: &str, sound: &Sound) {
        let about = |found: u64, wanted: u64, within: u64, what: &str| {
            assert!(found.abs_diff(wanted) <= within, "{name}: {what} {found} instead of {wanted}: {sound:?}");
        };
        about(sound.first_speech_ms.expect("speech"), self.speech_ms, 250, "first speech");
        about(sound.last_speech_ms.expect("speech"), self.end_ms, 400, "last speech");
        about(sound.hold_ms, self.again_ms - self.hold_ms, 600, "hold");
        let hold = sound.longest_hold.expect("a hold");
        about(hold.start_ms, self.hold_ms, 400, "hold at");
        let spoken_ms = self.hold_ms - self.speech_ms + self.end_ms - self.again_ms;
        about(sound.speech_bp, spoken_ms * 10_000 / self.whole_ms, 700, "speech");
        // Between the rings.
        let silence = sound.longest_silence.expect("a silence");
        about(silence.start_ms, 1_000, 120, "silence at");
        about(silence.end_ms, 5_000, 120, "silence until");
        about(sound.peaks.len() as u64 * sound.peak_ms, self.whole_ms, sound.peak_ms + 60, "length of the peaks");
        let peak_at = |ms: u64| sound.peaks[(ms / sound.peak_ms) as usize];
        // A fifth of full scale; as stereo, ffmpeg makes it 3 decibels less.
        about(peak_at(500).into(), 44, 16, "peak of a ring");
        assert!(peak_at(3_000) <= 3, "{name}: no peak in silence: {}", peak_at(3_000));
        assert!(*sound.peaks.iter().max().expect("peaks") >= 70, "{name}: a voice is louder than a ring");
        assert_eq!(sound.clipped_bp, 0, "{name}");
        assert!((-4_000..-1_000).contains(&sound.level_cdb.expect("a level")), "{name}: {:?}", sound.level_cdb);
    }
}

/// Name, container, codec, arguments of ffmpeg.
const FORMATS: [(&str, &str, &str, &[&str]); 29] = [
    ("pcm8.wav", "wav", "pcm", &["-c:a", "pcm_u8", "-ar", "11025"]),
    ("pcm16.wav", "wav", "pcm", &["-c:a", "pcm_s16le", "-ar", "8000"]),
    ("pcm24.wav", "wav", "pcm", &["-c:a", "pcm_s24le", "-ar", "48000", "-ac", "2"]),
    ("pcm32.wav", "wav", "pcm", &["-c:a", "pcm_s32le", "-ar", "96000"]),
    ("float.wav", "wav", "pcm_float", &["-c:a", "pcm_f32le"]),
    ("double.wav", "wav", "pcm_float", &["-c:a", "pcm_f64le"]),
    ("alaw.wav", "wav", "alaw", &["-c:a", "pcm_alaw", "-ar", "8000"]),
    ("mulaw.wav", "wav", "mulaw", &["-c:a", "pcm_mulaw", "-ar", "8000"]),
    ("long.wav", "wav", "pcm", &["-c:a", "pcm_s16le", "-rf64", "always"]),
    ("ima.wav", "wav", "adpcm", &["-c:a", "adpcm_ima_wav", "-ar", "22050"]),
    ("constant.mp3", "mp3", "mp3", &["-c:a", "libmp3lame", "-b:a", "64k"]),
    ("variable.mp3", "mp3", "mp3", &["-c:a", "libmp3lame", "-q:a", "5", "-ar", "22050"]),
    (
        "tagged.mp3",
        "mp3",
        "mp3",
        &["-c:a", "libmp3lame", "-b:a", "32k", "-ar", "16000", "-metadata", "title=Kõne", "-id3v2_version", "3"],
    ),
    ("adts.aac", "adts", "aac", &["-c:a", "aac", "-b:a", "64k"]),
    ("phone.m4a", "mp4", "aac", &["-c:a", "aac", "-b:a", "64k"]),
    (
        "stereo.m4a",
        "mp4",
        "aac",
        &["-c:a", "aac", "-b:a", "96k", "-ac", "2", "-ar", "48000", "-movflags", "+faststart"],
    ),
    ("apple.m4a", "mp4", "alac", &["-c:a", "alac"]),
    (
        "fragmented.mp4",
        "mp4",
        "aac",
        &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "1000000"],
    ),
    ("opus.mp4", "mp4", "opus", &["-c:a", "libopus", "-strict", "-2"]),
    (
        "fragmented_opus.mp4",
        "mp4",
        "opus",
        &["-c:a", "libopus", "-strict", "-2", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "1000000"],
    ),
    ("aac.3gp", "mp4", "aac", &["-c:a", "aac", "-ar", "16000", "-b:a", "24k", "-f", "3gp"]),
    ("plain.flac", "flac", "flac", &["-c:a", "flac"]),
    ("flac.oga", "ogg", "flac", &["-c:a", "flac", "-f", "ogg"]),
    ("opus.ogg", "ogg", "opus", &["-c:a", "libopus", "-b:a", "24k"]),
    ("vorbis.ogg", "ogg", "vorbis", &["-c:a", "libvorbis", "-q:a", "2"]),
    ("opus.webm", "webm", "opus", &["-c:a", "libopus", "-b:a", "32k"]),
    ("vorbis.webm", "webm", "vorbis", &["-c:a", "libvorbis"]),
    ("live.webm", "webm", "opus", &["-c:a", "libopus", "-f", "webm", "-live", "1"]),
    ("quick.mov", "mp4", "pcm", &["-c:a", "pcm_s16le", "-f", "mov"]),
];

#[test]
fn every_format_is_measured_and_heard() {
    let call = Call::make();
    for (name, container, codec, arguments) in FORMATS {
        let path = call.encode(name, arguments);
        let heard = call.hear(&path);
        let recording = &heard.recording;
        assert_eq!((recording.container, recording.codec, recording.truncated), (container, codec, false), "{name}");
        let probed = run(
            "ffprobe",
            &["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", name],
            call.folder.path(),
        );
        // A live file does not say how long it is, and of bare frames ffprobe guesses.
        let probed_ms = probed.trim().parse::<f64>().map_or(call.whole_ms, |seconds| (seconds * 1000.0) as u64);
        let probed_ms = if container == "adts" { call.whole_ms } else { probed_ms };
        for wanted in [probed_ms, call.whole_ms] {
            assert!(recording.duration_ms.abs_diff(wanted) <= 110, "{name}: {} of {wanted}", recording.duration_ms);
        }
        call.check(name, heard.sound.as_ref().unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

#[test]
fn channels_that_cancel_each_other_out_are_heard() {
    let call = Call::make();
    let opposite = ["-af", "pan=stereo|c0=c0|c1=-1*c0"];
    for (name, codec) in [("opposite.wav", "pcm_s16le"), ("opposite.flac", "flac")] {
        let heard = call.hear(&call.encode(name, &[&opposite[..], &["-c:a", codec]].concat()));
        assert_eq!(heard.recording.channels, 2);
        let sound = heard.sound.expect(name);
        assert!(sound.peaks.iter().any(|peak| *peak > 20), "{name}");
        call.check(name, &sound);
    }
}

#[test]
fn a_header_that_lies_of_its_length_is_not_believed() {
    let call = Call::make();
    let mut wav = std::fs::read(call.encode("ima.wav", &["-c:a", "adpcm_ima_wav"])).expect("a file");
    let at = wav.windows(4).position(|four| four == b"fact").expect("a chunk") + 8;
    wav[at..at + 4].copy_from_slice(&(7_200 * 44_100_u32).to_le_bytes());
    let heard = process_recording(file(&wav).path(), &no_tools()).expect("measured");
    assert!(heard.recording.duration_ms.abs_diff(call.whole_ms) <= 110, "{:?}", heard.recording);
    call.check("ima.wav", &heard.sound.expect("decoded"));
}

#[test]
fn a_recording_of_unknown_length_is_whole_when_it_ends_with_an_element() {
    let call = Call::make();
    let live = call.encode("live.webm", &["-c:a", "libopus", "-f", "webm", "-live", "1"]);
    let mut bytes = std::fs::read(live).expect("a file");
    // As browsers write them: clusters do not say how long they are either.
    let clusters: Vec<_> = (0..bytes.len() - 12).filter(|at| bytes[*at..].starts_with(b"\x1F\x43\xB6\x75")).collect();
    assert!(!clusters.is_empty());
    for at in clusters {
        let more = bytes[at + 4].leading_zeros();
        bytes[at + 4] = 0xFF >> more;
        bytes[at + 5..][..more as usize].fill(0xFF);
    }
    let whole = process_recording(file(&bytes).path(), &no_tools()).expect("measured").recording;
    assert!(!whole.truncated && whole.duration_ms.abs_diff(call.whole_ms) <= 110, "{whole:?}");
    let cut = process_recording(file(&bytes[..bytes.len() - 20]).path(), &no_tools()).expect("measured").recording;
    assert!(cut.truncated, "{cut:?}");
}

#[test]
fn sound_beside_a_film_is_heard() {
    let call = Call::make();
    for (name, video, sound) in
        [("film.mp4", "mpeg4", "aac"), ("film.3gp", "mpeg4", "aac"), ("film.webm", "libvpx", "libopus")]
    {
        let film = ["-f", "lavfi", "-i", "testsrc=size=176x144:rate=5", "-map", "0:a", "-map", "1:v", "-shortest"];
        let film = [&film[..], &["-c:v", video, "-c:a", sound]].concat();
        let heard = call.hear(&call.encode(name, &film));
        assert!(heard.recording.duration_ms.abs_diff(call.whole_ms) <= 300, "{name}: {:?}", heard.recording);
        call.check(name, &heard.sound.expect(name));
    }
}

#[test]
fn amr_is_measured_and_heard_where_ffmpeg_is() {
    let call = Call::make();
    run("sox", &[CALL, "-r", "8000", "call.amr-nb"], call.folder.path());
    let amr = call.folder.path().join("call.amr-nb");
    run("ffmpeg", &["-v", "error", "-y", "-i", "call.amr-nb", "-c", "copy", "call.3gp"], call.folder.path());
    let in_3gp = call.folder.path().join("call.3gp");
    for (path, container) in [(&amr, "amr"), (&in_3gp, "mp4")] {
        let without = process_recording(path, &no_tools()).expect("measured");
        assert_eq!((without.recording.container, without.recording.codec), (container, "amr_nb"));
        assert!(without.recording.duration_ms.abs_diff(call.whole_ms) <= 60, "{:?}", without.recording);
        assert_eq!(without.sound.expect_err("no decoder").code, "unsupported_codec");
        let heard = call.hear(path);
        assert_eq!(heard.recording, without.recording);
        call.check(container, &heard.sound.expect("ffmpeg decodes it"));
        assert!(!call.folder.path().join("work").exists(), "nothing is left behind");
    }
    let bytes = std::fs::read(&amr).expect("a file");
    let cut = process_recording(file(&bytes[..bytes.len() / 2 + 7]).path(), &no_tools()).expect("measured").recording;
    // Silence takes less room than speech.
    assert!(cut.truncated && (call.whole_ms / 4..call.whole_ms * 3 / 4).contains(&cut.duration_ms), "{cut:?}");
    // What is no frame is passed over; ffmpeg has no more of it than we have.
    let broken = [&bytes[..6], &[0xFF; 3000][..]].concat();
    let heard = process_recording(file(&broken).path(), &tools(&call.folder)).expect("measured");
    assert!(heard.sound.is_ok_and(|sound| sound.speech.is_empty()) || heard.recording.duration_ms == 60_000);
}

#[test]
fn a_cut_recording_is_heard_as_far_as_it_goes() {
    let call = Call::make();
    for (name, _, _, arguments) in FORMATS {
        let whole = std::fs::read(call.encode(name, arguments)).expect("a file");
        for part in [2, 5, 8] {
            let cut = file(&whole[..whole.len() * part / 10 + 3]);
            match process_recording(cut.path(), &no_tools()) {
                Ok(heard) => {
                    let recording = &heard.recording;
                    // A live file has no length that it could fall short of, unless it is cut inside a packet.
                    assert!(recording.truncated, "{name} at {part}: {recording:?}");
                    let most = call.whole_ms * (part as u64 * 10 + 25) / 100;
                    assert!(recording.duration_ms <= most, "{name} at {part}: {recording:?} of {}", call.whole_ms);
                    if let Ok(sound) = &heard.sound {
                        let length = sound.peaks.len() as u64 * sound.peak_ms;
                        assert!(length.abs_diff(recording.duration_ms) <= sound.peak_ms + 20, "{name} at {part}");
                    }
                }
                Err(error) => assert!(["missing_index", "damaged"].contains(&error.code), "{name} at {part}: {error}"),
            }
        }
    }
}

#[test]
fn only_voices_are_speech() {
    let folder = TempDir::new().expect("a folder");
    let sox = |name: &str, arguments: &str| {
        let all = format!("-D -n -r 16000 -c 1 -b 16 {name} {arguments}");
        run("sox", &all.split(' ').collect::<Vec<_>>(), folder.path());
        process_recording(&folder.path().join(name), &no_tools()).expect(name).sound.expect(name)
    };
    for (name, arguments) in [
        ("europe.wav", "synth 1 sine 425 gain -10 pad 0 4 repeat 3"),
        ("america.wav", "synth 2 sine 440 sine 480 remix - gain -10 pad 0 4 repeat 2"),
        ("britain.wav", "synth 0.4 sine 400 sine 450 remix - gain -10 pad 0 0.2 repeat 1 pad 0 2 repeat 2"),
        ("busy.wav", "synth 0.25 sine 425 gain -10 pad 0 0.25 repeat 19"),
        ("organ.wav", "synth 12 triangle 220 triangle 277 triangle 330 remix - gain -12"),
        ("chord.wav", "synth 12 pluck C3 pluck E3 pluck G3 pluck C4 remix - gain -10"),
        ("noise.wav", "synth 12 brownnoise gain -12"),
        ("hiss.wav", "synth 12 whitenoise gain -30"),
        ("nothing.wav", "trim 0 12"),
    ] {
        let sound = sox(name, arguments);
        assert!(sound.speech_bp <= 300, "{name}: {sound:?}");
        assert!(sound.hold_ms == 0 || sound.speech_bp > 0, "{name}: {sound:?}");
    }
    let nothing = sox("nothing.wav", "trim 0 12");
    assert_eq!((nothing.silence_bp, nothing.first_speech_ms, nothing.level_cdb), (10_000, None, None));
    let loud = sox("loud.wav", "synth 3 sine 440 gain 6");
    assert!((3_000..7_000).contains(&loud.clipped_bp), "{loud:?}");
    assert_eq!(loud.peaks.iter().max(), Some(&255));
}

#[test]
fn the_demo_calls_have_their_rings_and_holds() {
    // Four rings of 1 + 2.2 s and music of 8 s; the transcripts name the seconds.
    for (name, first_ms, hold_ms, hold_at_ms) in [
        ("call_hu_parcel_rude.mp3", 12_000, 8_900, 25_300),
        ("call_et_kettle_weak.m4a", 12_000, 9_900, 28_000),
        ("call_en_tea_good.m4a", 2_500, 5_900, 24_000),
        ("call_et_coffee_good.m4a", 2_500, 4_900, 29_000),
    ] {
        let sound = process_recording(&fixture(name), &no_tools()).expect(name).sound.expect(name);
        let about = |found: u64, wanted: u64, within: u64| {
            assert!(found.abs_diff(wanted) <= within, "{name}: {found} instead of {wanted}: {sound:?}");
        };
        about(sound.first_speech_ms.expect("speech"), first_ms, 700);
        about(sound.hold_ms, hold_ms, 1_000);
        about(sound.longest_hold.expect("a hold").start_ms, hold_at_ms, 3_000);
    }
}
