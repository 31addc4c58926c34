//! `feed.atom` (RFC 4287): one entry for each notice, whose id stays the same while it is updated.

use crate::html::{GENERATOR, stage};
use crate::page::{Notice, Page};
use crate::words;

/// Entries of the feed.
const ENTRIES: usize = 50;

/// The feed.
pub fn feed(page: &Page) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n",
    );
    let entries = || page.notices.iter().take(ENTRIES);
    let updated = entries().map(|notice| notice.changed).max();
    let (title, url) = (text(&page.title), text(&page.url));
    let head = [
        format!("<id>{url}/</id>"),
        format!("<title>{title}</title>"),
        // A feed without an entry has not changed since ever; a time of its own would change the file for nothing.
        format!("<updated>{}</updated>", updated.unwrap_or_default()),
        format!("<link rel=\"self\" type=\"application/atom+xml\" href=\"{url}/feed.atom\"/>"),
        format!("<link rel=\"alternate\" type=\"text/html\" href=\"{url}/\"/>"),
        format!("<author><name>{title}</name></author>"),
        format!("<generator>{GENERATOR}</generator>"),
    ];
    for line in head {
        out.push_str(&format!("  {line}\n"));
    }
    for notice in entries() {
        entry(&mut out, &url, notice);
    }
    out.push_str("</feed>\n");
    out
}

fn entry(out: &mut String, url: &str, notice: &Notice) {
    let mut said = String::new();
    for update in &notice.updates {
        let words = text(&update.words).replace('\n', "<br/>");
        said.push_str(&format!(
            "<p><b>{}</b> · {}<br/>{words}</p>",
            stage(update.stage),
            words::moment(update.at)
        ));
    }
    let names = notice.components.join(", ");
    let lines = [
        format!("<id>{url}/history.html#{}</id>", notice.id),
        format!("<title>{}</title>", text(&notice.title)),
        format!("<published>{}</published>", notice.began),
        format!("<updated>{}</updated>", notice.changed),
        format!("<link rel=\"alternate\" type=\"text/html\" href=\"{url}/history.html#{}\"/>", notice.id),
        format!("<category term=\"{}\"/>", notice.stage.word()),
        format!("<summary>{}: {}</summary>", stage(notice.stage), text(&names)),
        format!("<content type=\"html\">{}</content>", text(&said)),
    ];
    out.push_str("  <entry>\n");
    for line in lines {
        out.push_str(&format!("    {line}\n"));
    }
    out.push_str("  </entry>\n");
}

/// Text as XML has it, without the characters that XML has not.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
    out
}
