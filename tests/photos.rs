//! Photos: every kind of them is shown, what they say of people stays inside the firm, and the same photo is found again.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::files::{fixture, in_repository, jpeg_size, run};
use crate::support::world::{File, World, filing, id_of};
use crate::support::{new_id, on_both, on_buckets, tiny};

on_both!(
    every_kind_of_photo_is_shown,
    what_a_photo_says_stays_inside_the_firm,
    the_same_photo_is_found_again,
    photos_that_look_alike_are_found_by_an_index,
    bombs_and_files_of_two_kinds_harm_nobody,
);

on_buckets!(every_kind_of_photo_is_shown);

/// A photo made by ImageMagick out of one of the fixtures.
fn converted(folder: &Path, source: &str, arguments: &[&str], name: &str) -> Vec<u8> {
    let source = in_repository("fixtures/media").join(source);
    run("convert", folder, &[&[source.to_str().expect("a path")], arguments, &[name]].concat());
    std::fs::read(folder.join(name)).expect("a photo")
}

/// A WebP of two pictures, made by ffmpeg of a fixture.
fn moving(folder: &Path) -> Vec<u8> {
    let source = in_repository("fixtures/media/notice_wet_floor.jpg");
    let looped = ["-v", "error", "-y", "-loop", "1", "-t", "0.4", "-i", source.to_str().expect("a path")];
    let second = ["-vf", "scale=600:800,negate=enable='gt(n,0)'", "-r", "5", "-c:v", "libwebp_anim", "moving.webp"];
    run("ffmpeg", folder, &[&looped[..], &second].concat());
    std::fs::read(folder.join("moving.webp")).expect("a photo")
}

/// Files a draft with these photos, sends them, and gives what was found, in their order.
async fn looked_into(world: &World, photos: &[File]) -> Vec<Value> {
    let visit = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), &photos.iter().collect::<Vec<_>>());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for photo in photos {
        photo.upload(&world.auditor).await;
    }
    let views = world.processed(&visit).await;
    let of = |photo: &File| views.iter().find(|view| view["id"] == photo.id.as_str()).expect("the file").clone();
    photos.iter().map(of).collect()
}

async fn every_kind_of_photo_is_shown(app: &TestApp) {
    let world = World::make(app).await;
    let kinds: [(&str, &[&str], &str); 7] = [
        ("photo.heic", &["-quality", "70"], "image/heic"),
        ("photo.avif", &["-quality", "70"], "image/avif"),
        ("lossy.webp", &["-quality", "80"], "image/webp"),
        ("lossless.webp", &["-define", "webp:lossless=true"], "image/webp"),
        ("progressive.jpg", &["-interlace", "JPEG"], "image/jpeg"),
        ("ink.jpg", &["-colorspace", "CMYK"], "image/jpeg"),
        ("deep.png", &["-depth", "16"], "image/png"),
    ];
    let made = kinds.map(|(name, arguments, media_type)| {
        let smaller = [&["-resize", "800x800"], arguments].concat();
        // A name says nothing of what a file is.
        let name_for_phone = format!("{}.jpg", name.replace('.', "-"));
        (converted(app.folder(), "notice_wet_floor.jpg", &smaller, name), name_for_phone, media_type)
    });
    let moving = (moving(app.folder()), "moving.jpg".to_owned(), "image/webp");
    let (photos, types): (Vec<_>, Vec<_>) = made
        .into_iter()
        .chain([moving])
        .map(|(bytes, name, media_type)| (File::new("photo", &["front"], &name, bytes), media_type))
        .unzip();
    for ((view, photo), media_type) in looked_into(&world, &photos).await.iter().zip(&photos).zip(types) {
        let name = &view["file_name"];
        assert_eq!(
            (view["state"].as_str(), view["media_type"].as_str()),
            (Some("processed"), Some(media_type)),
            "{view}"
        );
        assert_eq!(view["facts"], json!({"width_px": 600, "height_px": 800, "truncated": false}), "{name}");
        for (size, edge) in [(320, 320), (1600, 800)] {
            let path = format!("/v1/evidence/{}/preview?size={size}", photo.id);
            let preview = world.auditor.client.get(&path).send().await.expect(200);
            assert_eq!((preview.header("content-type"), jpeg_size(&preview.body).1), ("image/jpeg", edge), "{name}");
        }
    }
    assert_eq!(app.incoming().await, 0, "no folder of a program is left behind");
}

/// What a photo may carry of people and devices, all of which must stay inside the firm.
const SECRETS: [&str; 6] = ["Olga", "SN-47", "Kodukyla", "59.437", "24.753", "Fotofon"];

/// What is written into such a photo by exiftool, a tag a line.
const TAGS: &str = "\
-Make=Fotofon
-Model=Fotofon 7
-Software=Camera 3.1
-Artist=Olga Owner
-Copyright=Olga Owner
-CameraOwnerName=Olga Owner
-SerialNumber=SN-4711
-LensSerialNumber=SN-4712
-UserComment=Kodukyla
-ImageDescription=Kodukyla
-DateTimeOriginal=2026:05:04 12:34:56
-OffsetTimeOriginal=+03:00
-GPSLatitude=59.4370
-GPSLatitudeRef=N
-GPSLongitude=24.7536
-GPSLongitudeRef=E
-GPSHPositioningError=4.2
-XMP:Creator=Olga Owner
-XMP:GPSLatitude=59.4370
-XMP:GPSLongitude=24.7536
-IPTC:By-line=Olga Owner
-IPTC:City=Kodukyla
-Comment=Olga was here
-ThumbnailImage<=thumb.jpg
-Photoshop:PhotoshopThumbnail<=thumb.jpg
-ICC_Profile<=screen.icc";

/// A photo that carries everything.
fn telling_photo(folder: &Path) -> Vec<u8> {
    converted(folder, "front_nurmeaken_tallinn.jpg", &["-strip", "-resize", "80x80"], "thumb.jpg");
    converted(folder, "front_nurmeaken_tallinn.jpg", &["-strip"], "telling.jpg");
    std::fs::write(folder.join("screen.icc"), colour_profile()).expect("a file");
    let arguments: Vec<_> =
        ["-overwrite_original", "-n"].into_iter().chain(TAGS.lines()).chain(["telling.jpg"]).collect();
    run("exiftool", folder, &arguments);
    let told = run("exiftool", folder, &["-a", "-G1", "-s", "-n", "telling.jpg"]);
    for words in ["[IFD1]", "[GPS]", "[XMP-exif]", "[IPTC]", "[ICC-header]", "[Photoshop]"].iter().chain(&SECRETS) {
        assert!(told.contains(words), "the photo tells {words}: {told}");
    }
    std::fs::read(folder.join("telling.jpg")).expect("a photo")
}

/// A colour profile of no colours, with a copyright.
fn colour_profile() -> Vec<u8> {
    let text = [b"text\0\0\0\0".as_slice(), b"Copyright Olga Owner\0\0\0\0"].concat();
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    profile[12..24].copy_from_slice(b"mntrRGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    for number in [1, u32::from_be_bytes(*b"cprt"), 144, u32::try_from(text.len()).expect("a short text")] {
        profile.extend(number.to_be_bytes());
    }
    profile.extend(text);
    let len = u32::try_from(profile.len()).expect("a small profile").to_be_bytes();
    profile[..4].copy_from_slice(&len);
    profile
}

/// Asserts that a file tells nothing, by exiftool and by its bytes.
fn assert_tells_nothing(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("a file");
    let told = run("exiftool", folder, &["-a", "-G1", "-s", "-n", "-ee", name]);
    let text = String::from_utf8_lossy(bytes);
    for secret in SECRETS {
        assert!(!told.contains(secret) && !text.contains(secret), "{name} tells {secret}: {told}");
    }
    for group in ["[IFD", "[ExifIFD", "[GPS", "[XMP-exif", "[XMP-tiff", "[IPTC", "[MakerNotes", "[ICC", "[Photoshop"] {
        assert!(!told.contains(group), "{name} carries {group}: {told}");
    }
}

async fn what_a_photo_says_stays_inside_the_firm(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::new("photo", &["front", "offer"], "telling.jpg", telling_photo(app.folder()));
    let visit = new_id();
    let body = filing(&world.assign_one().await, "submitted", &tiny::fair(), &[&photo]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    photo.upload(&world.auditor).await;
    world.processed(&visit).await;
    world.review(&visit, &["review", "approve", "publish"]).await;

    let told = json!({
        "taken_at": "2026-05-04T12:34:56", "offset": "+03:00", "make": "Fotofon", "model": "Fotofon 7",
        "software": "Camera 3.1", "latitude_e7": 594_370_000, "longitude_e7": 247_536_000, "accuracy_m": 5,
        "is_screenshot": false,
    });
    for person in [&world.admin, &world.reviewer] {
        let view = person.client.get(&format!("/v1/visits/{visit}")).ok().await;
        assert_eq!(view["files"][0]["exif"], told);
    }
    let own = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert!(own["files"][0].as_object().expect("a file").get("exif").is_none(), "{own}");

    let viewer = world.chain_viewer(app).await.client;
    let result = format!("/v1/results/{}", world.result_of(0).await["result_id"].as_str().expect("an id"));
    let plan = format!("/v1/branches/{}/action-plan.pdf?lang=en", world.branches[0]);
    for (name, path) in [
        ("result.json", result.clone()),
        ("320.jpg", format!("{result}/photos/1?size=320")),
        ("1600.jpg", format!("{result}/photos/1?size=1600")),
        ("plan.pdf", plan),
        ("scorecard.json", format!("/v1/branches/{}/scorecard", world.branches[0])),
    ] {
        let bytes = viewer.get(&path).send().await.expect(200).body;
        assert_tells_nothing(app.folder(), name, &bytes);
    }
    // The photos as they stand in the PDF.
    run("pdfimages", app.folder(), &["-all", "plan.pdf", "in-plan"]);
    let inside = std::fs::read(app.folder().join("in-plan-000.jpg")).expect("a photo in the report");
    assert_tells_nothing(app.folder(), "inside.jpg", &inside);
    for size in [320, 1600] {
        let path = format!("/v1/evidence/{}/preview?size={size}", photo.id);
        let preview = world.reviewer.client.get(&path).send().await.expect(200).body;
        assert_tells_nothing(app.folder(), "preview.jpg", &preview);
    }
    viewer.get(&format!("/v1/evidence/{}/content", photo.id)).problem(403, "not_allowed").await;
    // History tells nothing of it either.
    let events = world.admin.client.all("/v1/events", 200).await;
    let history = json!(events).to_string();
    for secret in SECRETS {
        assert!(!history.contains(secret), "the history tells {secret}");
    }
}

async fn the_same_photo_is_found_again(app: &TestApp) {
    let world = World::make(app).await;
    let original = fixture("media/shelf_nurmeaken_messy.jpg");
    let variant = |arguments: &[&str], name: &str| {
        File::new("photo", &[], name, converted(app.folder(), "shelf_nurmeaken_messy.jpg", arguments, name))
    };
    let first = [File::new("photo", &[], "original.jpg", original.clone())];
    looked_into(&world, &first).await;
    let later = [
        File::new("photo", &[], "again.jpg", original),
        variant(&["-quality", "40"], "coded.jpg"),
        variant(&["-resize", "40%", "-strip"], "small.webp"),
        variant(&["-modulate", "90"], "darker.jpg"),
        File::new("photo", &[], "other.jpg", fixture("media/receipt_nurmeaken_tartu.jpg")),
        variant(&["-fill", "gray40", "-colorize", "100"], "grey-1.png"),
        variant(&["-fill", "gray60", "-colorize", "100"], "grey-2.png"),
    ];
    looked_into(&world, &later).await;
    let similar = |id: &str| format!("/v1/evidence/{id}/similar");

    app.client().get(&similar(&first[0].id)).problem(401, "unauthenticated").await;
    for person in [&world.auditor, &world.chain_viewer(app).await, &world.branch_manager(app).await] {
        person.client.get(&similar(&first[0].id)).problem(403, "not_allowed").await;
    }
    world.reviewer.client.get(&similar(&new_id())).problem(404, "not_found").await;
    let beta = World::named(app, "beta").await;
    beta.reviewer.client.get(&similar(&first[0].id)).problem(404, "not_found").await;
    // The same bytes in another firm stay unknown here.
    looked_into(&beta, &[File::new("photo", &[], "theirs.jpg", first[0].bytes.clone())]).await;

    let answer = world.reviewer.client.get(&similar(&first[0].id)).ok().await;
    let found = answer["data"].as_array().expect("files");
    let names: Vec<_> = found.iter().map(|other| other["file_name"].as_str().expect("a name")).collect();
    assert_eq!(names.len(), 4, "{answer}");
    assert_eq!(names[0], "again.jpg", "the same bytes come first: {answer}");
    assert_eq!((found[0]["same_bytes"].as_bool(), found[0]["distance"].as_i64()), (Some(true), Some(0)));
    for other in &found[1..] {
        assert_eq!(other["same_bytes"], false);
        assert!(other["distance"].as_i64().is_some_and(|distance| distance <= 7), "{other}");
    }
    for name in ["coded.jpg", "small.webp", "darker.jpg"] {
        assert!(names.contains(&name), "{answer}");
    }
    // Surfaces of one colour are not alike, whatever the colour.
    let grey = world.admin.client.get(&similar(&later[5].id)).ok().await;
    assert_eq!(grey, json!({"data": []}));
    assert_eq!(found[0]["visit_id"].as_str().map(str::len), Some(36));
}

/// Photos beside which one is looked for.
const MANY: usize = 10_000;

async fn photos_that_look_alike_are_found_by_an_index(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::new("photo", &[], "one.jpg", fixture("media/queue_nurmeaken_long.jpg"));
    looked_into(&world, std::slice::from_ref(&photo)).await;
    let hash = "SELECT phash FROM evidence WHERE file_name = 'one.jpg'";
    let hash: i64 = app.query(hash).await[0].try_get("", "phash").expect("a hash");
    // Copies of its row that look otherwise, but for some that are near: one at each distance up to 12.
    let near = |n: usize| (0..n).fold(hash, |bits, bit| bits ^ (1_i64 << (bit * 5)));
    let mut state = 7_u64;
    let mut looks: Vec<i64> = (0..=12).map(near).collect();
    looks.resize_with(MANY, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ (state >> 29)).cast_signed()
    });
    for (n, looks) in looks.chunks(500).enumerate() {
        let rows: Vec<_> = looks.iter().enumerate().map(|(m, look)| format!("({}, {look})", n * 500 + m)).collect();
        let (id, name) = match app.kind() {
            Kind::Sqlite => ("randomblob(16)", "'copy-' || more.n"),
            Kind::Postgres => ("gen_random_uuid()", "'copy-' || more.n"),
        };
        app.execute(&format!(
            "INSERT INTO evidence (firm_id, id, visit_id, kind, state, revision, item_ids, file_name, chain_visible, phash, \
             declared_at) WITH more(n, look) AS (VALUES {}) SELECT firm_id, {id}, visit_id, kind, state, revision, item_ids, \
             {name}, chain_visible, more.look, declared_at FROM evidence, more WHERE file_name = 'one.jpg'",
            rows.join(", ")
        ))
        .await
        .expect("copies");
    }
    app.execute("ANALYZE").await.expect("statistics");
    let answer = world.reviewer.client.get(&format!("/v1/evidence/{}/similar", photo.id)).ok().await;
    let found = answer["data"].as_array().expect("files");
    let distances: Vec<_> = found.iter().map(|other| other["distance"].as_u64().expect("a number")).collect();
    // Every photo within 7 is there, and chance brings none of ten thousand others.
    assert_eq!(distances, [0, 1, 2, 3, 4, 5, 6, 7], "{answer}");
    let ids: Vec<_> = found.iter().map(id_of).collect();
    assert!(!ids.contains(&photo.id));

    let plan = match app.kind() {
        Kind::Sqlite => "EXPLAIN QUERY PLAN",
        Kind::Postgres => "EXPLAIN",
    };
    for from in [0, 16, 32, 48] {
        let query = format!(
            "{plan} SELECT id, visit_id, phash FROM evidence WHERE firm_id = (SELECT id FROM firms WHERE code = 'alpha') \
             AND phash IS NOT NULL AND ((phash >> {from}) & 65535) IN (1, 2, 3, 5, 9, 17, 33, 65, 129) LIMIT 2000"
        );
        let column = if app.kind() == Kind::Sqlite { "detail" } else { "QUERY PLAN" };
        let lines = app.query(&query).await;
        let lines: Vec<String> = lines.iter().map(|row| row.try_get("", column).expect("a line")).collect();
        let plan = lines.join("\n");
        assert!(plan.contains(&format!("evidence_by_band_{from}")), "{plan}");
        assert!(!plan.contains("SCAN evidence") && !plan.contains("Seq Scan on evidence"), "{plan}");
    }
    if app.kind() == Kind::Postgres {
        // What the server itself asked was answered by the indexes too.
        let used = "SELECT count(*) AS used FROM pg_stat_user_indexes \
                    WHERE indexrelname LIKE 'evidence_by_band_%' AND idx_scan > 0";
        crate::support::eventually("the statistics say so", async || {
            let used: i64 = app.query(used).await[0].try_get("", "used").expect("a number");
            (used == 4).then_some(())
        })
        .await;
    }
}

/// A progressive JPEG that repeats its last layer ten thousand times.
fn ten_thousand_layers(folder: &Path) -> Vec<u8> {
    let mut photo =
        converted(folder, "notice_wet_floor.jpg", &["-resize", "64x64", "-interlace", "JPEG"], "layers.jpg");
    let last = photo.windows(2).rposition(|window| window == [0xFF, 0xDA]).expect("a layer");
    let layer = photo[last..photo.len() - 2].to_vec();
    photo.truncate(photo.len() - 2);
    photo.extend(layer.repeat(10_000));
    photo.extend([0xFF, 0xD9]);
    photo
}

/// A zip that unpacks to a hundred megabytes.
fn zip_bomb(folder: &Path) -> Vec<u8> {
    let script =
        "import zipfile; z = zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED); z.writestr('a', bytes(100 << 20))";
    run("python3", folder, &["-c", script]);
    std::fs::read(folder.join("bomb.zip")).expect("a zip")
}

/// The start of a PNG of such a size.
fn png_claiming(edge: u32) -> Vec<u8> {
    let size = [edge.to_be_bytes(), edge.to_be_bytes()].concat();
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &size[..], &[8, 2, 0, 0, 0], b"\0\0\0\0\0\0\0\0IDAT"].concat()
}

/// A GIF of very many frames of one pixel.
fn many_frames() -> Vec<u8> {
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0".repeat(100_000);
    [b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff", &frame[..], b";"].concat()
}

/// A JPEG with something in a comment at its start.
fn commented(photo: &[u8], comment: &[u8]) -> Vec<u8> {
    let len = u16::try_from(comment.len() + 2).expect("a short comment").to_be_bytes();
    [&photo[..2], &[0xFF, 0xFE], &len, comment, &photo[2..]].concat()
}

async fn bombs_and_files_of_two_kinds_harm_nobody(app: &TestApp) {
    let world = World::make(app).await;
    let photo = converted(app.folder(), "notice_wet_floor.jpg", &["-resize", "300x300"], "small.jpg");
    let page = b"<html><script>document.title = 'run'</script></html>";
    let pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF";
    let zip = zip_bomb(app.folder());
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let cases: [(&str, Vec<u8>, &str, Option<&str>); 12] = [
        ("bomb.png", png_claiming(65_535), "image/png", Some("too_many_pixels")),
        ("layers.jpg", ten_thousand_layers(app.folder()), "image/jpeg", Some("too_complex")),
        ("zip.jpg", zip.clone(), "application/octet-stream", Some("not_an_image")),
        ("frames.gif", many_frames(), "image/gif", Some("unsupported_format")),
        ("gifar.gif", [many_frames(), zip.clone()].concat(), "image/gif", Some("unsupported_format")),
        ("page.jpg", page.to_vec(), "application/octet-stream", Some("not_an_image")),
        ("drawing.svg", svg, "application/octet-stream", Some("not_an_image")),
        ("paper.jpg", [pdf, &photo[..]].concat(), "application/pdf", Some("not_an_image")),
        ("photo-and-page.jpg", commented(&photo, page), "image/jpeg", None),
        ("photo-and-paper.jpg", commented(&photo, pdf), "image/jpeg", None),
        ("photo-and-page-behind.jpg", [&photo[..], page].concat(), "image/jpeg", None),
        ("photo-and-zip.jpg", [&photo[..], &zip].concat(), "image/jpeg", None),
    ];
    let files = cases.each_ref().map(|(name, bytes, ..)| File::new("photo", &[], name, bytes.clone()));
    for ((view, file), (name, bytes, media_type, problem)) in
        looked_into(&world, &files).await.iter().zip(&files).zip(&cases)
    {
        assert_eq!(view["problem_code"].as_str(), *problem, "{view}");
        assert_eq!(view["has_preview"], problem.is_none(), "{name}");
        // Whatever it is, it is handed out as it came, and no browser takes it for anything else.
        let path = format!("/v1/evidence/{}/content", file.id);
        let answer = world.reviewer.client.get(&path).send().await.expect(200);
        assert!(answer.body == *bytes, "{name}");
        assert_eq!(answer.header("content-type"), *media_type, "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'; frame-ancestors 'none'");
        let path = format!("/v1/evidence/{}/preview?size=1600", file.id);
        match problem {
            Some(_) => drop(world.reviewer.client.get(&path).problem(404, "not_found").await),
            None => {
                let preview = world.reviewer.client.get(&path).send().await.expect(200);
                let holds = |part: &[u8]| preview.body.windows(part.len()).any(|window| window == part);
                assert!(!holds(b"<script") && !holds(b"%PDF") && !holds(b"PK\x03\x04"), "{name}");
                assert_eq!(preview.header("x-content-type-options"), "nosniff", "{name}");
            }
        }
    }
    let peak = app.peak_memory_bytes().await;
    assert!(peak < 512 * 1024 * 1024, "the server took {} MiB", peak / 1024 / 1024);
}
