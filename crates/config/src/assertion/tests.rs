use std::collections::BTreeMap;

use super::facts::{Facts, Unseen, Value};
use super::term::{Argument, Takes, Term, Type};
use super::{Assertion, Capture, DEPTH_LIMIT, Judgement, LENGTH_LIMIT, SEEN_LIMIT, examples_compile};
use crate::pattern::Mistake;

const fn term(name: &'static str, takes: Takes, gives: Type, example: &'static str) -> Term {
    Term { name, takes, gives, doc: "Something that was seen.", example }
}

const TERMS: &[Term] = &[
    term("status", Takes::Nothing, Type::Number, "status == 200"),
    term("time.total", Takes::Nothing, Type::Time, "time.total < 800ms"),
    term("cert.expires_in", Takes::Nothing, Type::Time, "cert.expires_in > 14d"),
    term("size", Takes::Nothing, Type::Size, "size < 10KiB"),
    term("body", Takes::Nothing, Type::Text, "body contains 'ok'"),
    term("reachable", Takes::Nothing, Type::Flag, "reachable"),
    term("dns.answers", Takes::Nothing, Type::List, "dns.answers contains '192.0.2.1'"),
    term("header", Takes::Text, Type::Text, "header('server') == 'nginx'"),
    term("json", Takes::JsonPath, Type::Any, "json('$.database') == 'ok'"),
    term("value", Takes::Nothing, Type::Any, "value < 3600"),
];

struct Seen(BTreeMap<&'static str, Result<Value, Unseen>>);

impl Facts for Seen {
    fn value(&self, term: &str, argument: Option<&Argument>) -> Result<Value, Unseen> {
        let key = match argument {
            Some(Argument::Text(text)) => format!("{term} {text}"),
            Some(Argument::JsonPath(path)) => format!("{term} {path}"),
            Some(Argument::Pattern(_)) | None => term.to_owned(),
        };
        self.0.get(key.as_str()).cloned().unwrap_or_else(|| Err(Unseen::Absent(String::new())))
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// What every test sees.
fn seen() -> Seen {
    let hidden = || Err(Unseen::Hidden("the body was cut off at 256 KiB".into()));
    Seen(BTreeMap::from([
        ("status", Ok(Value::Number(503.0))),
        ("time.total", Ok(Value::Time(1200))),
        ("cert.expires_in", Ok(Value::Time(-3 * 86_400_000))),
        ("size", Ok(Value::Size(10_250))),
        ("body", Ok(text("all is down\nexported 12 rows\n"))),
        ("reachable", Ok(Value::Flag(false))),
        ("dns.answers", Ok(Value::List(vec![text("192.0.2.1"), text("192.0.2.2")]))),
        ("header server", Ok(text("it's \\ \"nginx\""))),
        ("header gone", Err(Unseen::Absent("the answer has 3 headers".into()))),
        ("json $.database", Ok(text("down"))),
        ("json $.n", Ok(Value::Number(5.0))),
        ("json $.flag", Ok(Value::Flag(true))),
        ("json $.null", Ok(Value::Nothing)),
        ("json $.list", Ok(Value::List(vec![Value::Number(1.0), text("two"), Value::Nothing]))),
        ("json $.empty", Ok(Value::List(Vec::new()))),
        ("json $.hidden", hidden()),
        ("value", Ok(Value::Time(90_000))),
    ]))
}

fn compile(text: &str) -> Assertion {
    Assertion::compile(text, TERMS).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
}

fn refused(text: &str) -> Mistake {
    Assertion::compile(text, TERMS).map_or_else(|mistake| mistake, |_| panic!("{text} is good"))
}

#[test]
fn the_examples_of_the_words_compile() {
    assert_eq!(examples_compile(TERMS), Ok(()));
    const BAD: &[Term] = &[term("count", Takes::Nothing, Type::Number, "status == 200")];
    let wrong = examples_compile(BAD).expect_err("two mistakes");
    assert_eq!(wrong.lines().count(), 2, "{wrong}");
}

#[test]
fn what_holds_is_met() {
    for claim in [
        "status == 503",
        "  status==503.0  ",
        "503 <= status",
        "status != 200 and status >= 500 and status < 600",
        "status in [200, 503]",
        "status in [503,]",
        "time.total == 1s 200ms",
        "time.total > 1s and time.total < 1 m",
        "time.total <= 1s200ms",
        "cert.expires_in < 0s",
        "cert.expires_in == -3d",
        "size > 10KiB and size < 1 MiB",
        "body contains 'exported'",
        "body contains \"down\"",
        r"body matches '^exported \d+ rows$'",
        r"body matches 'a\w\w is'",
        "not reachable",
        "not (not (status == 503))",
        "dns.answers contains '192.0.2.2'",
        r"dns.answers matches '\.2$'",
        "count(dns.answers) == 2",
        r#"header('server') == 'it\'s \ "nginx"'"#,
        "json('$.database') == 'down'",
        "json( '$.database' ) in ['down', 5, null]",
        "json('$.n') == 5",
        "json('$.n') > -1.5",
        "json('$.flag') == true",
        "json('$.null') == null",
        "json('$.null') exists",
        "json('$.n') != null",
        "json('$.list') contains 'two'",
        "json('$.list') contains 1",
        "json('$.list') != null",
        "count(json('$.list')) == 3",
        "count(json('$.empty')) == 0",
        "count(json('$.nowhere')) == 0",
        "count(json('$.n')) == 1",
        "value < 2m",
        "json('$.n') < status",
        // One side decides.
        "status == 503 or json('$.hidden') == 1",
        "json('$.hidden') == 1 or status == 503",
        "not (status == 200 and json('$.hidden') exists)",
        "not header('gone') exists",
        "not json('$.nowhere') exists and status == 503",
        // `and` binds closer than `or`, `not` closer than both.
        "status == 503 or status == 1 and status == 2",
        "not status == 1 and not status == 2",
    ] {
        assert_eq!(compile(claim).judge(&seen()), Judgement::Met, "{claim}");
    }
}

#[test]
fn what_does_not_hold_is_told_by_what_was_seen() {
    let cut_off = "the body was cut off at 256 KiB";
    for (claim, seen_lines) in [
        ("status == 200", vec!["status was 503"]),
        ("status in [200, 204]", vec!["status was 503"]),
        ("not status == 503", vec!["status was 503"]),
        ("status == 503 and time.total < 800ms", vec!["time.total was 1.2s"]),
        ("status == 200 and time.total < 800ms", vec!["status was 503", "time.total was 1.2s"]),
        ("status == 200 or status == 204", vec!["status was 503"]),
        ("time.total < 1s 150ms or reachable", vec!["time.total was 1.2s", "reachable was false"]),
        ("cert.expires_in > 14d", vec!["cert.expires_in was -3d"]),
        ("size <= 10KiB", vec!["size was 10250 B"]),
        ("size <= 9KiB", vec!["size was 10 KiB"]),
        ("reachable", vec!["reachable was false"]),
        ("reachable == true", vec!["reachable was false"]),
        ("body contains 'ok'", vec!["body was 'all is down·exported 12 rows·'"]),
        ("dns.answers contains '192.0.2'", vec!["dns.answers was ['192.0.2.1', '192.0.2.2']"]),
        ("count(dns.answers) > 2", vec!["count(dns.answers) was 2"]),
        ("json('$.database') == 'ok'", vec!["json('$.database') was 'down'"]),
        ("json('$.n') > status", vec!["json('$.n') was 5", "status was 503"]),
        ("json('$.list') contains 2", vec!["json('$.list') was [1, 'two', null]"]),
        ("not json('$.n') exists", vec!["json('$.n') was 5"]),
        ("json('$.null') != null", vec!["json('$.null') was null"]),
        // Not there.
        ("header('x') == 'a'", vec!["header('x') is not there"]),
        ("header('x') != 'a'", vec!["header('x') is not there"]),
        ("not header('x') == 'a'", vec!["header('x') is not there"]),
        ("not (not header('x') == 'a')", vec!["header('x') is not there"]),
        ("header('x') exists", vec!["header('x') is not there"]),
        ("header('gone') exists", vec!["header('gone') is not there: the answer has 3 headers"]),
        ("json('$.nowhere') == null", vec!["json('$.nowhere') is not there"]),
        ("json('$.nowhere') != null", vec!["json('$.nowhere') is not there"]),
        (
            "json('$.nowhere') in [1] or status == 200",
            vec!["json('$.nowhere') is not there", "status was 503"],
        ),
        // Not looked at.
        ("json('$.hidden') == 1", vec![cut_off]),
        ("not json('$.hidden') == 1", vec![cut_off]),
        ("json('$.hidden') exists", vec![cut_off]),
        ("not json('$.hidden') exists", vec![cut_off]),
        ("count(json('$.hidden')) == 0", vec![cut_off]),
        ("json('$.hidden') == 1 or json('$.hidden') == 2", vec![cut_off]),
        ("status == 503 and not json('$.hidden') exists", vec![cut_off]),
        // Of another kind than was asked for.
        (
            "json('$.database') == 5",
            vec!["json('$.database') was 'down': a text is not compared with a number"],
        ),
        (
            "json('$.database') != 5",
            vec!["json('$.database') was 'down': a text is not compared with a number"],
        ),
        (
            "not json('$.database') > 5",
            vec!["json('$.database') was 'down': a text is not compared with a number"],
        ),
        ("json('$.n') < 10s", vec!["json('$.n') was 5: a number is not compared with a time"]),
        ("json('$.null') != 'x'", vec!["json('$.null') was null: null is not compared with a text"]),
        ("json('$.n') matches '5'", vec!["json('$.n') was 5: a number is not compared like this"]),
        ("json('$.n') in ['a']", vec!["json('$.n') was 5: a number is not compared like this"]),
        (
            "json('$.database') < json('$.database')",
            vec!["json('$.database') was 'down': a text is not compared like this"],
        ),
    ] {
        let lines = seen_lines.into_iter().map(str::to_owned).collect();
        assert_eq!(compile(claim).judge(&seen()), Judgement::Unmet(lines), "{claim}");
    }
}

#[test]
fn a_close_miss_is_told_exactly() {
    for (claim, millis, line) in [
        ("time.total < 10m", 600_005, "time.total was 10m 5ms"),
        ("time.total < 1s 400ms", 1449, "time.total was 1s 449ms"),
        ("time.total < 1s 400ms", 1400, "time.total was 1.4s"),
        ("time.total > 14d", 1_209_600_000 - 1, "time.total was 13d 23h"),
    ] {
        let facts = Seen(BTreeMap::from([("time.total", Ok(Value::Time(millis)))]));
        assert_eq!(compile(claim).judge(&facts), Judgement::Unmet(vec![line.into()]), "{claim}");
    }
}

#[test]
fn what_is_told_is_short_and_on_one_line() {
    let long = text(&"ü\n\u{1b}[31m".repeat(100_000));
    let many = Value::List(vec![long.clone(); 100]);
    for value in [long, many, Value::Number(f64::MAX), Value::Number(f64::NAN)] {
        let facts = Seen(BTreeMap::from([("value", Ok(value))]));
        for claim in ["value == 'x'", "value == 5s", "value > 1 and value > 2"] {
            let Judgement::Unmet(lines) = compile(claim).judge(&facts) else { continue };
            for line in lines {
                assert!(line.chars().count() <= SEEN_LIMIT && !line.contains(char::is_control), "{line}");
            }
        }
    }
    let facts = Seen(BTreeMap::from([("body", Ok(text(&"x".repeat(1000))))]));
    let Judgement::Unmet(lines) = compile("body contains 'y'").judge(&facts) else { panic!("met") };
    assert!(lines[0].starts_with("body was 'xxx") && lines[0].ends_with("x…"), "{lines:?}");
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_to_write() {
    let mut wrong = Vec::new();
    for (text, blamed, what, help) in [
        // Words.
        ("statsu == 200", "statsu", "there is no word `statsu` here", "did you mean `status`?"),
        ("time-total < 1s", "time-total", "no word", "`time.total`"),
        ("json('$.a') == ok", "ok", "no word `ok`", "a text stands in quotes: 'ok'"),
        ("reachable == True", "True", "no word", "did you mean `true`?"),
        ("status == 200 AND status < 3", "AND", "`AND` is not expected here", "did you mean `and`?"),
        ("status is 200", "is", "`is` is not expected here", "behind `status` belongs ==, !="),
        ("status containz 2", "containz", "not expected", "did you mean `contains`?"),
        ("status not in [200]", "not", "in front of the whole comparison", "`not status …`"),
        ("status 200", "200", "`200` is not expected here", "behind `status` belongs"),
        ("status == 200 status == 200", "status@14", "not expected here", "`and` or `or`"),
        ("1 < status < 300", "<@11", "comparisons cannot be chained", "`and`"),
        ("and status == 1", "and", "missing in front of `and`", "write something like"),
        ("status == and", "and", "missing in front of `and`", "write something like"),
        ("status", "status", "`status` alone is not true or false", "as in `status == 200`"),
        ("json('$.a') or reachable", "json('$.a')", "alone is not true or false", "as in"),
        ("count(dns.answers)", "count(dns.answers)", "alone is not true or false", "count(…) > 0"),
        ("", "", "expected an assertion", "write something like `status == 200`"),
        (" ", " ", "expected an assertion", "write something like"),
        ("status ==", "", "something is missing at the end", "write something like"),
        ("not", "", "something is missing at the end", "write something like"),
        // Signs.
        ("status = 200", "=", "`=` has no meaning here", "write `==`"),
        ("status === 200", "===", "no meaning", "write `==`"),
        ("status == 200 && reachable", "&&", "no meaning", "write `and`"),
        ("status == 200 || reachable", "||", "no meaning", "write `or`"),
        ("!reachable", "!", "no meaning", "write `not`"),
        ("status ≥ 200", "≥", "no meaning", "write `>=`"),
        ("body =~ 'x'", "=~", "no meaning", "write `matches`"),
        ("body == ‘x’", "‘", "no meaning", "write `'`"),
        ("value < 5%", "%", "no meaning", "write the number alone"),
        ("status == 200;", ";", "no meaning", ""),
        ("body == 'x", "'", "the text is not closed", "close it with '"),
        ("(status == 200", "(", "`(` is not closed", "close it with `)`"),
        ("status == 200)", ")", "`)` closes nothing", ""),
        ("(status == 200 reachable)", "reachable", "not expected here", "`and` or `or`"),
        ("status in [200", "[", "`[` is not closed", "close it with `]`"),
        ("status in [200 204]", "204", "not expected", "join two claims"),
        ("status in 200", "200", "`in` wants a list", "status in [200, 204]"),
        ("'192.0.2.1' in dns.answers", "dns.answers", "`in` wants a list", "`dns.answers contains …`"),
        ("status in []", "[]", "nothing is in an empty list", "write values into it"),
        ("status in [status]", "status@11", "is no value", "`or`"),
        ("status == [200]", "[", "a list stands only behind `in`", "in [200, 204]"),
        // Numbers and units.
        ("status == 1_000", "1_000", "`1_000` is no number", "without `_`"),
        ("time.total < 800msec", "msec", "`msec` is no unit", ""),
        ("time.total < 1.5s", "1.5s", "a fraction with a unit", "1500ms"),
        ("size < 10KB", "KB", "`KB` is no unit", "did you mean `KiB`?"),
        ("size < -10KiB", "-10KiB", "no size is below zero", "write 10KiB"),
        ("size < 99999999999TiB", "99999999999TiB", "is no size", "10KiB"),
        ("size < 1KiB 5B", "1KiB 5B", "is no size", "one unit"),
        ("time.total < 99999d", "99999d", "longer than 10000 days", "shorter"),
        ("status == 1e6", "e", "`e` is no unit", "write the number in full"),
        // Types.
        ("status == 'ok'", "'ok'", "`status` is a number without a unit, and 'ok' is a text", "such as 200"),
        ("status == '200'", "'200'", "and '200' is a text", "write it without quotes: 200"),
        (
            "time.total < 800",
            "800",
            "`time.total` is a time, and 800 is a number without a unit",
            "write the unit: 800ms or 800s",
        ),
        ("time.total < 0.8", "0.8", "`time.total` is a time", "such as 800ms"),
        ("time.total < '800ms'", "'800ms'", "is a text", "write it without quotes: 800ms"),
        ("800 > time.total", "800", "`time.total` is a time", "800ms or 800s"),
        ("time.total < 10KiB", "10KiB", "10KiB is a size", "such as 800ms"),
        ("status < 10s", "10s", "10s is a time", "without quotes or unit"),
        ("size > 100", "100", "`size` is a size, and 100 is", "write the unit: 100B or 100KiB"),
        ("status in [200, '204']", "'204'", "is a text", "write it without quotes: 204"),
        ("header('x') == 5", "5", "`header('x')` is a text, and 5 is", "put it into quotes: '5'"),
        ("header('x') == true", "true", "is true or false", "put it into quotes: 'true'"),
        ("reachable == 1", "1", "`reachable` is true or false", "write true or false"),
        ("status == null", "null", "`status` is never null", "write `status exists`"),
        ("status == time.total", "time.total", "`status` is a number", ""),
        ("body > 'a'", ">", "a text has no order", "matches"),
        ("json('$.a') > 'a'", ">", "a text has no order", "matches"),
        ("json('$.a') >= null", ">=", "null has no order", "== or !="),
        ("reachable < true", "<", "true or false has no order", "== or !="),
        ("dns.answers == '192.0.2.1'", "dns.answers", "is a list", "`dns.answers contains …`"),
        ("status contains 5", "status", "is a number without a unit and contains nothing", ""),
        ("body contains 5", "5", "`body` cannot contain a number", "'5'"),
        ("body contains ''", "''", "every text contains the empty one", ""),
        ("status matches '5..'", "status", "only a text can match", "compare it with =="),
        ("1 == 1", "1 == 1", "nothing that was looked at", "a word on the left"),
        ("true", "true", "nothing that was looked at", "a word on the left"),
        ("'a' exists", "'a'", "nothing that was looked at", ""),
        ("count(dns.answers) exists", "count(dns.answers)", "a count is always there", "> 0"),
        // Arguments.
        ("json == 5", "json", "`json` wants a text in brackets", "json('$.a.b')"),
        ("json($.a) == 5", "$", "no meaning", ""),
        ("json(5) == 5", "5", "belongs a text in quotes", "json('$.a.b')"),
        ("json('a.b') == 5", "a.b", "begins with `$`", "'$.a.b'"),
        ("json('$.a..') == 5", "$.a..", "no path into JSON", "RFC 9535"),
        ("json('$.a[x]') == 5", "[", "no path into JSON", "RFC 9535"),
        ("header('') == 'x'", "''", "not empty", "header('…')"),
        ("header('x' == 'x'", "==", "chained", ""),
        ("status(5) == 5", "(", "`status` takes no brackets", "write `status`"),
        ("count == 5", "count", "wants a word in brackets", "count(dns.answers) > 0"),
        ("count(5) == 5", "5", "only the elements of a word", "count(dns.answers) > 0"),
        ("count(status) == 5", "status", "has no elements to count", "count(dns.answers) > 0"),
        ("count(count(dns.answers)) > 1", "count(dns.answers)", "only the elements of a word", ""),
        ("body matches x", "x", "wants a regular expression in quotes", "matches '"),
        (r"body matches 'a(\d+ rows'", "(", "unclosed group", ""),
        (r"body matches '(?!x)'", "(?!", "look-around", "with `not`"),
        ("body matches ''", "''", "matches everything", ""),
    ] {
        let mistake = refused(text);
        let (words, at) = blamed.split_once('@').unwrap_or((blamed, ""));
        let is_placed = text.get(mistake.span.clone()) == Some(words)
            && at.parse::<usize>().is_ok_and(|at| at == mistake.span.start) != at.is_empty();
        let is_said =
            mistake.what.contains(what) && mistake.help.as_deref().unwrap_or_default().contains(help);
        if !is_placed || !is_said {
            wrong.push(format!("{text}: {mistake:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_are_read_as_they_are_written() {
    let facts = |header: &str| Seen(BTreeMap::from([("header x", Ok(text(header)))]));
    for (claim, header) in [
        (r"header('x') == 'C:\dir'", r"C:\dir"),
        (r"header('x') == 'C:\\dir\\'", r"C:\dir\"),
        (r"header('x') == 'it\'s'", "it's"),
        (r#"header('x') == "it's""#, "it's"),
        (r#"header("x") == 'say "so"'"#, r#"say "so""#),
        (r"header('x') matches '^\w\\\w$'", r"a\b"),
        (r"header('x') matches '^it\'s$'", "it's"),
        ("header('x') == 'ünï — ✓'", "ünï — ✓"),
    ] {
        assert_eq!(compile(claim).judge(&facts(header)), Judgement::Met, "{claim}");
    }
}

#[test]
fn a_text_and_its_depth_are_bounded() {
    let long = format!("body contains '{}'", "x".repeat(LENGTH_LIMIT));
    assert!(refused(&long).what.contains("4 KiB"));
    compile(&vec!["status == 1"; 256].join(" or "));

    let nested = |depth: usize| format!("{}reachable{}", "(".repeat(depth), ")".repeat(depth));
    compile(&nested(DEPTH_LIMIT));
    let mistake = refused(&nested(DEPTH_LIMIT + 1));
    assert_eq!((mistake.span.start, mistake.what.contains("16")), (DEPTH_LIMIT, true), "{mistake:?}");
    compile(&format!("{} reachable", "not ".repeat(DEPTH_LIMIT)));
    refused(&format!("{} reachable", "not ".repeat(DEPTH_LIMIT + 1)));
    refused(&"(".repeat(LENGTH_LIMIT));
    refused(&"[".repeat(LENGTH_LIMIT));
    for inner in ["(", "[?(", "!(", "[?@["] {
        refused(&format!("json('$[?{}') exists", inner.repeat(1000)));
    }
    // As deep as a path may go, this must not take long: eight brackets are nothing.
    let deep = format!("json('$[?{}@.a == 1{}]') exists", "(".repeat(7), ")".repeat(7));
    compile(&deep);
}

#[test]
fn what_nobody_asks_for_can_be_left_out() {
    let assertion = compile("not (status == 200 and count(json('$.a')) > 1) or 800ms > time.total");
    for (word, asked) in [("status", true), ("json", true), ("time.total", true), ("body", false)] {
        assert_eq!(assertion.asks(word), asked, "{word}");
    }
}

/// Texts made of pieces of the language in any order, and good texts with a slip in them: none may end in a panic or
/// blame a place that is not there, and what compiles must be judged.
#[test]
fn no_text_does_any_harm() {
    const PIECES: &[&str] = &[
        "status",
        "time.total",
        "json",
        "header",
        "count",
        "dns.answers",
        "reachable",
        "body",
        "value",
        "(",
        ")",
        "[",
        "]",
        ",",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "contains",
        "matches",
        "exists",
        "and",
        "or",
        "not",
        "true",
        "null",
        "'",
        "\"",
        "'$.a'",
        "('$.n')",
        "('x')",
        "\\",
        "1",
        "-5",
        "2.5",
        "800ms",
        "10KiB",
        "1h 30m",
        "ü",
        "≥",
        "\n",
        " ",
        "'^a+$'",
        "[1, 2]",
        "$",
        "_",
        ".",
        "-",
        "=",
        "e9",
        "\0",
        "9999999999999999999999",
    ];
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let facts = seen();
    let mut good = 0;
    let mut check = |text: &str| match Assertion::compile(text, TERMS) {
        Ok(assertion) => {
            good += 1;
            assertion.judge(&facts);
        }
        Err(mistake) => {
            let place = mistake.span;
            assert!(place.start <= place.end && text.get(place.clone()).is_some(), "{text:?}: {place:?}");
        }
    };
    for _ in 0..40_000 {
        let count = 1 + next(9);
        let text: String = (0..count)
            .flat_map(|_| [PIECES[next(PIECES.len())], if next(2) == 0 { " " } else { "" }])
            .collect();
        check(&text);
    }
    const GOOD: &[&str] = &[
        "status == 503 and not (time.total < 800ms or json('$.n') in [1, 'a', null])",
        r"body matches '^exported \d+ rows$' or count(dns.answers) >= 2 and header('x') exists",
    ];
    for whole in GOOD {
        for _ in 0..5_000 {
            let letters: Vec<char> = whole.chars().collect();
            let (from, to) = (next(letters.len()), next(letters.len()));
            let mut slip: Vec<char> = letters[..from].to_vec();
            slip.extend(PIECES[next(PIECES.len())].chars());
            slip.extend(&letters[to.max(from)..]);
            check(&slip.into_iter().collect::<String>());
        }
    }
    assert!(good > 100, "only {good} of them compile, which tests little");
}

#[test]
fn a_capture_is_one_word_or_a_part_of_it() {
    let facts = Seen(BTreeMap::from([
        ("status", Ok(Value::Number(201.0))),
        ("body", Ok(text("<input name=\"csrf\" value=\"a b\"> <input name=\"csrf\" value=\"c\">"))),
        ("json $.list", Ok(Value::List(vec![Value::Number(1.0), text("id-7")]))),
        ("json $.big", Ok(Value::Number(9_007_199_254_740_992.0))),
        ("value", Err(Unseen::Hidden("nobody looked".into()))),
    ]));
    for (written, taken) in [
        ("status", Ok("201")),
        ("count(json('$.list'))", Ok("2")),
        (r#"body matches 'name="csrf" value="([^"]+)"'"#, Ok("a b")),
        ("body matches '<[a-z]+'", Ok("<input")),
        ("json('$.list') matches 'id-(?:\\d)'", Ok("id-7")),
        ("json('$.list')", Err("json('$.list'): it is a list, and one value is needed")),
        ("json('$.big')", Err("too large to be taken to the last digit")),
        ("body matches 'gone'", Err("body matches 'gone': nothing in it matches")),
        ("header('gone')", Err("header('gone') is not there")),
        ("value", Err("nobody looked")),
    ] {
        let capture =
            Capture::compile(written, TERMS).unwrap_or_else(|mistake| panic!("{written}: {mistake:?}"));
        match (capture.take(&facts), taken) {
            (Ok(value), Ok(wanted)) => assert_eq!(value, wanted, "{written}"),
            (Err(why), Err(words)) => assert!(why.contains(words), "{written}: {why}"),
            other => panic!("{written}: {other:?}"),
        }
    }
    for (written, place, words) in [
        ("'x'", 0..3, "a value of your own"),
        ("status == 200", 7..9, "nothing is compared"),
        ("body matches '(a)(b)'", 13..21, "more than one group"),
        ("status matches 'x'", 0..6, ""),
        ("stats", 0..5, "no word `stats`"),
        ("body matches '('", 14..15, "unclosed group"),
        ("", 0..0, "something is missing"),
    ] {
        let mistake = Capture::compile(written, TERMS).expect_err(written);
        assert!(mistake.what.contains(words), "{written}: {mistake:?}");
        assert_eq!(mistake.span, place, "{written}: {mistake:?}");
    }
}
