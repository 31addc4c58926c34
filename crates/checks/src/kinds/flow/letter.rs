//! A mail as a reader sees it: its headers, and its texts with quoted-printable and base64 undone (RFC 2045, RFC 2047).
//! What it cannot make out it leaves as it is; other character sets than UTF-8 and Latin-1 are read as UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Parts within parts deeper than this are not read.
const DEPTH: usize = 4;

/// A mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Letter {
    headers: Vec<(String, String)>,
    /// All its texts, one behind the other.
    pub(super) text: String,
    /// They are HTML and nothing else.
    pub(super) is_html: bool,
}

impl Letter {
    /// Reads a mail or as much as there is of it.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let (headers, body) = split(bytes);
        let mut texts = Vec::new();
        gather(&headers, body, 0, &mut texts);
        let is_html = !texts.is_empty() && texts.iter().all(|(_, is_html)| *is_html);
        let text = texts.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n");
        Self { headers, text, is_html }
    }

    /// The first header of that name, given in lower case, with its encoded words decoded.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        value(&self.headers, name).map(words)
    }

    /// Its subject.
    pub(super) fn subject(&self) -> String {
        self.header("subject").unwrap_or_default()
    }
}

fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Header and body; folded lines are joined.
fn split(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        if let (true, Some((_, last))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
            last.push(' ');
            last.push_str(line.trim());
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    (headers, rest)
}

/// The texts of a part and of all within it, and whether each is HTML.
fn gather(headers: &[(String, String)], body: &[u8], depth: usize, texts: &mut Vec<(String, bool)>) {
    let kind = value(headers, "content-type").unwrap_or("text/plain");
    let name = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if name.starts_with("multipart/") {
        let Some(fence) = parameter(kind, "boundary").filter(|_| depth < DEPTH) else { return };
        for part in parts(body, &fence) {
            let (headers, body) = split(part);
            gather(&headers, body, depth + 1, texts);
        }
    } else if name.starts_with("text/") {
        let bytes =
            match value(headers, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase().trim()
            {
                "quoted-printable" => quoted_printable(body, false),
                "base64" => {
                    let packed: Vec<u8> =
                        body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                    // A mail that was cut off ends anywhere.
                    let whole = packed.len() - packed.len() % 4;
                    STANDARD.decode(&packed[..whole]).unwrap_or_else(|_| body.to_vec())
                }
                _ => body.to_vec(),
            };
        let set = parameter(kind, "charset").unwrap_or_default();
        texts.push((decode(&bytes, &set).replace("\r\n", "\n"), name == "text/html"));
    }
}

/// What stands between the fences.
fn parts<'b>(body: &'b [u8], fence: &str) -> Vec<&'b [u8]> {
    let fence = format!("--{fence}");
    let (mut found, mut start, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(fence.as_bytes()) {
            if let Some(start) = start {
                found.push(&body[start..at]);
            }
            let is_end = line[fence.len()..].starts_with(b"--");
            start = (!is_end).then_some(at + line.len());
        }
        at += line.len();
    }
    found.extend(start.map(|start| &body[start..]));
    found
}

/// A parameter of a header: `charset=utf-8`, `boundary="x"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn decode(bytes: &[u8], set: &str) -> String {
    let is_latin =
        ["iso-8859-1", "iso-8859-15", "windows-1252"].iter().any(|own| set.eq_ignore_ascii_case(own));
    if is_latin {
        bytes.iter().copied().map(char::from).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Undoes quoted-printable; `in_word` as in a header, where `_` is a blank.
fn quoted_printable(bytes: &[u8], in_word: bool) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let behind = bytes.get(at + 1..).unwrap_or_default();
        let code = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (byte, behind, code.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'=', [b'\n', ..], _) => at += 2,
            (b'=', [b'\r', b'\n', ..], _) => at += 3,
            (b'=', _, Some(code)) => {
                plain.push(code);
                at += 3;
            }
            (byte, ..) => {
                plain.push(if in_word && *byte == b'_' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    plain
}

/// A header's text with its encoded words decoded: `=?utf-8?q?Gr=C3=BC=C3=9Fe?=`.
fn words(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("=?") {
        let Some((word, behind)) = encoded(&rest[start..]) else {
            let (front, back) = rest.split_at(start + 2);
            plain.push_str(front);
            rest = back;
            continue;
        };
        plain.push_str(&rest[..start]);
        plain.push_str(&word);
        // White space between two of them is not meant.
        let trimmed = behind.trim_start();
        rest = if trimmed.starts_with("=?") { trimmed } else { behind };
    }
    plain.push_str(rest);
    plain
}

/// The encoded word that a text begins with, and what is behind it.
fn encoded(text: &str) -> Option<(String, &str)> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (set, how, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (packed, behind) = rest.split_once("?=")?;
    let bytes = match how {
        "q" | "Q" => quoted_printable(packed.as_bytes(), true),
        "b" | "B" => STANDARD.decode(packed).ok()?,
        _ => return None,
    };
    Some((decode(&bytes, set.split('*').next().unwrap_or_default()), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_as_a_reader_sees_it() {
        for (mail, subject, text, is_html) in [
            ("Subject: Hi\r\n there\r\n\r\nplain\r\ntext\r\n", "Hi there", "plain\ntext\n", false),
            (
                "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_an?=\r\n =?UTF-8?B?IGRpY2g=?= x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>caf=C3=A9 a=\r\nb=3D</p>",
                "Grüße an dich x",
                "<p>café ab=</p>",
                true,
            ),
            (
                "Content-Type: multipart/alternative; boundary=\"x y\"\r\nsubject: two\r\n\r\nignored\r\n--x y\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n\r\ncaf\r\n--x y\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\naGk8L2I+\r\n--x y--\r\nignored",
                "two",
                "caf\n\n<b>hi</b>",
                false,
            ),
            ("Subject: =?bad?=\r\n\r\n", "=?bad?=", "", false),
            ("Content-Type: application/pdf\r\n\r\nx", "", "", false),
            ("", "", "", false),
        ] {
            let letter = Letter::read(mail.as_bytes());
            assert_eq!(
                (letter.subject().as_str(), letter.text.as_str(), letter.is_html),
                (subject, text, is_html)
            );
        }
    }

    #[test]
    fn nonsense_is_read_without_a_panic() {
        let deep = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n".repeat(100);
        for mail in [
            deep.as_str(),
            "=",
            "=?",
            "=?a?b?",
            "\n\n",
            "Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--",
        ] {
            drop(Letter::read(mail.as_bytes()));
            drop(words(mail));
            drop(quoted_printable(mail.as_bytes(), true));
        }
        drop(Letter::read(&[0xff, b'=', b'4', 0xfe, b':', b'\n', b'\n', b'=']));
    }
}
