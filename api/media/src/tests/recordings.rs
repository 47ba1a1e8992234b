//! Recordings: durations, cut files, false headers; and telling formats apart.

use super::super::{Format, MediaKind, Recording, Unpreviewable, process_recording, sniff};
use super::builders::*;
use super::{file, fixture, fixture_bytes, no_tools};

fn recording(bytes: &[u8]) -> Recording {
    process_recording(file(bytes).path(), &no_tools()).expect("a recording").recording
}

fn refused(bytes: &[u8]) -> Unpreviewable {
    process_recording(file(bytes).path(), &no_tools()).expect_err("no recording")
}

#[test]
fn formats_are_told_from_their_first_bytes() {
    let cases: [(&[u8], Option<Format>); 20] = [
        (b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg)),
        (b"\x89PNG\r\n\x1a\n", Some(Format::Png)),
        (b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::Webp)),
        (b"RIFF\0\0\0\0WAVEfmt ", Some(Format::Wav)),
        (b"RIFF\0\0\0\0AVI LIST", Some(Format::Sound("video/x-msvideo"))),
        (b"FORM\0\0\0\0AIFFCOMM", Some(Format::Sound("audio/aiff"))),
        (b"caff\0\x01", Some(Format::Sound("audio/x-caf"))),
        (b"RIFF\0\0\0\0CDR9vrsn", None),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", Some(Format::Heic)),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", Some(Format::Avif)),
        (b"\0\0\0\x18ftypM4A \0\0\0\0isom", Some(Format::M4a)),
        (b"\0\0\0\x18ftyp3gp5\0\0\0\0isom", Some(Format::ThreeGp)),
        (b"OggS\0\x02", Some(Format::Ogg)),
        (b"\x1A\x45\xDF\xA3", Some(Format::Webm)),
        (b"fLaC\0", Some(Format::Flac)),
        (b"#!AMR\n", Some(Format::Amr)),
        (b"%PDF-1.7", Some(Format::Pdf)),
        (b"ID3\x04\0\0\0\0\0\0fLaC", Some(Format::Flac)),
        (b"hello", None),
        (b"", None),
    ];
    for (head, format) in cases {
        assert_eq!(sniff(head), format, "{}", head.escape_ascii());
    }
    assert_eq!(Format::Pdf.kind(), Some(MediaKind::Document));
    assert_eq!(Format::M4a.media_type(), "audio/mp4");
}

#[test]
fn mp3_and_adts_are_told_apart() {
    let adts = [0xFF, 0xF1, 0x50, 0x40, 0x02, 0x1F, 0xFC, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(50);
    assert_eq!(sniff(&adts), Some(Format::Aac));
    assert_eq!(
        recording(&adts),
        Recording {
            container: "adts",
            codec: "aac",
            duration_ms: 1161,
            sample_rate_hz: 44_100,
            channels: 1,
            truncated: false,
        }
    );
    assert_eq!(sniff(&mp3(3)), Some(Format::Mp3));
    assert_eq!(sniff(&[b"ID3\x04\0\0\0\0\0\x02xx".to_vec(), mp3(3)].concat()), Some(Format::Mp3));
    assert_eq!(sniff(&[b"ID3\x04\0\0\0\0\0\x02xx".to_vec(), adts].concat()), Some(Format::Aac));
    // Text in UTF-16 starts with a sync word too.
    assert_eq!(sniff(b"\xFF\xFEh\0e\0l\0l\0o\0"), None);
}

#[test]
fn wav_is_as_long_as_its_data() {
    let whole = recording(&wav(8000, 2, 64_000, 64_000));
    assert_eq!((whole.duration_ms, whole.sample_rate_hz, whole.channels), (2000, 8000, 2));
    assert_eq!((whole.container, whole.codec, whole.truncated), ("wav", "pcm", false));
    let cut = recording(&wav(8000, 2, 64_000, 32_000));
    assert_eq!((cut.duration_ms, cut.truncated), (1000, true));
    let piped = recording(&wav(8000, 1, 0xFFFF_FFFF - 36, 16_000));
    assert_eq!((piped.duration_ms, piped.truncated), (1000, false));
    let killed = recording(&wav(8000, 1, 0, 16_000));
    assert_eq!((killed.duration_ms, killed.truncated), (1000, true));
}

#[test]
fn impossible_wav_headers_are_refused() {
    assert_eq!(refused(&wav(0, 1, 16, 16)).code, "damaged");
    assert_eq!(refused(&wav(8000, 0, 16, 16)).code, "damaged");
    assert_eq!(refused(&wav(8000, 1, 0, 0)).code, "no_audio");
    assert_eq!(refused(&wav(8000, 1, 16, 16)[..30]).code, "damaged");
    assert_eq!(refused(&wav(8000, 1, 16, 16)[..38]).code, "damaged");
}

#[test]
fn mp3_without_a_tag_is_counted() {
    let whole = recording(&mp3(100));
    assert_eq!((whole.duration_ms, whole.channels, whole.truncated), (2612, 1, false));
    let cut = recording(&mp3(100)[..417 * 99 + 200]);
    assert_eq!((cut.duration_ms, cut.truncated), (2586, true));
    // Junk between frames and an old tag at the end are no sound.
    let junk = [mp3(50), vec![0x11; 1000], mp3(50), b"TAG".to_vec(), vec![b' '; 125]].concat();
    assert_eq!(recording(&junk).duration_ms, whole.duration_ms);
    assert!(!recording(&junk).truncated);
}

#[test]
fn a_tag_longer_than_the_file_is_no_recording() {
    let huge = [b"ID3\x04\0\0\x7F\x7F\x7F\x7F".to_vec(), mp3(10)].concat();
    assert_eq!(refused(&huge).code, "damaged");
    assert_eq!(refused(&[b"ID3\x04\0\0\0\0\0\0".to_vec(), vec![0; 5000]].concat()).code, "damaged");
}

#[test]
fn fixture_calls_have_their_durations() {
    let text = std::fs::read_to_string(fixture("media.json")).expect("media.json");
    for name in ["call_et_coffee_good.m4a", "call_et_kettle_weak.m4a", "call_et_complaint_good.mp3"] {
        let call = process_recording(&fixture(name), &no_tools()).expect("a recording").recording;
        assert!(!call.truncated, "{name}");
        assert!(call.duration_ms > 5_000, "{name}: {call:?}");
        assert!(text.contains(name), "{name} is described");
    }
}

#[test]
fn a_cut_call_is_measured_or_explained() {
    for name in ["call_et_coffee_good.m4a", "call_et_complaint_good.mp3"] {
        let whole = fixture_bytes(name);
        let full = recording(&whole).duration_ms;
        let half = process_recording(file(&whole[..whole.len() / 2]).path(), &no_tools()).map(|heard| heard.recording);
        match half {
            Ok(half) => {
                assert!(half.truncated, "{name}");
                assert!(half.duration_ms < full * 3 / 4 && half.duration_ms > full / 4, "{name}: {half:?} of {full}");
            }
            Err(error) => assert_eq!(error.code, "missing_index", "{name}: {error}"),
        }
    }
}

/// The boxes of a mono AAC-like track of `samples` samples of 1024 units and 10 bytes each, all in one chunk.
fn moov(samples: u32, chunk_at: u32, rate: u32) -> Vec<u8> {
    let long = |values: &[u32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let mut entry = vec![0; 28];
    entry[17] = 1;
    entry[24..26].copy_from_slice(&(rate as u16).to_be_bytes());
    let stbl = [
        mp4_box(b"stsd", &[long(&[0, 1]), mp4_box(b"mp4a", &entry)].concat()),
        mp4_box(b"stts", &long(&[0, 1, samples, 1024])),
        mp4_box(b"stsc", &long(&[0, 1, 1, samples, 1])),
        mp4_box(b"stsz", &long(&[0, 10, samples])),
        mp4_box(b"stco", &long(&[0, 1, chunk_at])),
    ]
    .concat();
    let hdlr = [long(&[0, 0]), b"soun".to_vec(), vec![0; 13]].concat();
    let mdia = [
        mp4_box(b"mdhd", &long(&[0, 0, 0, rate, samples * 1024, 0])),
        mp4_box(b"hdlr", &hdlr),
        mp4_box(b"minf", &mp4_box(b"stbl", &stbl)),
    ]
    .concat();
    let trak = [mp4_box(b"tkhd", &long(&[0, 0, 0, 1])), mp4_box(b"mdia", &mdia)].concat();
    mp4_box(b"moov", &mp4_box(b"trak", &trak))
}

#[test]
fn mp4_counts_the_samples_inside_the_file() {
    let ftyp = mp4_box(b"ftyp", b"M4A \0\0\0\0isom");
    let at = (ftyp.len() + moov(100, 0, 8000).len() + 8) as u32;
    let whole = [ftyp.clone(), moov(100, at, 8000), mp4_box(b"mdat", &[0; 1000])].concat();
    let all = recording(&whole);
    assert_eq!((all.duration_ms, all.codec, all.truncated), (100 * 128, "aac", false));
    let cut = recording(&whole[..whole.len() - 500]);
    assert_eq!((cut.duration_ms, cut.truncated), (50 * 128, true));

    assert_eq!(refused(&ftyp).code, "missing_index");
    assert_eq!(refused(&[ftyp.clone(), mp4_box(b"mdat", &[0; 1000])].concat()).code, "missing_index");
    assert_eq!(refused(&[ftyp.clone(), moov(100, at, 8000)[..200].to_vec()].concat()).code, "missing_index");
    assert_eq!(refused(&[ftyp.clone(), mp4_box(b"moov", b"")].concat()).code, "no_audio");
    let absurd = [ftyp, moov(u32::MAX / 1024, 0, 1), vec![0; 100]].concat();
    assert!(recording(&absurd).truncated, "tables are not believed beyond the file");
}

#[test]
fn false_recordings_are_named() {
    assert_eq!(refused(b"").code, "empty_file");
    assert!(refused(b"only words").detail.contains("contains text"));
    assert_eq!(refused(&jpeg(&corners(8, 8), 8, 8)).code, "not_a_recording");
    assert_eq!(refused(b"OggS\0\x02\0\0\0\0").code, "damaged");
}
