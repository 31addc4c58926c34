//! `ping` over loopback, in network namespaces that answer and that do not, as root and as nobody.

use std::process::Command;

use muster_checks::probe::{Class, Miss};
use muster_config::assertion::facts::Value;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look};

const ROOT: &[Part] = &[Part::Root];

fn table(rest: &str) -> String {
    format!("[check.x]\nkind = \"ping\"\n{rest}\n")
}

/// Runs this test again in a network namespace of its own, which that line of the shell has prepared; true in there.
fn is_inside(test: &str, prepare: &str, user: &str) -> bool {
    const MARK: &str = "MUSTER_TEST_INSIDE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    // Where nobody may go, nobody cannot start a program either.
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("test");
    std::fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
    let open = Command::new("chmod").arg("-R").arg("a+rx").arg(folder.path()).status().expect("chmod");
    assert!(open.success());
    let done = Command::new("unshare")
        .args(["--net", "sh", "-c"])
        .arg(format!("ip link set lo up && {prepare} && exec {user} \"$0\" --exact {test}"))
        .arg(&program)
        .env(MARK, "1")
        // In there nobody is root, and that is the point.
        .env("MUSTER_REQUIRE", "root")
        .output()
        .expect("unshare");
    let words = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && words.contains("1 passed"),
        "{words}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    false
}

const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all";

pub(crate) const TESTS: &[Test] = &[
    ("ping::loopback_answers_by_address_and_by_name", ROOT, || {
        for address in ["127.0.0.1", "localhost"] {
            let rest = format!(
                "address = \"{address}\"\nfamily = \"v4\"\nexpect = [\"loss == 0\", \"time.avg < 5s\", \"time.max < 5s\"]"
            );
            let looked = look(&table(&rest), LONG).good();
            assert_eq!(looked.seen.trace.len(), 3, "{looked:?}");
            assert_eq!(looked.value("loss"), Value::Number(0.0));
        }
    }),
    ("ping::a_host_that_does_not_answer_is_down", ROOT, || {
        let quiet = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all";
        if is_inside("ping::a_host_that_does_not_answer_is_down", quiet, "") {
            let looked = look(&table("address = \"127.0.0.1\"\ncount = 2"), SHORT);
            let looked = looked.down(Class::Connect, "none of 2 packets to 127.0.0.1 was answered");
            assert!(looked.took < SHORT, "{:?}", looked.took);
        }
    }),
    ("ping::a_host_without_a_way_to_it_is_down", ROOT, || {
        if is_inside("ping::a_host_without_a_way_to_it_is_down", "true", "") {
            look(&table("address = \"192.0.2.1\""), LONG).down(Class::Connect, "nreachable");
            look(&table("address = \"nobody.invalid\""), LONG).down(Class::Name, "nobody.invalid");
        }
    }),
    ("ping::nobody_may_do_it_where_the_group_is_allowed", ROOT, || {
        let allow = "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range";
        if is_inside("ping::nobody_may_do_it_where_the_group_is_allowed", allow, NOBODY) {
            for address in ["127.0.0.1", "::1"] {
                look(&table(&format!("address = \"{address}\"\nexpect = [\"loss == 0\"]")), LONG).good();
            }
        }
    }),
    ("ping::whoever_may_not_is_blind_and_told_what_to_set", ROOT, || {
        let forbid = "echo 1 0 > /proc/sys/net/ipv4/ping_group_range";
        if is_inside("ping::whoever_may_not_is_blind_and_told_what_to_set", forbid, NOBODY) {
            match look(&table("address = \"127.0.0.1\""), LONG).ended {
                Err(Miss::Blind { why }) => assert!(why.contains("net.ipv4.ping_group_range"), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }),
    ("ping::what_cannot_be_pinged_is_refused_in_the_file", &[], || {
        for (rest, words) in [
            ("address = \"http://example.com\"", "no name and no IP address"),
            ("address = \"example.com:80\"", "no name and no IP address"),
            ("address = \"::1\"\ncount = 0", "from 1 to 20"),
        ] {
            let found = faults(&table(rest));
            assert!(found.contains(words), "{rest}: {found}");
        }
    }),
];
