//! What the store says in XML: a page of a list, and why it refuses. Pure; whatever it says, reading it takes time and memory
//! in proportion to its length.

use muster_core::time::Timestamp;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

/// Elements within elements; the answers of a store have four.
const DEPTH: usize = 16;

/// One page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    /// Where the next one begins, if there is one.
    pub(super) next: Option<String>,
}

/// An object as a list has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) object: String,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// Why the store refuses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) region: Option<String>,
}

/// Reads a page of a list.
pub(super) fn page(body: &[u8]) -> Result<Page, String> {
    let (mut page, mut goes_on, mut token) = (Page::default(), None, None);
    let (mut object, mut size, mut modified) = (None, None, None);
    walk(body, "ListBucketResult", |path, text| {
        match path {
            "IsTruncated" => goes_on = Some(text == "true"),
            "NextContinuationToken" => token = Some(text).filter(|text| !text.is_empty()),
            "Contents/Key" => object = Some(text),
            "Contents/Size" => size = text.trim().parse().ok(),
            "Contents/LastModified" => modified = moment(&text),
            "Contents" => match (object.take(), size.take(), modified.take()) {
                (Some(object), Some(size), Some(modified)) => {
                    page.objects.push(Listed { object, size, modified });
                }
                _ => return Err("it lists an object without its name, size or time".to_owned()),
            },
            _ => {}
        }
        Ok(())
    })?;
    page.next = match (goes_on, token) {
        (None, _) => return Err("it does not say whether it goes on".to_owned()),
        (Some(true), None) => return Err("it says that it goes on, and not from where".to_owned()),
        (Some(true), token) => token,
        (Some(false), _) => None,
    };
    Ok(page)
}

/// Reads why the store refuses; none if it does not say so in XML.
pub(super) fn refusal(body: &[u8]) -> Option<Refusal> {
    let mut refusal = Refusal::default();
    let read = walk(body, "Error", |path, text| {
        match path {
            "Code" => refusal.code = text,
            "Message" => refusal.message = text,
            "Region" => refusal.region = Some(text),
            _ => {}
        }
        Ok(())
    });
    (read.is_ok() && !refusal.code.is_empty()).then_some(refusal)
}

/// A moment as lists have it (ISO 8601), or as headers have it (RFC 9110, section 5.6.7).
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let read = text.parse::<jiff::Timestamp>().ok();
    let read = read.or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))?;
    Some(Timestamp::from_millis(read.as_millisecond()))
}

/// Goes through a document and hands out each element below the outermost as it ends: the names that lead to it, and the
/// text in it.
fn walk(
    body: &[u8],
    outermost: &str,
    mut each: impl FnMut(&str, String) -> Result<(), String>,
) -> Result<(), String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    // An element without content is two events, like any other.
    reader.config_mut().expand_empty_elements = true;
    let (mut path, mut ends, mut inside, mut is_over) = (String::new(), Vec::new(), String::new(), false);
    loop {
        match reader.read_event().map_err(|error| format!("it is no XML: {error}"))? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().into_inner()).into_owned();
                if is_over || ends.len() == DEPTH || ends.is_empty() && name != outermost {
                    return Err(format!("it is no {outermost}"));
                }
                ends.push(path.len());
                if ends.len() > 1 {
                    path.push('/');
                    path.push_str(&name);
                }
                inside.clear();
            }
            Event::End(_) => {
                if ends.len() > 1 {
                    each(path.trim_start_matches('/'), std::mem::take(&mut inside))?;
                }
                path.truncate(ends.pop().unwrap_or_default());
                is_over = ends.is_empty();
            }
            Event::Text(part) => inside.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::CData(part) => inside.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(reference) => inside.push_str(&meant(&reference)?),
            Event::DocType(_) => return Err("it declares a type of its own".to_owned()),
            Event::Eof if is_over => return Ok(()),
            Event::Eof => return Err(format!("it is no {outermost}, or ends in the middle of it")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
        }
    }
}

/// The character behind `&amp;` or `&#38;`.
fn meant(reference: &BytesRef<'_>) -> Result<String, String> {
    let name = reference.decode().map_err(|error| error.to_string())?;
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let text = resolve_predefined_entity(&name).ok_or("it refers to something that is not in it")?;
    Ok(text.to_owned())
}
