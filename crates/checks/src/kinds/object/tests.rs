use std::io::Write as _;
use std::time::{Duration, Instant};

use muster_config::assertion::examples_compile;
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::raw::{Raw, wait_for_end};
use muster_testkit::tls::Identity;

use super::{ROW, TERMS};
use crate::notebook::Seen;
use crate::probe::{Class, Miss};
use crate::trial::{faults, look, miss, part};

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(600);
const LOGIN: &str = "key = \"AKIDEXAMPLE\"\nsecret = { command = [\"echo\", \"open-sesame-42\"] }\n";
const OBJECT: &str = "object = \"db/app.tar\"\n";
const PREFIX: &str = "prefix = \"db/\"\n";

async fn see(at: impl std::fmt::Display, keys: &str, limit: Duration) -> (Result<Vec<String>, Miss>, Seen) {
    look(&part(&ROW, &format!("endpoint = \"http://{at}\"\nbucket = \"acme\"\n{keys}")), limit).await
}

/// What is bad about what this answer says, and the trace.
async fn bad(mode: Mode, keys: &str) -> (Option<Class>, String, String) {
    let server = Receiver::start(mode).expect("a server");
    let (ended, seen) = see(server.address(), keys, LONG).await;
    let (class, why) = miss(ended);
    (class, why, seen.trace.join("\n"))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Mode {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Mode::Answer { status, headers, body: body.to_owned() }
}

fn refusal(code: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>Some &lt;words&gt;.</Message>{more}</Error>"
    )
}

fn list(contents: &str, end: &str) -> String {
    format!(
        "<ListBucketResult xmlns=\"http://doc.s3.example/\"><Name>acme</Name><KeyCount>2</KeyCount>{contents}{end}\
         </ListBucketResult>"
    )
}

fn entry(name: &str, moment: &str, size: u64) -> String {
    format!(
        "<Contents><Key>{name}</Key><LastModified>{moment}</LastModified><ETag/><Size>{size}</Size>\
         <Owner><ID>1</ID></Owner></Contents>"
    )
}

const END: &str = "<IsTruncated>false</IsTruncated>";
const MORE: &str = "<IsTruncated>true</IsTruncated><NextContinuationToken>a+b/c=</NextContinuationToken>";

/// Reads the request, and then says these bytes again and again: before it, they would be no answer.
fn pours(first: String, again: String) -> std::io::Result<Raw> {
    Raw::start(move |stream| {
        let mut some = [0; 4000];
        std::io::Read::read(stream, &mut some)?;
        stream.write_all(first.as_bytes())?;
        loop {
            stream.write_all(again.as_bytes())?;
        }
    })
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn keys_that_cannot_hold_together_are_refused() {
    let store = "endpoint = \"https://s3.example.com\"\nbucket = \"acme\"\n";
    for (keys, what) in [
        (String::new(), "lacks `endpoint`"),
        (store.to_owned(), "lacks `object` or `prefix`"),
        (format!("{store}{OBJECT}{PREFIX}"), "`object` names the object already"),
        (format!("{store}object = \"a/../b\""), "cannot be asked for"),
        (format!("{store}{OBJECT}key = \"a\""), "a `key` without `secret`"),
        (format!("{store}{OBJECT}secret = {{ env = \"A\" }}"), "a `secret` without `key`"),
        (format!("{store}{OBJECT}token = {{ env = \"A\" }}"), "a `token` without `key`"),
        (format!("{store}{OBJECT}key = \"a\"\nsecret = \"plain\""), "secret"),
        (format!("{store}{PREFIX}min_count = 3\nmax_count = 2"), "at least 3 objects must be there"),
        (
            format!("{store}{OBJECT}contains = [\"x\"]\nlacks = [\"x\"]"),
            "no object contains \"x\" and lacks it",
        ),
        (format!("endpoint = \"https://u:p@a.example\"\nbucket = \"b\"\n{OBJECT}"), "more than an address"),
        (format!("endpoint = \"https://a.example?x=1\"\nbucket = \"b\"\n{OBJECT}"), "more than an address"),
        (format!("endpoint = \"https://a.example\"\nbucket = \"b/c\"\n{OBJECT}"), "has no slash"),
        (
            format!("endpoint = \"https://a.example\"\nbucket = \"B_c:1\"\nstyle = \"host\"\n{OBJECT}"),
            "makes no address",
        ),
    ] {
        let found = faults(&ROW, &keys);
        assert!(found.contains(what), "{keys}\n{found}");
    }
}

#[tokio::test]
async fn a_request_is_signed_in_its_address_and_nothing_of_that_is_noted() {
    let server = Receiver::start(answer(200, &[("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")], "12345"))
        .expect("a server");
    let keys = format!(
        "{LOGIN}{OBJECT}token = {{ command = [\"echo\", \"session/42=\"] }}\nregion = \"eu-west-1\"\ncontains = [\"234\"]"
    );
    let (ended, seen) = see(server.address(), &keys, LONG).await;
    assert_eq!(ended, Ok(vec![]));
    let requests = server.requests();
    let asked: Vec<_> = requests.iter().map(|one| (one.method.as_str(), one.header("range"))).collect();
    assert_eq!(asked, [("HEAD", None), ("GET", Some("bytes=0-1048575"))]);
    for request in &requests {
        assert!(
            request.path.starts_with("/acme/db/app.tar?X-Amz-Algorithm=AWS4-HMAC-SHA256&"),
            "{}",
            request.path
        );
        for part in [
            "X-Amz-Signature=",
            "AKIDEXAMPLE%2F",
            "%2Feu-west-1%2Fs3%2F",
            "X-Amz-Expires=900",
            "session%2F42%3D",
        ] {
            assert!(request.path.contains(part), "{part}: {}", request.path);
        }
        assert!(!request.path.contains("open-sesame"));
        let signature = request.path.split("X-Amz-Signature=").nth(1).expect("a signature");
        for secret in [signature, "session", "open-sesame", "X-Amz"] {
            assert!(!format!("{:?}{:?}", seen.trace, seen.values().collect::<Vec<_>>()).contains(secret));
        }
    }
    assert!(seen.trace[0] == "HEAD acme/db/app.tar", "{:?}", seen.trace);
}

#[tokio::test]
async fn a_store_that_repeats_the_address_does_not_get_its_signature_into_our_words() {
    let server = Raw::start(move |stream| {
        let mut some = [0; 4000];
        let length = std::io::Read::read(stream, &mut some)?;
        let said = String::from_utf8_lossy(&some[..length]).into_owned();
        let path = said.split(' ').nth(1).unwrap_or_default();
        let end = path.split("X-Amz-SignedHeaders").nth(1).unwrap_or_default();
        let body = refusal("AccessDenied", "").replace("Some", &end.replace('&', "&amp;"));
        write!(stream, "HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let server = server.expect("a server");
    let (ended, seen) = see(server.address(), &format!("{LOGIN}{OBJECT}"), LONG).await;
    let (_, why) = miss(ended);
    assert!(why.contains("(403): =host&X-Amz-Signature=*** <words>."), "{why}");
    assert!(!seen.trace.join("").contains("Amz"), "{:?}", seen.trace);
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let good = [("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")];
    let server = Receiver::start(answer(200, &good, "12345")).expect("a server");
    assert_eq!(see(server.address(), OBJECT, LONG).await.0, Ok(vec![]));
    assert_eq!(server.requests()[0].path, "/acme/db/app.tar");
    server.set(answer(200, &[], &list("", END)));
    assert_eq!(see(server.address(), &format!("{PREFIX}max_count = 0"), LONG).await.0, Ok(vec![]));
    assert_eq!(server.requests()[1].path, "/acme/?list-type=2&prefix=db%2F");
    let (class, why, _) = bad(answer(403, &[], &refusal("AccessDenied", "")), OBJECT).await;
    assert_eq!(class, Some(Class::Refused));
    assert!(why.ends_with("nobody may look without a key; add `key` and `secret`"), "{why}");
}

#[tokio::test]
async fn each_no_of_a_store_says_what_to_do() {
    let elsewhere = refusal("PermanentRedirect", "<Endpoint>acme.s3.eu-west-1.example.com</Endpoint>");
    let wrong = refusal("AuthorizationQueryParametersError", "<Region>eu-west-1</Region>");
    let region = "write `region = \"eu-west-1\"`";
    for (status, headers, body, class, words) in [
        (301, vec![("x-amz-bucket-region", "eu-west-1")], elsewhere.as_str(), Class::Refused, region),
        (301, vec![("x-amz-bucket-region", "eu-west-1")], "", Class::Refused, region),
        (301, vec![("x-amz-bucket-region", "<b>")], "", Class::Refused, "answered 301 and gave no reason"),
        (
            301,
            vec![("Location", "https://user:word@other.example/acme?X-Amz-Signature=1")],
            "",
            Class::Refused,
            "the store answered 301, which leads to https://other.example; correct `endpoint`",
        ),
        (400, vec![], wrong.as_str(), Class::Refused, region),
        (
            403,
            vec![],
            &refusal("RequestTimeTooSkewed", ""),
            Class::Refused,
            "are too far apart; its clock is ",
        ),
        (
            403,
            vec![],
            &refusal("AccessDenied", ""),
            Class::Refused,
            "AccessDenied (403): Some <words>.; its clock is ",
        ),
        (
            403,
            vec![],
            &refusal("AccessDenied", ""),
            Class::Refused,
            "AccessDenied (403): Some <words>.; the key may not look at this",
        ),
        (403, vec![], &refusal("InvalidAccessKeyId", ""), Class::Refused, "correct `key`"),
        (400, vec![], &refusal("ExpiredToken", ""), Class::Refused, "fetch another `token`"),
        (
            403,
            vec![],
            &refusal("SignatureDoesNotMatch", ""),
            Class::Refused,
            "`region`, which is us-east-1 here",
        ),
        (
            404,
            vec![],
            &refusal("NoSuchBucket", ""),
            Class::Absent,
            "there is no bucket acme; correct `bucket`",
        ),
        (
            503,
            vec![],
            &refusal("SlowDown", ""),
            Class::Refused,
            "SlowDown (503): it is not able to answer now; Some <words>.",
        ),
        (418, vec![], &refusal("Tea\u{1b}[2J", ""), Class::Refused, "(418): Some <words>."),
        (
            502,
            vec![],
            "<html>bad gateway",
            Class::Refused,
            "answered 502 and gave no reason in XML; it said \"<html>bad gateway\"",
        ),
        (404, vec![], "not here", Class::Refused, "it said \"not here\""),
    ] {
        // A clock that is wrong by years, where it matters.
        let mut headers = headers;
        if words.contains("clock is") {
            headers.push(("Date", "Fri, 02 Jan 2015 03:04:05 GMT"));
        }
        for place in [OBJECT, PREFIX] {
            let (found, why, _) = bad(answer(status, &headers, body), &format!("{LOGIN}{place}")).await;
            assert!(found == Some(class) && why.contains(words), "{place}{status} {body}\n{found:?} {why}");
            assert!(!why.contains('\u{1b}') && !why.contains("word@") && !why.contains("Amz"), "{why}");
        }
    }
}

#[tokio::test]
async fn only_the_stores_own_word_makes_an_object_absent() {
    let keys = format!("{LOGIN}{OBJECT}min_count = 0");
    let server = Receiver::start(answer(404, &[], &refusal("NoSuchKey", ""))).expect("a server");
    assert_eq!(see(server.address(), &keys, LONG).await.0, Ok(vec![]));
    for body in [
        "",
        "not here",
        "<Error><Code>NoSuchKey</Code>",
        "<Error><Code>NoSuchKey</Code></Error><x/>",
        "<Other><Code>NoSuchKey</Code></Other>",
    ] {
        server.set(answer(404, &[], body));
        let (class, why) = miss(see(server.address(), &keys, LONG).await.0);
        assert!(class == Some(Class::Refused) && why.contains("answered 404"), "{body}: {why}");
    }
}

#[tokio::test]
async fn stores_that_are_none_hold_nobody_up() {
    let head = "HTTP/1.1 200 OK\r\n";
    let half = format!("{head}Content-Length: 900\r\n\r\n<ListBucketResult>");
    let tag = format!("{head}\r\n<ListBucketResult><Contents><Key>");
    let nested = format!("{head}\r\n<ListBucketResult>");
    for (server, place, class, words) in [
        (Raw::says(""), OBJECT, Class::Timeout, "no answer came"),
        (Raw::says("SSH-2.0-OpenSSH\r\n"), OBJECT, Class::Protocol, "broke off"),
        (
            Raw::answers(format!("{head}\r\n")),
            OBJECT,
            Class::Protocol,
            "nothing of the object's size and time",
        ),
        (Raw::answers(half.clone()), PREFIX, Class::Timeout, "began and did not end"),
        (
            Raw::start(move |stream| {
                let mut some = [0; 2000];
                std::io::Read::read(stream, &mut some)?;
                stream.write_all(half.as_bytes())
            }),
            PREFIX,
            Class::Protocol,
            "broke off",
        ),
        (
            pours(tag, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".repeat(100)),
            PREFIX,
            Class::Protocol,
            "more than 4 MiB",
        ),
        (pours(nested, "<a>".repeat(1000)), PREFIX, Class::Protocol, "more than 4 MiB"),
        (Raw::floods(head, "x-more: xxxxxxxxxxxxxxxxxxxxxxx\r\n"), OBJECT, Class::Protocol, "broke off"),
    ] {
        let server = server.expect("a server");
        let limit = if class == Class::Timeout { SHORT } else { LONG };
        let start = Instant::now();
        let (found, why) = miss(see(server.address(), &format!("{LOGIN}{place}"), limit).await.0);
        assert!(found == Some(class) && why.contains(words), "{words}: {found:?} {why}");
        assert!(start.elapsed() < limit + Duration::from_millis(400), "{:?}", start.elapsed());
        let alone = tokio::task::spawn_blocking(move || server.is_left_alone_within(LONG));
        assert!(alone.await.expect("waited"), "the connection outlives the look");
    }
}

#[tokio::test]
async fn an_answer_to_head_with_a_body_is_read_all_the_same() {
    let body = refusal("NoSuchKey", "");
    let said = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = Raw::start(move |stream| {
        let mut some = [0; 4000];
        std::io::Read::read(stream, &mut some)?;
        stream.write_all(said.as_bytes())?;
        wait_for_end(stream)
    });
    let server = server.expect("a server");
    let (class, why) = miss(see(server.address(), &format!("{LOGIN}{OBJECT}"), LONG).await.0);
    assert_eq!((class, why.as_str()), (Some(Class::Absent), "acme/db/app.tar is not there: no such object"));
}

#[tokio::test]
async fn a_list_that_cannot_be_trusted_is_bad_and_one_that_does_not_end_is_unknown() {
    let one = entry("db/a", "2026-01-02T03:04:05.678Z", 7);
    for (body, words) in [
        ("not a list".to_owned(), "it is no ListBucketResult"),
        (String::new(), "it is no ListBucketResult"),
        ("<html><body>hello</body></html>".to_owned(), "it is no ListBucketResult"),
        (list(&one, ""), "does not say whether it goes on"),
        (list(&one, "<IsTruncated>true</IsTruncated>"), "it goes on, and not from where"),
        (list(&entry("other", "2026-01-02T03:04:05.678Z", 7), END), "do not begin with the prefix"),
        (list(&entry("db/a", "yesterday", 7), END), "without its name, size or time"),
        (list("<Contents><Key>db/a</Key></Contents>", END), "without its name, size or time"),
        (list(&one, END).replace("</ListBucketResult>", ""), "ends in the middle"),
        (list(&one, END).replace("</Key>", "</Kex>"), "it is no XML"),
        (list(&one, END).replace("db/a", "db/&a;"), "refers to something"),
        (format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", list(&one, END)), "a type of its own"),
        (list(&"<a>".repeat(20), END), "it is no ListBucketResult"),
        (list(&one, END) + "<ListBucketResult/>", "it is no ListBucketResult"),
    ] {
        let (class, why, _) = bad(answer(200, &[], &body), &format!("{LOGIN}{PREFIX}min_count = 0")).await;
        assert!(class == Some(Class::Protocol) && why.contains(words), "{body}\n{class:?} {why}");
    }
    let server = Receiver::start(answer(200, &[], &list(&one, MORE))).expect("a server");
    let (class, why) = miss(see(server.address(), &format!("{LOGIN}{PREFIX}"), LONG).await.0);
    assert_eq!(class, None, "{why}");
    assert!(
        why.starts_with("there are more than 50 objects or 50 pages of them; write a longer `prefix`"),
        "{why}"
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 50);
    assert!(!requests[0].path.contains("continuation"), "{}", requests[0].path);
    assert!(requests[1].path.contains("continuation-token=a%2Bb%2Fc%3D&"), "{}", requests[1].path);
}

#[test]
fn reading_a_hostile_answer_costs_what_its_length_costs() {
    let most = super::find::PAGE;
    for hostile in [
        format!("<ListBucketResult {}>", "a='' ".repeat(most / 5)),
        format!("<ListBucketResult>{}", "<a/>".repeat(most / 4)),
        format!("<ListBucketResult>{}", "&amp;".repeat(most / 5)),
        format!("<ListBucketResult>{}", "<![CDATA[]]>".repeat(most / 12)),
        "<".repeat(most),
    ] {
        let start = Instant::now();
        assert!(super::answer::page(hostile.as_bytes()).is_err());
        assert!(start.elapsed() < LONG, "{:?} for {}", start.elapsed(), &hostile[..40]);
    }
}

#[tokio::test]
async fn names_are_read_as_they_are_and_folders_do_not_count() {
    let contents = [
        entry("db/&lt;a&gt; &#38; &#xfc;<![CDATA[<b>]]>", "2026-01-03T00:00:00Z", 7),
        entry("db/older", "2026-01-02T00:00:00Z", 9),
        entry("db/", "2026-01-04T00:00:00Z", 0),
    ];
    let server = Receiver::start(answer(200, &[], &list(&contents.concat(), END))).expect("a server");
    let (ended, seen) = see(
        server.address(),
        &format!("{LOGIN}{PREFIX}min_count = 2\nmax_count = 2\nexpect = [\"object == 'db/<a> & ü<b>'\", \"total == 16B\"]"),
        LONG,
    )
    .await;
    assert_eq!(ended, Ok(vec![]), "{:?}", seen.trace);
}

#[tokio::test]
async fn an_object_from_the_future_is_never_fresh() {
    let ahead = [("Last-Modified", "Fri, 02 Jan 2099 03:04:05 GMT")];
    let (class, why, _) = bad(answer(200, &ahead, "x"), &format!("{LOGIN}{OBJECT}max_age = \"1d\"")).await;
    assert!(class == Some(Class::Unmet) && why.contains("a clock is wrong"), "{why}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_and_a_certificate_that_is_not_trusted_are_told() {
    let login = "key = { env = \"MUSTER_NO_SUCH_KEY\" }\nsecret = { env = \"MUSTER_NO_SUCH_KEY\" }\n";
    let server = Receiver::start(Mode::answer(200, "")).expect("a server");
    let (class, why) = miss(see(server.address(), &format!("{login}{OBJECT}"), LONG).await.0);
    assert!(class.is_none() && why.contains("MUSTER_NO_SUCH_KEY"), "{why}");
    assert!(server.requests().is_empty());
    let private =
        Receiver::start_tls(Mode::answer(200, ""), Identity::new().expect("one")).expect("a server");
    let keys = format!("endpoint = \"{}\"\nbucket = \"acme\"\n{OBJECT}", private.url("/"));
    let (class, _) = miss(look(&part(&ROW, &keys), LONG).await.0);
    assert_eq!(class, Some(Class::Tls));
}
