//! Standard error: who may write there, in which colours, and what may not get through to a terminal.
//!
//! A pipe that nobody reads any more must not end the command, so a failed write is let go.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

/// Set once at the start by `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const SENT: Style = AnsiColor::Cyan.on_default();
pub(crate) const RECEIVED: Style = AnsiColor::Yellow.on_default();

/// Lets nothing but errors through from now on.
pub(crate) fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Says lines that are good to know on standard error.
pub(crate) fn note(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        // One write, so that the lines of several connections do not mix.
        let _ = anstream::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }
}

/// Says one line about an error on standard error.
pub(crate) fn error(line: &str) {
    let _ = anstream::stderr().lock().write_all(format!("{BAD}bulla:{BAD:#} {line}\n").as_bytes());
}

/// Writes characters that would move the cursor, start a line or turn the direction of text as escapes.
pub(crate) fn clean(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { cleaned.extend(c.escape_default()) } else { cleaned.push(c) }
    }
    cleaned
}

/// Writes a number with its thousands set apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_cannot_move_the_cursor() {
        assert_eq!(clean("a\x1b[2J\r\nb\u{202e}ü"), "a\\u{1b}[2J\\r\\nb\\u{202e}ü");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_514), "1,514");
        assert_eq!(grouped(67_108_864), "67,108,864");
    }
}
