//! Photos made by other people's programs (ImageMagick, libheif, exiftool), as phones send them.

use super::super::child::Tools;
use super::super::{Gps, Photo, process_photo};
use super::builders::*;
use super::photos::{assert_near, pixels};
use super::{looked_at, tools};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Runs a program of the machine in a folder; gives what it says.
fn run(program: &str, folder: &TempDir, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).current_dir(folder.path()).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh installs what tests need"));
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// A folder with a picture of 400 x 200 pixels.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = png(&corners(400, 200), 400, 200, image::ExtendedColorType::Rgb8);
    std::fs::write(folder.path().join("in.png"), picture).expect("write");
    folder
}

/// Makes a file of the picture by ImageMagick.
fn converted(folder: &TempDir, arguments: &[&str], name: &str) -> PathBuf {
    run("convert", folder, &[&["in.png"], arguments, &[name]].concat());
    folder.path().join(name)
}

fn assert_upright(photo: &Photo) {
    assert_eq!((photo.width_px, photo.height_px, photo.truncated), (400, 200, false));
    let image = pixels(&photo.preview_1600);
    for (x, y, rgb) in [(50, 50, [230, 20, 20]), (350, 50, [20, 230, 20]), (50, 150, [20, 20, 230])] {
        assert_near(&image, x, y, rgb);
    }
}

#[test]
fn every_kind_of_photo_is_shown() {
    let folder = folder();
    let kinds: [(&[&str], &str); 10] = [
        (&["-quality", "85"], "lossy.webp"),
        (&["-define", "webp:lossless=true"], "lossless.webp"),
        (&["-interlace", "JPEG", "-quality", "85"], "progressive.jpg"),
        (&["-colorspace", "CMYK"], "ink.jpg"),
        (&["-sampling-factor", "4:4:4"], "full.jpg"),
        (&["-sampling-factor", "4:2:2"], "half.jpg"),
        (&["-colors", "4", "-interlace", "PNG"], "palette.png"),
        (&["-delay", "20", "(", "-clone", "0", "-negate", ")"], "moving.webp"),
        (&["-quality", "85"], "photo.heic"),
        (&["-quality", "85"], "photo.avif"),
    ];
    for (arguments, name) in kinds {
        let looked = looked_at(&converted(&folder, arguments, name));
        let photo = looked.photo.unwrap_or_else(|error| panic!("{name}: {error}"));
        if name == "ink.jpg" {
            // Without the printer's profile colours are not exact.
            assert_eq!((photo.width_px, photo.height_px), (400, 200));
            continue;
        }
        assert_upright(&photo);
        assert!(photo.phash.is_some(), "{name}");
    }
    // The right half is transparent, which shows as white.
    let hole = ["-alpha", "set", "-region", "200x200+200+0", "-channel", "A", "-evaluate", "set", "0", "+channel"];
    for (more, name) in [(["-quality", "85"], "hole.webp"), (["-define", "webp:lossless=true"], "exact-hole.webp")] {
        let photo = looked_at(&converted(&folder, &[&hole[..], &["+region"], &more].concat(), name)).photo;
        let image = pixels(&photo.unwrap_or_else(|error| panic!("{name}: {error}")).preview_1600);
        assert_near(&image, 50, 50, [230, 20, 20]);
        assert_near(&image, 350, 50, [255, 255, 255]);
    }
}

/// A JPEG that has to be turned, with all that a phone writes.
fn from_phone(folder: &TempDir) -> PathBuf {
    // Its pixels lie on their side: turned a quarter clockwise they are upright.
    let path = converted(folder, &["-rotate", "-90", "-quality", "92"], "phone.jpg");
    let tags = "-Orientation=6 -Make=Maker -Model=Phone_7 -Software=Camera_3.1 -DateTimeOriginal=2026:05:04_12:34:56 \
                -OffsetTimeOriginal=+03:00 -GPSLatitude=59.4370 -GPSLatitudeRef=N -GPSLongitude=24.7536 -GPSLongitudeRef=E \
                -GPSHPositioningError=4.2 -ExifImageWidth=200 -ExifImageHeight=400";
    let tags: Vec<_> = tags.split_whitespace().map(|tag| tag.replace('_', " ")).collect();
    let tags = tags.iter().map(String::as_str);
    let arguments: Vec<_> = ["-overwrite_original", "-n"].into_iter().chain(tags).chain(["phone.jpg"]).collect();
    run("exiftool", folder, &arguments);
    path
}

/// Has an HEIC or AVIF be turned a quarter clockwise by a box of its own, as phones write it beside the EXIF that says the
/// same. The box takes the place of one that says how many bits a channel has.
fn turn(heif: &mut [u8]) {
    let at = heif.windows(4).position(|window| window == b"pixi").expect("a property that is not needed");
    heif[at..at + 4].copy_from_slice(b"irot");
    heif[at + 4] = 3;
}

#[test]
fn what_a_phone_says_is_read_from_every_container() {
    let folder = folder();
    let jpeg = from_phone(&folder);
    for (arguments, name) in [(&[][..], "phone.heic"), (&["-A"], "phone.avif")] {
        run("heif-enc", &folder, &[arguments, &["-q", "85", "phone.jpg", "-o", name]].concat());
        let path = jpeg.with_file_name(name);
        let mut bytes = std::fs::read(&path).expect("a file");
        turn(&mut bytes);
        std::fs::write(&path, bytes).expect("write");
    }
    // These tools turn nothing of their own accord: the picture is upright here, and only the tags are taken over.
    for name in ["phone.webp", "phone.png"] {
        converted(&folder, &[], name);
        run(
            "exiftool",
            &folder,
            &["-overwrite_original", "-TagsFromFile", "phone.jpg", "-exif:all", "-Orientation=", name],
        );
    }
    for name in ["phone.jpg", "phone.heic", "phone.avif", "phone.webp", "phone.png"] {
        let looked = looked_at(&jpeg.with_file_name(name));
        let exif = looked.exif;
        assert_eq!(exif.taken_at.as_deref(), Some("2026-05-04T12:34:56"), "{name}");
        assert_eq!(exif.offset.as_deref(), Some("+03:00"), "{name}");
        let device = [&exif.make, &exif.model, &exif.software].map(|text| text.as_deref().unwrap_or_default());
        assert_eq!(device, ["Maker", "Phone 7", "Camera 3.1"], "{name}");
        assert_eq!(exif.gps, Some(Gps { lat_e7: 594_370_000, lon_e7: 247_536_000, accuracy_m: Some(5) }), "{name}");
        assert_eq!((exif.width_px, exif.height_px, exif.is_screenshot), (Some(200), Some(400), false), "{name}");
        // Turned once, not twice and not never.
        assert_upright(&looked.photo.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

#[test]
fn screenshots_that_say_so_are_known() {
    let folder = folder();
    for (name, arguments) in [
        ("comment.jpg", ["-UserComment=Screenshot", "-Make="]),
        ("comment.png", ["-EXIF:UserComment=Screenshot", "-Make="]),
        ("text.png", ["-PNG:Comment=Screenshot", "-PNG:Software=gnome-screenshot"]),
        ("xmp.png", ["-XMP-exif:UserComment=Screenshot", "-Make="]),
    ] {
        let path = converted(&folder, &[], name);
        run("exiftool", &folder, &["-overwrite_original", arguments[0], arguments[1], name]);
        let exif = looked_at(&path).exif;
        assert!(exif.is_screenshot, "{name}");
        assert_eq!(exif.software.is_some(), name == "text.png", "{name}");
    }
    assert!(!looked_at(&converted(&folder, &[], "plain.png")).exif.is_screenshot);
}

#[test]
fn without_its_program_a_photo_is_kept_with_advice() {
    let folder = folder();
    from_phone(&folder);
    for (arguments, name) in [(vec![], "phone.heic"), (vec!["-A"], "phone.avif")] {
        run("heif-enc", &folder, &[&arguments[..], &["phone.jpg", "-o", name]].concat());
        let none = Tools { programs: Vec::new(), ..tools(folder.path()) };
        let looked = process_photo(&folder.path().join(name), &none);
        assert_eq!(looked.exif.make.as_deref(), Some("Maker"), "what it says is kept");
        let problem = looked.photo.expect_err("no program");
        assert_eq!(problem.code, "no_decoder");
        assert!(problem.detail.contains("heif-convert") && problem.detail.contains("JPEG"), "{problem}");
    }
}

#[test]
fn hostile_heif_is_refused_before_it_is_decoded() {
    let folder = folder();
    let whole = std::fs::read(converted(&folder, &["-quality", "50"], "photo.heic")).expect("a file");
    let problem = |bytes: &[u8]| super::seen(bytes).expect_err("no photo").code;
    let size = whole.windows(4).position(|w| w == b"ispe").expect("a size") + 8;
    let mut huge = whole.clone();
    huge[size..size + 8].copy_from_slice(&[0, 0, 0x6D, 0x60, 0, 0, 0x6D, 0x60]);
    assert_eq!(problem(&huge), "too_many_pixels");
    assert_eq!(problem(&whole[..whole.len() * 2 / 3]), "damaged");
    assert_eq!(problem(&whole[..60]), "damaged");
    let start = &whole[..u32::from_be_bytes([whole[0], whole[1], whole[2], whole[3]]) as usize];
    let index = |children: &[u8]| [start, &mp4_box(b"meta", &[&[0; 4], children].concat())].concat();
    let size = mp4_box(b"ispe", &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9]);
    let sizes = mp4_box(b"iprp", &mp4_box(b"ipco", &size));
    let entry = mp4_box(b"infe", &[2, 0, 0, 0, 0, 1, 0, 0, b'h', b'v', b'c', b'1', 0]);
    let entries =
        |count: u16| mp4_box(b"iinf", &[&[0; 4], &count.to_be_bytes()[..], &entry.repeat(count.into())].concat());
    assert_eq!(problem(&index(&[sizes.clone(), entries(17)].concat())), "too_complex", "all of them would be decoded");
    assert_eq!(problem(&index(&[sizes, entries(1)].concat())), "damaged", "there are no pixels");
    assert_eq!(problem(&index(&entries(1))), "damaged", "there is no size");
    let endless = [start, &[0, 0, 0, 1], b"meta", &u64::MAX.to_be_bytes()].concat();
    assert_eq!(problem(&endless), "too_complex");
}
