//! Writing the finished pages as a PDF whose bytes depend on nothing but the report.
//!
//! `printpdf` names resources from a counter of the process and dates documents; both would make two renderings of one
//! report differ. So every resource gets a name of ours, dates are left out, and the file's ID is a digest of its bytes.

use std::collections::{BTreeMap, BTreeSet};

use lopdf::{Document, Object, ObjectId, StringFormat, dictionary};
use printpdf::{
    Color, DictItem, ExternalStream, ExternalXObject, FontId, Line, LinePoint, Op, PaintMode, PdfDocument, PdfFont,
    PdfFontHandle, PdfPage, PdfSaveOptions, Point, Pt, Px, Rect, Rgb, TextItem, XObject, XObjectId, XObjectTransform,
};
use sha2::{Digest, Sha256};

use super::{
    ReportError,
    canvas::{Colour, Jpeg, Mark, PAGE_HEIGHT, PAGE_WIDTH},
    layout::{Entry, Pages},
    report::BranchReport,
    text::{Fonts, Weight},
    words::Words,
};

/// Writes pages as a PDF 1.7 file.
pub(super) fn write(report: &BranchReport, pages: Pages<'_>) -> Result<Vec<u8>, ReportError> {
    let title = title(report, pages.fonts);
    let mut document = PdfDocument::new(&title);
    document.metadata.info.author = pages.fonts.face(Weight::Regular).clean(report.firm_name.trim());
    document.metadata.info.creator = "Peegel".into();
    document.metadata.info.producer = "Peegel".into();
    for weight in [Weight::Regular, Weight::Bold] {
        let used = letters(&pages, weight);
        // An unused face would be an empty font, which some readers refuse.
        if !used.is_empty() {
            let font = PdfFont::new(pages.fonts.face(weight).subset(&used)?);
            document.resources.fonts.map.insert(font_id(weight), font);
        }
    }
    for (index, jpeg) in pages.images.iter().enumerate() {
        document.resources.xobjects.map.insert(image_id(index), image(jpeg));
    }
    document.pages = pages
        .pages
        .iter()
        .map(|marks| {
            let ops = marks.iter().flat_map(ops).collect();
            PdfPage::new(Pt(PAGE_WIDTH).into(), Pt(PAGE_HEIGHT).into(), ops)
        })
        .collect();
    finish(report, &document, &pages.outline)
}

/// Adds what `printpdf` does not write, takes out what changes from run to run, and saves.
fn finish(report: &BranchReport, document: &PdfDocument, entries: &[Entry]) -> Result<Vec<u8>, ReportError> {
    let options = PdfSaveOptions { optimize: true, subset_fonts: false, secure: true, image_optimization: None };
    let mut file = document.to_lopdf_document(&options, &mut Vec::new());
    file.version = "1.7".into();
    let failed = |error: &dyn std::fmt::Display| ReportError::Write(error.to_string());
    let root = file.trailer.get(b"Root").and_then(Object::as_reference).map_err(|e| failed(&e))?;
    let catalog = file.get_object_mut(root).and_then(Object::as_dict_mut).map_err(|e| failed(&e))?;
    catalog.set("Lang", Object::string_literal(report.lang.as_str()));
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    let info = file.trailer.get(b"Info").and_then(Object::as_reference).map_err(|e| failed(&e))?;
    let info = file.get_object_mut(info).and_then(Object::as_dict_mut).map_err(|e| failed(&e))?;
    for unwanted in ["CreationDate", "ModDate", "GTS_PDFXVersion", "Trapped", "Identifier", "Subject", "Keywords"] {
        info.remove(unwanted.as_bytes());
    }
    let outline = outline(&mut file, entries);
    let catalog = file.get_object_mut(root).and_then(Object::as_dict_mut).map_err(|e| failed(&e))?;
    catalog.set("Outlines", outline);
    file.compress();

    file.trailer.remove(b"ID");
    let mut bytes = Vec::new();
    file.save_to(&mut bytes).map_err(|e| failed(&e))?;
    let digest: Vec<u8> = Sha256::digest(&bytes).iter().take(16).copied().collect();
    let id = Object::String(digest, StringFormat::Hexadecimal);
    file.trailer.set("ID", Object::Array(vec![id.clone(), id]));
    bytes.clear();
    file.save_to(&mut bytes).map_err(|e| failed(&e))?;
    Ok(bytes)
}

/// The list of contents; `printpdf` would sort the headings of a page by name. Returns its root.
fn outline(file: &mut Document, entries: &[Entry]) -> ObjectId {
    let root = file.new_object_id();
    let ids: Vec<ObjectId> = entries.iter().map(|_| file.new_object_id()).collect();
    let pages: Vec<ObjectId> = file.get_pages().into_values().collect();
    for (index, (entry, id)) in entries.iter().zip(&ids).enumerate() {
        let mut item = dictionary! { "Title" => lopdf::text_string(entry.title), "Parent" => root };
        if let Some(page) = pages.get(entry.page) {
            let top = round(PAGE_HEIGHT - (entry.y - 8.0).max(0.0));
            item.set("Dest", vec![(*page).into(), "XYZ".into(), Object::Null, top.into(), Object::Null]);
        }
        if let Some(previous) = index.checked_sub(1).and_then(|before| ids.get(before)) {
            item.set("Prev", *previous);
        }
        if let Some(next) = ids.get(index + 1) {
            item.set("Next", *next);
        }
        file.set_object(*id, item);
    }
    let mut outlines = dictionary! { "Type" => "Outlines", "Count" => ids.len() as i64 };
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        outlines.set("First", *first);
        outlines.set("Last", *last);
    }
    file.set_object(root, outlines);
    root
}

fn title(report: &BranchReport, fonts: &Fonts) -> String {
    let parts = [Words::of(report.lang).title, report.branch_name.trim(), report.wave_name.trim()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    fonts.face(Weight::Regular).clean(&parts.join(" – ")).replace('\n', " ")
}

fn letters(pages: &Pages<'_>, wanted: Weight) -> BTreeSet<char> {
    let texts = pages.pages.iter().flatten().filter_map(|mark| match mark {
        Mark::Text { weight, text, .. } if *weight == wanted => Some(text),
        _ => None,
    });
    texts.flat_map(|text| text.chars()).collect()
}

fn font_id(weight: Weight) -> FontId {
    FontId(if weight == Weight::Bold { "FBold" } else { "FRegular" }.into())
}

fn image_id(index: usize) -> XObjectId {
    XObjectId(format!("Im{index:04}"))
}

/// The JPEG's own bytes as an image; decoding and encoding it again would only cost time and quality.
fn image(jpeg: &Jpeg<'_>) -> XObject {
    let name = |name: &str| DictItem::Name(name.as_bytes().to_vec());
    let (width, height) = (i64::from(jpeg.width), i64::from(jpeg.height));
    let space = match jpeg.channels {
        1 => "DeviceGray",
        4 => "DeviceCMYK",
        _ => "DeviceRGB",
    };
    let mut dict = BTreeMap::from([
        ("Type".to_owned(), name("XObject")),
        ("Subtype".to_owned(), name("Image")),
        ("Width".to_owned(), DictItem::Int(width)),
        ("Height".to_owned(), DictItem::Int(height)),
        ("BitsPerComponent".to_owned(), DictItem::Int(8)),
        ("ColorSpace".to_owned(), name(space)),
        ("Filter".to_owned(), name("DCTDecode")),
    ]);
    if jpeg.channels == 4 {
        // JPEGs with four channels are written by Adobe's tools, which store them inverted.
        let flip = [1, 0, 1, 0, 1, 0, 1, 0].map(DictItem::Int).to_vec();
        dict.insert("Decode".to_owned(), DictItem::Array(flip));
    }
    XObject::External(ExternalXObject {
        stream: ExternalStream { dict, content: jpeg.bytes.to_vec(), compress: false },
        width: Some(Px(jpeg.width.into())),
        height: Some(Px(jpeg.height.into())),
        dpi: None,
    })
}

/// A mark as drawing operations. PDF counts from the bottom of the page.
fn ops(mark: &Mark) -> Vec<Op> {
    match mark {
        Mark::Text { x, y, weight, size, colour, text } => vec![
            Op::StartTextSection,
            Op::SetFillColor { col: rgb(*colour) },
            Op::SetFont { font: PdfFontHandle::External(font_id(*weight)), size: Pt(*size) },
            Op::SetTextCursor { pos: point(*x, *y) },
            Op::ShowText { items: vec![TextItem::Text(text.clone())] },
            Op::EndTextSection,
        ],
        Mark::Fill { x, y, width, height, colour } => vec![
            Op::SetFillColor { col: rgb(*colour) },
            Op::DrawRectangle {
                rectangle: Rect {
                    x: Pt(round(*x)),
                    y: Pt(round(PAGE_HEIGHT - y - height)),
                    width: Pt(round(*width)),
                    height: Pt(round(*height)),
                    mode: Some(PaintMode::Fill),
                    winding_order: None,
                },
            },
        ],
        Mark::Line { from, to, thickness, colour } => vec![
            Op::SetOutlineColor { col: rgb(*colour) },
            Op::SetOutlineThickness { pt: Pt(*thickness) },
            Op::DrawLine {
                line: Line {
                    points: [from, to].map(|(x, y)| LinePoint { p: point(*x, *y), bezier: false }).to_vec(),
                    is_closed: false,
                },
            },
        ],
        Mark::Image { x, y, width, height, image } => vec![Op::UseXobject {
            id: image_id(*image),
            transform: XObjectTransform {
                translate_x: Some(Pt(round(*x))),
                translate_y: Some(Pt(round(PAGE_HEIGHT - y - height))),
                scale_x: Some(round(*width)),
                scale_y: Some(round(*height)),
                no_auto_scale: true,
                ..Default::default()
            },
        }],
    }
}

fn point(x: f32, y: f32) -> Point {
    Point { x: Pt(round(x)), y: Pt(round(PAGE_HEIGHT - y)) }
}

/// A hundredth of a point is finer than any printer, and short numbers make small files.
fn round(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

fn rgb(colour: Colour) -> Color {
    let [r, g, b] = colour.0.map(|part| (f32::from(part) / 255.0 * 1000.0).round() / 1000.0);
    Color::Rgb(Rgb { r, g, b, icc_profile: None })
}
