//! Log lines: one event is one line, whatever a client managed to put into it.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error.
///
/// # Errors
///
/// What is wrong with the filter.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| format!("--log {} is no filter such as `info` or `peegel=debug`: {error}", settings.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Makes a [`Line`] for each event.
struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(io::stderr())
    }
}

/// Writes an event, which comes whole, as one line: control characters in it are shown and not acted upon, so that
/// nobody can forge a line of the log or write to the terminal of who reads it.
struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (line, end) = event.strip_suffix(b"\n").map_or((event, &b""[..]), |line| (line, b"\n"));
        if line.iter().any(|byte| matches!(byte, 0..=8 | 10..=26 | 28..=31 | 127)) {
            let mut shown = Vec::with_capacity(event.len() + 16);
            for byte in line {
                match byte {
                    b'\n' => shown.extend_from_slice(b"\\n"),
                    b'\r' => shown.extend_from_slice(b"\\r"),
                    // Escape begins the colours that the log itself uses; those of others are taken out before.
                    0..=8 | 10..=26 | 28..=31 | 127 => shown.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                    _ => shown.push(*byte),
                }
            }
            shown.extend_from_slice(end);
            self.0.write_all(&shown)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let written = |event: &str| {
            let mut line = Line(Vec::new());
            line.write_all(event.as_bytes()).unwrap();
            String::from_utf8(line.0).unwrap()
        };
        assert_eq!(written("INFO a=\"õ\"\tb\n"), "INFO a=\"õ\"\tb\n");
        assert_eq!(written("x\r\n2026 ERROR forged\u{7}\n"), "x\\r\\n2026 ERROR forged\\x07\n");
    }
}
