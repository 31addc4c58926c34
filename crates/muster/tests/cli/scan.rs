//! A site is graded from outside; nothing that it says steers the terminal, the page or the JSON.

use muster_testkit::port;
use muster_testkit::raw::Raw;

use crate::rig::Rig;

/// A site that says what no site should.
const ILL: &str = "HTTP/1.1 200 OK\r\nServer: x/1 \u{9b}2J<script>alert(1)</script>\u{202e}\r\nContent-Length: \
                   2\r\nContent-Type: text/html\r\nSet-Cookie: <b>&\"'=1\r\nConnection: close\r\n\r\nok";

#[test]
fn a_site_is_graded_and_what_it_says_stays_text() {
    let site = Raw::answers(ILL).expect("a server");
    let rig = Rig::new();
    let url = format!("http://{}/", site.address());
    let out = rig.muster(&["scan", &url, "--html", "report.html", "--timeout", "5s"]).with(1);
    assert!(out.starts_with("F   http://127.0.0.1"), "{out}");
    assert!(out.contains("S01") && out.contains("Unknown, which is never good"), "{out}");
    assert!(!out.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{out}");
    let all = rig.muster(&["scan", &url, "--all", "--timeout", "5s"]).with(1);
    assert!(all.contains("server_tokens off;") && !all.contains("And then"), "{all}");
    let page = std::fs::read_to_string(rig.path("work/report.html")).expect("a page");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<b>&\"") && !page.contains('\u{202e}'), "{page}");
    assert!(!page.contains("src=") && !page.contains("http-equiv"), "nothing comes from elsewhere");
    let answer = rig.muster(&["scan", &url, "--json", "--timeout", "5s"]).json(1);
    assert_eq!((&answer["version"], &answer["grade"]), (&1.into(), &"F".into()));
    assert!(
        answer["findings"].as_array().expect("findings").iter().any(|one| one["id"] == "S38"),
        "{answer}"
    );
    assert!(answer["facts"]["page"]["known"]["status"] == 200, "{answer}");
}

#[test]
fn a_site_that_answers_nothing_has_no_grade() {
    let rig = Rig::new();
    let nobody = port::refusing().expect("a port");
    let error = rig.muster(&["scan", &format!("https://{nobody}")]).refused(3);
    assert!(error.contains("could not be scanned") && error.contains("Connection refused"), "{error}");
    for words in [
        &["scan", "ftp://example.com"][..],
        &["scan", "https://"],
        &["scan", "example.com", "--timeout", "1h"],
        &["scan", "example.com", "--resolve", "example.com:443"],
        &["scan", "example.com", "--dns", "dns.example"],
    ] {
        rig.muster(words).refused(2);
    }
}
