use super::*;

fn read(text: &str) -> (TranscriptFormat, Vec<Cue>) {
    parse(text.as_bytes(), None).unwrap_or_else(|problems| panic!("{problems:?} of {text}"))
}

/// Cues as `start-end speaker: text`.
fn shown(cues: &[Cue]) -> Vec<String> {
    let time = |ms: Option<i64>| ms.map_or("?".to_owned(), |ms| ms.to_string());
    let show = |cue: &Cue| {
        let speaker = cue.speaker.as_ref().map_or(String::new(), |speaker| format!("{speaker}: "));
        format!("{}-{} {speaker}{}", time(cue.start_ms), time(cue.end_ms), cue.text)
    };
    cues.iter().map(show).collect()
}

fn wrong(bytes: &[u8], media_type: Option<&str>) -> Vec<(String, String)> {
    let problems = parse(bytes, media_type).expect_err("problems");
    problems.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
}

fn at(problems: &[(usize, &str)]) -> Vec<(String, String)> {
    problems.iter().map(|(line, code)| (format!("/lines/{line}"), (*code).to_owned())).collect()
}

#[test]
fn webvtt_with_all_that_it_may_hold() {
    let file = "\u{feff}WEBVTT - a call\r\nKind: captions\r\n\r\nNOTE nobody\r\nreads this\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\n\
        hello-1\r\n00:01.000 --> 00:02.500 align:start line:0%\r\n<v.loud Mari Maasikas>Tere, <i>mina</i> olen <c.x>Mari</c>!</v>\r\n\r\n\
        01:00:00.000 --> 01:00:01.000\r\n<v Jaan &amp; Co>5 &lt; 6 &amp;amp; 7 < 8 <00:00:01.500>ja\r\nteine rida\r\n\r\n\
        00:02.000 --> 00:03.000\r\n<v A>üks <v B>kaks\r\n\r\n00:04.000 --> 00:05.000\r\n<b></b>\r\n";
    let (format, cues) = read(file);
    assert_eq!(format, TranscriptFormat::Webvtt);
    assert_eq!(
        shown(&cues),
        [
            "1000-2500 Mari Maasikas: Tere, mina olen Mari!",
            "2000-3000 A: üks",
            "2000-3000 B: kaks",
            "3600000-3601000 Jaan & Co: 5 < 6 &amp; 7 < 8 ja teine rida",
        ]
    );
}

#[test]
fn marks_are_cut_out_once() {
    let file = |said: &str| format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{said}\n");
    for (said, kept) in [
        ("<script>alert(1)</script>", "alert(1)"),
        ("<scr<i>ipt>x", "<script>x"),
        ("a < b > c", "a < b > c"),
        ("&lt;script&gt;", "<script>"),
        ("&amp;lt;i&amp;gt;", "&lt;i&gt;"),
        ("&#x3c;b&#0;", "&#x3c;b&#0;"),
        ("<i", "<i"),
        ("< i>x", "< i>x"),
        ("<>x</>", "x"),
        ("one<br>two", "one two"),
        ("{\\an8}x", "{\\an8}x"),
    ] {
        assert_eq!(read(&file(said)).1[0].text, kept, "{said}");
    }
    let subrip = "1\n00:00:00,000 --> 00:00:01,000\n{\\an8}<font color=\"#fff\">Tere</font> &amp; {x}\n";
    assert_eq!(read(subrip).1[0].text, "Tere &amp; {x}");
}

#[test]
fn subrip_as_programs_write_it() {
    let file = "2\n00:00:03,000 --> 00:00:04,000 X1:40 X2:600\nteine\n\n\n1\n0:00:01,500 --> 00:00:03.000\n- esimene\n- rida\n\n\
        00:00:03,500 --> 00:00:09,000\nüle teise";
    let (format, cues) = read(file);
    assert_eq!(format, TranscriptFormat::Subrip);
    assert_eq!(shown(&cues), ["1500-3000 - esimene - rida", "3000-4000 teine", "3500-9000 üle teise"]);
}

#[test]
fn texts_with_and_without_times() {
    let call = include_str!("../../../../fixtures/media/call_et_coffee_good.txt");
    let (format, cues) = read(call);
    assert_eq!(format, TranscriptFormat::Text);
    assert_eq!(cues.len(), call.lines().count());
    assert_eq!(
        shown(&cues)[..2],
        ["0-2000 (kutsetoon ×1)", "2000-7000 Töötaja: Tere päevast! Nurmeaken, mina olen Kadri. Kuidas saan aidata?"]
    );
    assert_eq!(shown(&cues).last().expect("a cue"), "60000-? (kõne lõpp)");
    let (_, cues) = read("Töötaja: Tere!\n\n[1:02:03,5] https://a.example: x\r[1:02:04] 24: seven\nNote: more");
    assert_eq!(
        shown(&cues),
        ["?-? Töötaja: Tere!", "3723500-3724000 https://a.example: x", "3724000-? 24: seven", "?-? Note: more"]
    );
    // What merely stands in brackets is said.
    assert_eq!(shown(&read("[laughs] ha [12]").1), ["?-? [laughs] ha [12]"]);
}

#[test]
fn the_media_type_decides_where_it_can() {
    let subrip = "1\n00:00:01,000 --> 00:00:02,000\nTere\n";
    for media_type in [None, Some("text/plain"), Some("text/plain; charset=utf-8"), Some("application/octet-stream")] {
        assert_eq!(parse(subrip.as_bytes(), media_type).expect("cues").0, TranscriptFormat::Subrip, "{media_type:?}");
    }
    for media_type in ["application/x-subrip", "text/SRT", "application/srt; charset=utf-8"] {
        assert_eq!(parse(subrip.as_bytes(), Some(media_type)).expect("cues").0, TranscriptFormat::Subrip);
    }
    assert_eq!(wrong(subrip.as_bytes(), Some("text/vtt")), at(&[(1, "bad_header"), (2, "bad_time")]));
    assert_eq!(wrong(b"Tere", Some("application/x-subrip")), at(&[(1, "no_times")]));
}

#[test]
fn all_problems_are_named_with_their_lines() {
    let webvtt = "WEBVTT\n00:00.000 --> 00:01.000\n\nname\n00:01.000 --> 00:00.500\nx\n\nno times\nhere\nat all\n\n1:2.3 --> 4\ny\n\n\
        25:00:00.000 --> 25:00:01.000\nz\n\n00:01.000 --> 00:02.000\nb\u{7}\n";
    assert_eq!(
        wrong(webvtt.as_bytes(), None),
        at(&[
            (2, "bad_header"),
            (5, "ends_before_it_begins"),
            (8, "no_times"),
            (12, "bad_time"),
            (15, "time_too_late"),
            (19, "control_character"),
        ])
    );
    let subrip = "one\n00:00:01,000 --> 00:00:02,000\nx\n\n2\n00:00:01,00 --> 00:00:02,000\ny\n\n3\nz\n";
    assert_eq!(wrong(subrip.as_bytes(), None), at(&[(1, "bad_number"), (6, "bad_time"), (9, "no_times")]));
    assert_eq!(
        wrong(b"[00:05] a\n[00:01] b\n[99:99] c\n[30:00:00] d", None),
        at(&[(2, "goes_back"), (3, "bad_time"), (4, "time_too_late")])
    );
    for empty in ["", "\n \n", "WEBVTT", "WEBVTT\n\n00:00.000 --> 00:01.000\n\n", "\u{feff}"] {
        assert_eq!(wrong(empty.as_bytes(), None), at(&[(1, "no_cues")]), "{empty:?}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    assert_eq!(wrong(b"a\r\nb\xff", None), at(&[(2, "not_utf8")]));
    assert_eq!(wrong(&[0xff, 0xfe, b'a', 0], None), at(&[(1, "not_utf8")]));
    assert_eq!(wrong(b"a\0b\n\x1b[31m", None), at(&[(1, "control_character"), (2, "control_character")]));
    assert_eq!(wrong("a\u{202e}b".as_bytes(), None), at(&[(1, "control_character")]));
    assert_eq!(read("a\tb").1[0].text, "a b");
}

#[test]
fn limits_hold() {
    let cue = |text: &str| format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{text}\n\n");
    assert_eq!(read(&cue(&"õ".repeat(MAX_CUE_CHARS))).1.len(), 1);
    assert_eq!(wrong(cue(&"õ".repeat(MAX_CUE_CHARS + 1)).as_bytes(), None), at(&[(3, "cue_too_long")]));
    let name = |chars: usize| cue(&format!("<v {}>x", "n".repeat(chars)));
    assert_eq!(read(&name(MAX_SPEAKER_CHARS)).1.len(), 1);
    assert_eq!(wrong(name(MAX_SPEAKER_CHARS + 1).as_bytes(), None), at(&[(3, "speaker_too_long")]));
    let lines = |count: usize| vec!["x"; count].join("\n");
    assert_eq!(read(&lines(MAX_CUES)).1.len(), MAX_CUES);
    assert_eq!(wrong(lines(MAX_CUES + 1).as_bytes(), None), at(&[(MAX_CUES + 1, "too_many_cues")]));
    let words: Vec<_> = (0..=MAX_WORDS * 2).map(|n| format!("{n:x}")).collect();
    let words: Vec<_> = words.chunks(10).map(|words| words.join(" ")).collect();
    assert_eq!(wrong(words.join("\n").as_bytes(), None), at(&[(words.len(), "too_many_words")]));
    let last = "WEBVTT\n\n23:59:59.000 --> 24:00:00.000\nx\n";
    assert_eq!(read(last).1[0].end_ms, Some(MAX_TIME_MS));
    let problems = wrong("\u{1}\n".repeat(150).as_bytes(), None);
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(problems[MAX_PROBLEMS], ("/lines".to_owned(), "more_problems".to_owned()));
}

/// A mebibyte that is made to be slow, for each of the ways in which it is looked through.
#[test]
fn nothing_is_looked_through_twice() {
    let limit = usize::try_from(TRANSCRIPT_LIMIT_BYTES).expect("a size");
    for part in ["<", "&", "{\\", "<i", "<i ", "<v ", "-->", "'", "x'", "[", "0:", "\u{300}"] {
        for head in ["WEBVTT\n\n00:00.000 --> 00:01.000\n", "1\n00:00:00,000 --> 00:00:01,000\n", "[0:01] "] {
            let file = format!("{head}{}", part.repeat((limit - head.len()) / part.len()));
            let watch = crate::clock::Stopwatch::start();
            drop(parse(file.as_bytes(), None));
            assert!(watch.elapsed_us() < 5_000_000, "{part} behind {head} took {} µs", watch.elapsed_us());
        }
    }
}

#[test]
fn no_message_repeats_what_is_said() {
    for file in ["WEBVTT\n\ns3cret\n", "1\n00:s3cret --> s3cret\ns3cret\n", "[0:99] s3cret", "s3cret\u{1}"] {
        let problems = parse(file.as_bytes(), None).expect_err("problems");
        assert!(!problems.iter().any(|problem| problem.message.contains("s3cret")), "{problems:?}");
    }
}
