//! Reading PDFs with the programs that others read them with.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// What a program says of a file; it must succeed.
async fn said(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdin(Stdio::null());
    if program == "pdftotext" {
        command.arg("-");
    }
    let output = command.output().await;
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}. tests/run.sh installs it"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.is_empty(), "{program}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The text of a PDF as it stands on the pages, after `qpdf` and `pdffonts` have found nothing wrong with it.
pub async fn checked_text(folder: &Path, pdf: &[u8]) -> String {
    let file = folder.join("read.pdf");
    std::fs::write(&file, pdf).expect("a file");
    let check = said("qpdf", &["--check"], &file).await;
    assert!(check.contains("No syntax or stream encoding errors found"), "{check}");
    // name, type, encoding, then: embedded, named as a subset, with a table back to Unicode, and two numbers
    let fonts = said("pdffonts", &[], &file).await;
    for font in fonts.lines().skip(2) {
        let from_right: Vec<_> = font.split_whitespace().rev().collect();
        assert!(from_right[2] == "yes" && from_right[4] == "yes", "every font is embedded, with Unicode:\n{fonts}");
    }
    assert!(fonts.lines().count() > 2, "{fonts}");
    said("pdftotext", &["-layout", "-enc", "UTF-8"], &file).await
}

/// The images of a PDF: width, height and encoding.
pub async fn images(folder: &Path, pdf: &[u8]) -> Vec<(u32, u32, String)> {
    let file = folder.join("images.pdf");
    std::fs::write(&file, pdf).expect("a file");
    let list = said("pdfimages", &["-list"], &file).await;
    list.lines()
        .skip(2)
        .map(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            let number = |n: usize| columns[n].parse().expect("a number");
            (number(3), number(4), columns[8].to_owned())
        })
        .collect()
}
