//! `object` against OpenStack Swift, spoken to as S3.

use std::time::Duration;

use muster_checks::probe::{Class, Miss};
use muster_config::assertion::facts::Value;
use muster_testkit::port;
use muster_testkit::suite::Part;
use muster_testkit::swift::{BUCKET, KEY, PAGE, REGION, SECRET, STRANGER, STRANGERS_SECRET, Swift};

use crate::looking::{LONG, Looked, Test, look};

/// The store keeps times in whole seconds, the next one: a little more than the age that is spoken of.
const SOON: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn login(key: &str, secret: &str) -> String {
    format!("key = \"{key}\"\nsecret = {{ command = [\"echo\", \"{secret}\"] }}\n")
}

fn table(store: &Swift, bucket: &str, login: &str, rest: &str) -> String {
    let address = store.address;
    format!(
        "[check.x]\nkind = \"object\"\nendpoint = \"http://{address}\"\nregion = \"{REGION}\"\nbucket = \"{bucket}\"\n\
         {login}{rest}\n"
    )
}

/// Looks as one who may; what it noted holds neither the secret nor a signature.
fn ask(store: &Swift, rest: &str) -> Looked {
    let looked = look(&table(store, BUCKET, &login(KEY, SECRET), rest), LONG);
    looked.hides(SECRET).hides("X-Amz-Signature")
}

#[track_caller]
fn blind(looked: &Looked, words: &str) {
    let is_so = matches!(&looked.ended, Err(Miss::Blind { why }) if why.contains(words));
    assert!(is_so, "not blind with {words:?}: {looked:#?}");
}

pub(crate) const TESTS: &[Test] = &[
    ("object::one_object_is_there_fresh_and_large_enough_or_not", &[Part::Swift], || {
        let store = Swift::start().expect("a store");
        store.put("db/app 1+ü.tar", &[b'x'; 20_000], 30 * HOUR + SOON).expect("put");
        let at = |rest: &str| ask(&store, &format!("object = \"db/app 1+ü.tar\"\n{rest}"));
        let good = at(
            "max_age = \"31h\"\nmin_size = \"10KiB\"\nmax_size = \"20KiB\"\nexpect = [\"age > 29h\", \"time.total < 20s\"]",
        );
        let good = good.good();
        assert_eq!((good.value("size"), good.value("objects")), (Value::Size(20_000), Value::Number(1.0)));
        assert_eq!(good.value("object"), Value::Text("db/app 1+ü.tar".into()));
        at("max_age = \"26h\"")
            .down(Class::Unmet, "backups/db/app 1+ü.tar is 1d 6h old, and should be 1d 2h at most");
        at("min_size = \"20KiB\"").down(Class::Unmet, "has 19.5 KiB, and should have at least 20 KiB");
        at("max_size = \"1KiB\"").down(Class::Unmet, "should have at most 1 KiB");
        blind(&at("expect = [\"growth < 1MiB\"]"), "from the next look on");
        ask(&store, "object = \"db/gone\"")
            .down(Class::Absent, "backups/db/gone is not there: no such object");
        ask(&store, "object = \"db/gone\"\nmin_count = 0").good();
        store.put("db/app 1+ü.tar", b"x", Duration::ZERO).expect("put");
        at("max_age = \"10m\"").good();
        store.remove("db/app 1+ü.tar").expect("removed");
        at("").down(Class::Absent, "no such object");
    }),
    ("object::who_may_not_look_is_told_what_to_correct", &[Part::Swift], || {
        let store = Swift::start().expect("a store");
        store.put("a", b"x", HOUR).expect("put");
        let by = |bucket: &str, key: &str, secret: &str, rest: &str| {
            look(&table(&store, bucket, &login(key, secret), rest), LONG)
        };
        for place in ["object = \"a\"", "prefix = \"a\""] {
            by(BUCKET, KEY, SECRET, place).good();
            by(BUCKET, KEY, "wrong-words", place)
                .down(Class::Refused, "SignatureDoesNotMatch (403); correct `secret`, or `region`")
                .hides("wrong-words");
            by(BUCKET, STRANGER, STRANGERS_SECRET, place).down(Class::Refused, "AccessDenied (403)");
            by("no-such-bucket", KEY, SECRET, place)
                .down(Class::Absent, "there is no bucket no-such-bucket; correct `bucket`");
            let text = table(&store, BUCKET, &login(KEY, SECRET), place).replace(REGION, "us-east-1");
            look(&text, LONG).down(Class::Refused, "the region is eu-west-1; write `region = \"eu-west-1\"`");
        }
        let gone = port::refusing().expect("a port");
        let text = table(&store, BUCKET, &login(KEY, SECRET), "object = \"a\"");
        look(&text.replace(&store.address.to_string(), &gone.to_string()), LONG)
            .down(Class::Connect, "does not take connections");
        let secure = format!("https://localhost:{}", store.secure.port());
        let text = text.replace(&format!("http://{}", store.address), &secure);
        look(&text, LONG).down(Class::Tls, "");
        let trusting =
            format!("{text}ca = \"{}\"\nexpect = [\"cert.expires_in > 1d\"]\n", store.ca().display());
        assert!(matches!(look(&trusting, LONG).good().value("time.tls"), Value::Time(_)));
    }),
    ("object::the_newest_of_several_pages_is_found", &[Part::Swift], || {
        let store = Swift::start().expect("a store");
        let many = u32::try_from(2 * PAGE + 3).expect("few");
        for number in 0..many {
            // The newest is in the middle of the second page.
            let age = HOUR * if number == 14 { 2 } else { 30 + number };
            store
                .put(&format!("app-{number:02}.tar"), &vec![b'x'; 100 + number as usize], age + SOON)
                .expect("put");
        }
        store.put("app-/", b"", Duration::ZERO).expect("put");
        store.put("other", b"x", Duration::ZERO).expect("put");
        let at = |rest: &str| ask(&store, &format!("prefix = \"app-\"\n{rest}"));
        let looked = at("max_age = \"3h\"\nmin_count = 23\nmax_count = 23").good();
        assert_eq!(looked.value("objects"), Value::Number(f64::from(many)));
        assert_eq!(looked.value("object"), Value::Text("app-14.tar".into()));
        assert_eq!(looked.value("size"), Value::Size(114));
        assert_eq!(looked.value("total"), Value::Size((0..u64::from(many)).map(|number| 100 + number).sum()));
        assert_eq!(looked.seen.trace.iter().filter(|line| line.contains("the next page")).count(), 2);
        at("max_age = \"1h\"")
            .down(Class::Unmet, "backups/app-14.tar, the newest of 23, is 2h old, and should be 1h at most");
        assert_eq!(at("which = \"oldest\"").good().value("object"), Value::Text("app-22.tar".into()));
        assert_eq!(at("which = \"smallest\"").good().value("object"), Value::Text("app-00.tar".into()));
        at("min_count = 24").down(Class::Unmet, "23 objects begin with backups/app-, and at least 24 should");
        ask(&store, "prefix = \"db-\"\nmax_age = \"1h\"")
            .down(Class::Absent, "no object begins with backups/db-");
        ask(&store, "prefix = \"db-\"\nmax_count = 0").good();
    }),
    ("object::content_is_read_up_to_a_bound_and_nothing_is_claimed_beyond_it", &[Part::Swift], || {
        let store = Swift::start().expect("a store");
        store.put("state.json", b"{\"state\": \"ok\", \"version\": 3}", HOUR).expect("put");
        store.put("empty", b"", HOUR).expect("put");
        let mut large = vec![b'x'; (1 << 20) + 10];
        large[..5].copy_from_slice(b"begin");
        large.extend_from_slice(b"end");
        store.put("large", &large, HOUR).expect("put");
        store.put("exact", &large[..1 << 20], HOUR).expect("put");
        for place in ["object = \"state.json\"", "prefix = \"state\""] {
            let at = |rest: &str| ask(&store, &format!("{place}\n{rest}"));
            at("contains = [\"\\\"ok\\\"\"]\nlacks = [\"failed\"]\nexpect = [\"json('$.version') == 3\"]")
                .good();
            at("contains = [\"done\"]\nlacks = [\"ok\"]").down(
                Class::Unmet,
                "backups/state.json does not contain \"done\"; backups/state.json contains \"ok\"",
            );
            assert_eq!(at("expect = [\"body contains 'done'\"]").unmet.len(), 1);
        }
        ask(&store, "object = \"empty\"\ncontains = [\"x\"]").down(Class::Unmet, "does not contain");
        ask(&store, "object = \"large\"\ncontains = [\"begin\"]").good();
        ask(&store, "object = \"exact\"\nlacks = [\"end\"]").good();
        for rest in ["contains = [\"end\"]", "lacks = [\"nowhere\"]"] {
            blind(&ask(&store, &format!("object = \"large\"\n{rest}")), "only its first 1 MiB are read");
        }
        let looked = ask(&store, "object = \"large\"\nexpect = [\"body contains 'end'\"]");
        assert!(looked.unmet[0].contains("cut off"), "{looked:#?}");
    }),
];
