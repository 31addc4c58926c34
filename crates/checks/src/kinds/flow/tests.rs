use std::time::Duration;

use muster_config::fault::Fault;
use muster_config::kind::Kind;
use muster_config::source::Source;
use muster_testkit::http::{Mode, Receiver};

use super::ROW;
use crate::probe::{Class, Part};
use crate::trial::{look, miss, part};

const LONG: Duration = Duration::from_secs(20);

/// The faults of a flow with these tables behind its kind.
fn faults(keys: &str) -> String {
    let text = format!("[check.x]\nkind = \"flow\"\n{keys}\n");
    let source = Source { file: "muster.toml", text: &text, zone: "UTC", host: "web1" };
    let row: &'static Kind<Part> = &ROW;
    let Err(faults) = row.read_text(&source, &[]) else { return String::new() };
    let one = |fault: &Fault| format!("{}:{} {} {:?}", fault.line, fault.column, fault.what, fault.help);
    faults.list().iter().map(one).collect::<Vec<_>>().join("\n")
}

fn flow(keys: &str) -> Part {
    part(&ROW, keys)
}

#[test]
fn a_mistake_in_a_step_is_told_with_its_place() {
    let get = "[[check.x.step]]\nget = \"https://example.com/\"\n";
    for (keys, words) in [
        ("", &["lacks `step`"][..]),
        ("[[check.x.step]]\nname = \"x\"\n", &["3:1", "the step does nothing"]),
        ("[[check.x.step]]\nget = \"https://a/\"\nwait = \"1s\"\n", &["5:8", "the step has `get` already"]),
        (
            "[[check.x.step]]\nget = \"https://a/{{id}}\"\n",
            &["4:18", "no step before this one captures `id`"],
        ),
        (
            "[[check.x.step]]\nget = \"https://a/\"\ncapture = { token = \"body\" }\n[[check.x.step]]\nget = \"https://a/{{tokn}}\"\n",
            &["did you mean {{token}}?"],
        ),
        ("[[check.x.step]]\nget = \"https://a/{{unique\"\n", &["`{{` is not closed"]),
        ("[[check.x.step]]\nget = \"https://{{unique}}.example.com/\"\n", &["cannot be captured"]),
        ("[[check.x.step]]\nget = \"ftp://a/\"\n", &["4:7"]),
        (
            "[[check.x.step]]\npost = \"https://a/\"\nform = { a = \"1\" }\njson = { a = 1 }\n",
            &["6:8", "`form` is the body already"],
        ),
        ("[[check.x.step]]\npost = \"https://a/\"\njson = { a = { b = [\"{{c}}\"] } }\n", &["captures `c`"]),
        ("[[check.x.step]]\npost = \"https://a/\"\njson = { a = 2026-01-01 }\n", &["JSON has no dates"]),
        (
            "[[check.x.step]]\nget = \"https://a/\"\ncapture = { a = \"status == 1\" }\n",
            &["5:25", "nothing is compared"],
        ),
        (
            "[[check.x.step]]\nget = \"https://a/\"\ncapture = { a = \"body matches '(a)(b)'\" }\n",
            &["more than one group"],
        ),
        ("[[check.x.step]]\nget = \"https://a/\"\ncapture = { a = \"'b'\" }\n", &["cannot be captured"]),
        (
            "[[check.x.step]]\nget = \"https://a/\"\ncapture = { \"a b\" = \"body\" }\n",
            &["cannot be the name of a capture"],
        ),
        ("[[check.x.step]]\nget = \"https://a/\"\ncapture = { unique = \"body\" }\n", &["is there already"]),
        (
            "[[check.x.step]]\nget = \"https://a/\"\ncapture = { a = \"subject\" }\n",
            &["a step with `get` has no `subject`"],
        ),
        ("[[check.x.step]]\nget = \"https://a/\"\nsecret = [\"a\"]\n", &["does not capture `a`"]),
        (
            "[[check.x.step]]\nget = \"https://a/\"\nexpect = [{ that = \"status == 200\", severity = \"warn\" }]\n",
            &["would do neither"],
        ),
        (
            "[[check.x.step]]\nwait = \"1s\"\nform = { a = \"1\" }\n",
            &["5:8", "`form` means nothing in a step with `wait`"],
        ),
        ("[[check.x.step]]\nmail = { subject = \"x\" }\n", &["nothing says into which mailbox"]),
        (
            "timeout = \"60s\"\nmailbox = { imap = \"a:993\", user = \"a\", password = { env = \"A\" } }\n[[check.x.step]]\nmail = { subject = \"x\" }\n",
            &["the step may take 2m, and the whole flow 1m"],
        ),
        (
            "[[check.x.step]]\nsql = { dsn = \"sqlite:///x\", query = \"select '{{unique}}'\" }\n",
            &["stands in quotes"],
        ),
        ("[[check.x.step]]\nfinally = true\nwait = \"1s\"\n", &["all steps are for cleaning up"]),
        (&format!("[[check.x.step]]\nfinally = true\nwait = \"1s\"\n{get}"), &["comes behind one that is"]),
        ("[check.x.step]\nget = \"https://a/\"\n", &["two brackets: [[check.x.step]]"]),
        ("step = [\"x\"]\n", &["expected a table, found a text"]),
        (&get.repeat(51), &["51 steps, and at most 50"]),
    ] {
        let told = faults(keys);
        for word in words {
            assert!(told.contains(word), "{word} in\n{told}\n{keys}");
        }
    }
    assert_eq!(faults(get), "");
}

#[tokio::test]
async fn values_are_written_as_their_place_asks_for() {
    let server = Receiver::start(Mode::Answer {
        status: 200,
        headers: vec![("X-One".into(), "a&b=c d/é\"".into())],
        body: "{\"id\": 12, \"big\": 9007199254740993, \"none\": null}".into(),
    })
    .expect("a server");
    let url = server.url("/first");
    let text = format!(
        "[[check.x.step]]\nget = \"{url}\"\ncapture = {{ one = \"header('x-one')\", id = \"json('$.id')\", part = \"body matches '.id.: (\\\\d)'\" }}\n\
         [[check.x.step]]\npost = \"{url}/{{{{id}}}}?q={{{{one}}}}\"\nheaders = {{ x-part = \"<{{{{part}}}}>\" }}\nform = {{ \"a b\" = \"{{{{one}}}}\" }}\n\
         [[check.x.step]]\nput = \"{url}\"\njson = {{ s = \"{{{{one}}}}\", n = 1.5, t = {{ command = [\"printf\", \"hush-hush\"] }}, l = [true, \"{{{{unique}}}}\"] }}\n"
    );
    let (ended, seen) = look(&flow(&text), LONG).await;
    assert_eq!(ended, Ok(Vec::new()), "{seen:#?}");
    let requests = server.requests();
    let [_, form, json] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!((form.method.as_str(), form.path.as_str()), ("POST", "/first/12?q=a%26b%3Dc%20d%2F%C3%A9%22"));
    assert_eq!(form.body, "a+b=a%26b%3Dc+d%2F%C3%A9%22");
    assert_eq!(
        (form.header("content-type"), form.header("x-part")),
        (Some("application/x-www-form-urlencoded"), Some("<1>"))
    );
    assert_eq!(json.header("content-type"), Some("application/json"));
    let tree: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(
        (tree["s"].as_str(), tree["n"].as_f64(), tree["t"].as_str()),
        (Some("a&b=c d/é\""), Some(1.5), Some("hush-hush"))
    );
    let unique = tree["l"][1].as_str().expect("a word").to_owned();
    assert!(unique.len() == 17 && unique.chars().all(char::is_alphanumeric), "{unique}");
    assert!(!format!("{:?}", seen.trace).contains("hush-hush"));
    for (capture, words) in [
        ("json('$.big')", "too large to be taken to the last digit"),
        ("json('$.none')", "it is null"),
        ("json('$.gone')", "json('$.gone') is not there"),
        ("header('gone')", "header('gone') is not there"),
        ("body matches 'gone'", "nothing in it matches"),
    ] {
        let text = format!(
            "[[check.x.step]]\nname = \"take\"\nget = \"{url}\"\ncapture = {{ a = \"{capture}\" }}\n"
        );
        let (ended, _) = look(&flow(&text), LONG).await;
        let (class, why) = miss(ended);
        assert_eq!(class, Some(Class::Absent));
        assert!(
            why.starts_with("step 1 of 1, take: `a` could not be captured: ") && why.contains(words),
            "{why}"
        );
    }
}

#[tokio::test]
async fn what_is_captured_is_shown_nowhere_if_its_name_or_the_file_says_so() {
    let server = Receiver::start(Mode::answer(200, "alpha-beta-gamma")).expect("a server");
    let url = server.url("/");
    for (name, more, is_shown) in [
        ("api_key", "", false),
        ("CsrfField", "", false),
        ("word", "secret = [\"word\"]\n", false),
        ("word", "", true),
    ] {
        let text = format!(
            "[[check.x.step]]\nget = \"{url}\"\ncapture = {{ {name} = \"body\" }}\n{more}expect = [\"body == 'other'\"]\n[[check.x.step]]\nget = \"{url}{{{{{name}}}}}\"\n"
        );
        let (ended, seen) = look(&flow(&text), LONG).await;
        let told = format!("{ended:?} {:?}", seen.trace);
        assert_eq!(told.contains("alpha-beta-gamma"), is_shown, "{name}: {told}");
    }
}

#[tokio::test]
async fn a_step_for_cleaning_up_is_left_out_where_it_needs_what_never_was() {
    let server = Receiver::start(Mode::answer(500, "no")).expect("a server");
    let url = server.url("/");
    let text = format!(
        "[[check.x.step]]\npost = \"{url}\"\ncapture = {{ id = \"header('x-id')\" }}\n[[check.x.step]]\ndelete = \"{url}{{{{id}}}}\"\nfinally = true\n[[check.x.step]]\nget = \"{url}last\"\nexpect = [\"status == 500\"]\nfinally = true\n"
    );
    let (ended, seen) = look(&flow(&text), LONG).await;
    let (class, why) = miss(ended);
    assert_eq!(class, Some(Class::Unmet));
    assert_eq!(why, format!("step 1 of 3, post {url}: status >= 200 and status < 400: status was 500"));
    let paths: Vec<_> =
        server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(paths, ["POST /", "GET /last"]);
    assert!(
        seen.trace.iter().any(|line| line.contains("is left out: nothing was captured as id")),
        "{seen:#?}"
    );
}

#[tokio::test]
async fn a_link_that_was_captured_is_followed_as_it_is() {
    let server = Receiver::start(Mode::answer(200, "")).expect("a server");
    let link = server.url("/confirm?a=1&amp;b=2");
    server.set(Mode::Answer {
        status: 200,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body: format!("<a href=\"{link}\">yes</a>"),
    });
    let text = format!(
        "[[check.x.step]]\nget = \"{}\"\ncapture = {{ link = \"body matches 'href=.([^\\\"]+)'\" }}\n[[check.x.step]]\nget = \"{{{{link}}}}\"\n",
        server.url("/")
    );
    let (ended, seen) = look(&flow(&text), LONG).await;
    assert_eq!(ended, Ok(Vec::new()), "{seen:#?}");
    assert_eq!(server.requests()[1].path, "/confirm?a=1&b=2");
}

#[tokio::test]
async fn a_flow_ends_before_its_deadline_whatever_hangs() {
    let server = Receiver::start(Mode::Hang).expect("a server");
    let url = server.url("/");
    let text = format!(
        "[[check.x.step]]\nget = \"{url}\"\n[[check.x.step]]\nget = \"{url}\"\nfinally = true\n[[check.x.step]]\nget = \"{url}\"\nfinally = true\n"
    );
    let limit = Duration::from_secs(3);
    let began = std::time::Instant::now();
    let (class, why) = miss(look(&flow(&text), limit).await.0);
    assert_eq!(class, Some(Class::Timeout));
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
    assert_eq!(server.requests().len(), 3, "{why}");
    assert_eq!(why.matches("in cleaning up").count(), 2, "{why}");
}
