//! What subscribers are mailed: a bulletin for each update of a notice, and the question whether an address is theirs. As on
//! the page, nothing but public words gets in.

use muster_config::plan::StatusPage;
use muster_core::notice::Notice;

use crate::html::stage;
use crate::page::public;
use crate::words;

/// A mail in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Plain text, lines ended by a line feed.
    pub body: String,
}

/// The mail about the newest update of a notice. `unsubscribe` is the recipient's own link.
pub fn bulletin(plan: &StatusPage, notice: &Notice, unsubscribe: &str) -> Text {
    let StatusPage { title, url, .. } = plan;
    let notice = public(notice);
    let (at, how, said) = match notice.updates.first() {
        Some(update) => (update.at, stage(update.stage), update.words.as_str()),
        None => (notice.changed, stage(notice.stage), ""),
    };
    let mut body = format!("{}\n", notice.title);
    if !notice.components.is_empty() {
        body.push_str(&format!("About: {}\n", notice.components.join(", ")));
    }
    body.push_str(&format!("{how}, {}\n\n{said}\n\n", words::moment(at)));
    body.push_str(&format!("All that was said about it: {url}/history.html#{}\n", notice.id));
    body.push_str(&format!("How everything stands now:  {url}/\n\n-- \n"));
    body.push_str(&format!("This address subscribed to what {title} reports. To end that: {unsubscribe}\n"));
    Text { subject: one_line(&format!("[{title}] {how}: {}", notice.title)), body }
}

/// The mail that asks whether an address is somebody's own. It is all that they get unless they follow the link.
pub fn question(plan: &StatusPage, link: &str) -> Text {
    let StatusPage { title, url, .. } = plan;
    let body = format!(
        "Somebody, probably you, wants what {title} ({url}/) reports to be mailed to this address.\n\n\
         If it was you, open this link within 24 hours and press the button there:\n{link}\n\n\
         If it was not, there is nothing to do: this address is not kept.\n"
    );
    Text { subject: one_line(&format!("[{title}] Is this your address?")), body }
}

/// A subject has no line ends, whatever somebody wrote.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use muster_core::ids::{ExpectationId, IncidentId};
    use muster_core::notice::{Amendment, Extent, NoticeId, Stage, Touched, Update};
    use muster_core::time::{Span, Timestamp};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

    fn plan() -> StatusPage {
        StatusPage {
            title: "Acme".into(),
            url: "https://status.example.com".into(),
            folder: "/srv/s3cret-folder".into(),
            push: vec!["s3cret-push".into()],
            every: Span::minutes(1),
            components: Vec::new(),
            subscribe: None,
        }
    }

    #[test]
    fn a_bulletin_says_what_the_page_says_and_how_to_end_it() {
        let id = NoticeId::of(NOW, 0);
        let incident = IncidentId::of(&ExpectationId::new("check.s3cret").unwrap(), NOW);
        let touched = vec![Touched { component: "API".into(), extent: Extent::Down }];
        let seen = Amendment::Seen { incident, touched, at: NOW, words: "API is not available.".into() };
        let said = Amendment::Said(Update {
            at: NOW + Span::minutes(2),
            stage: Stage::Identified,
            words: "A disk is full.\nWe add space.".into(),
            by: Some("s3cret-ann".into()),
        });
        let notice = Notice::amended(None, &id, &seen);
        let notice = Notice::amended(notice, &id, &said).unwrap();
        let Text { subject, body } =
            bulletin(&plan(), &notice, "https://status.example.com/status/unsubscribe?a=1");
        assert_eq!(subject, "[Acme] Identified: API is not available");
        let expected = format!(
            "API is not available\nAbout: API\nIdentified, 21 Nov 2026, 07:44 UTC\n\n\
             A disk is full.\nWe add space.\n\n\
             All that was said about it: https://status.example.com/history.html#{id}\n\
             How everything stands now:  https://status.example.com/\n\n-- \n\
             This address subscribed to what Acme reports. To end that: https://status.example.com/status/unsubscribe?a=1\n"
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn a_subject_is_one_line_whatever_is_in_it() {
        let opened =
            Amendment::Opened { title: "Slow\r\nBcc: eve@example.com".into(), touched: Vec::new(), at: NOW };
        let notice = Notice::amended(None, &NoticeId::of(NOW, 0), &opened).unwrap();
        let subject = bulletin(&plan(), &notice, "x").subject;
        assert!(!subject.contains(char::is_control), "{subject:?}");
        assert!(question(&plan(), "https://x.example/?t=1").body.contains("\nhttps://x.example/?t=1\n"));
    }
}
