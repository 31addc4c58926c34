//! `dns` against BIND, and against servers that answer as no server should.

use std::net::UdpSocket;
use std::time::Duration;

use muster_checks::probe::Class;
use muster_config::assertion::facts::Value;
use muster_net::reach::Resolver;
use muster_testkit::bind::Bind;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look, look_by};

fn zone() -> String {
    let many: String = (0..60).map(|n| format!("many 60 IN TXT \"{n:02} {}\"\n", "x".repeat(60))).collect();
    "$TTL 300
@ IN SOA ns1 hostmaster 7 3600 600 86400 300
@ IN NS ns1
@ IN MX 10 mx1
@ IN MX 20 MX2.Example.Net.
@ IN TXT \"v=spf1 -all\"
@ IN CAA 0 issue \"ca.example.net\"
ns1 IN A 127.0.0.1
www 60 IN A 192.0.2.10
www 60 IN A 192.0.2.11
www 60 IN AAAA 2001:db8::10
shop IN CNAME www
_imaps._tcp IN SRV 0 1 993 mail
here IN A 127.0.0.1
"
    .to_owned()
        + &many
}

fn bind() -> Bind {
    Bind::start(&[
        ("example.com", &zone()),
        (
            "2.0.192.in-addr.arpa",
            "$TTL 60\n@ IN SOA a b 1 1 1 1 1\n@ IN NS a\na IN A 127.0.0.1\n10 IN PTR www.example.com.\n",
        ),
    ])
    .expect("BIND")
}

fn table(bind: &Bind, rest: &str) -> String {
    format!("[check.x]\nkind = \"dns\"\nserver = \"{}\"\n{rest}\n", bind.address())
}

const BIND: &[Part] = &[Part::Bind];

pub(crate) const TESTS: &[Test] = &[
    ("dns::every_type_of_record_is_read_as_bind_gives_it", BIND, || {
        let bind = bind();
        for (name, record, answers) in [
            ("www.example.com", "A", r#""192.0.2.11", "192.0.2.10""#),
            ("www.example.com.", "AAAA", r#""2001:DB8:0::10""#),
            ("example.com", "MX", r#""10 mx1.example.com", "20 mx2.example.net.""#),
            ("example.com", "NS", r#""ns1.example.com""#),
            ("example.com", "TXT", r#""v=spf1 -all""#),
            ("example.com", "CAA", r#"'0 issue "ca.example.net"'"#),
            ("example.com", "SOA", r#""ns1.example.com hostmaster.example.com 7 3600 600 86400 300""#),
            ("_imaps._tcp.example.com", "SRV", r#""0 1 993 mail.example.com""#),
            ("shop.example.com", "CNAME", r#""www.example.com""#),
            ("shop.example.com", "A", r#""192.0.2.10", "192.0.2.11""#),
            ("192.0.2.10", "PTR", r#""www.example.com""#),
        ] {
            let rest = format!(
                "name = \"{name}\"\nrecord = \"{record}\"\nanswers = [{answers}]\nexpect = [\"authoritative\", \"rcode == 'NOERROR'\", \"ttl <= 5m\", \"time.total < 20s\"]"
            );
            look(&table(&bind, &rest), LONG).good();
        }
    }),
    ("dns::what_is_lacking_and_what_nobody_asked_for_is_named", BIND, || {
        let bind = bind();
        look(&table(&bind, "name = \"www.example.com\"\nanswers = [\"192.0.2.10\", \"192.0.2.12\"]"), LONG)
            .down(Class::Unmet, "it lacks \"192.0.2.12\"; nobody asked for \"192.0.2.11\"");
        let looked = look(
            &table(&bind, "name = \"www.example.com\"\nexpect = [\"ttl > 1h\", \"count(answers) == 2\"]"),
            LONG,
        );
        assert!(
            looked.ended.is_ok() && looked.unmet.len() == 1 && looked.unmet[0].starts_with("ttl > 1h"),
            "{looked:?}"
        );
    }),
    ("dns::a_name_that_does_not_exist_is_told_from_one_without_such_a_record", BIND, || {
        let bind = bind();
        look(&table(&bind, "name = \"nobody.example.com\""), LONG).down(Class::Name, "NXDOMAIN");
        look(&table(&bind, "name = \"nobody.example.com\"\nexpect = [\"rcode == 'NXDOMAIN'\"]"), LONG).good();
        look(&table(&bind, "name = \"ns1.example.com\"\nrecord = \"AAAA\""), LONG)
            .down(Class::Absent, "no record of type AAAA");
        look(
            &table(
                &bind,
                "name = \"ns1.example.com\"\nrecord = \"AAAA\"\nexpect = [\"count(answers) == 0\"]",
            ),
            LONG,
        )
        .good();
        look(&table(&bind, "name = \"elsewhere.example\""), LONG).down(Class::Refused, "REFUSED");
    }),
    ("dns::an_answer_that_does_not_fit_into_a_packet_comes_over_tcp", BIND, || {
        let bind = bind();
        let looked = look(
            &table(
                &bind,
                "name = \"many.example.com\"\nrecord = \"TXT\"\nexpect = [\"count(answers) == 60\"]",
            ),
            LONG,
        );
        assert!(looked.good().seen.trace[0].contains("over TCP"));
    }),
    ("dns::names_of_other_kinds_are_resolved_by_the_servers_of_the_scene", BIND, || {
        let bind = bind();
        let listener =
            muster_testkit::raw::Raw::says("220 hi ESMTP\r\n250-hi\r\n250 SIZE\r\n").expect("a port");
        let text = format!(
            "[check.x]\nkind = \"smtp\"\naddress = \"here.example.com:{}\"\ntls = \"none\"\n",
            listener.address().port()
        );
        look_by(&text, LONG, Resolver::Servers(vec![bind.address()])).good();
        look_by(&text.replace("here.", "nobody."), LONG, Resolver::Servers(vec![bind.address()]))
            .down(Class::Name, "NXDOMAIN");
        look_by(
            "[check.x]\nkind = \"dns\"\nname = \"www.example.com\"\n",
            LONG,
            Resolver::Servers(vec![bind.address()]),
        )
        .good();
    }),
    ("dns::a_server_that_is_silent_absent_or_mad_is_told_apart", &[], || {
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let text = |port: u16| {
            format!("[check.x]\nkind = \"dns\"\nname = \"example.com\"\nserver = \"127.0.0.1:{port}\"\n")
        };
        let looked = look(&text(silent.local_addr().expect("an address").port()), SHORT);
        let looked = looked.down(Class::Timeout, "did not answer within");
        assert!(looked.took < SHORT && looked.took > SHORT / 2, "{:?}", looked.took);
        let absent = muster_testkit::port::refusing().expect("a port").port();
        look(&text(absent), LONG).down(Class::Connect, "cannot be asked");
        // It echoes the question, sets the bit of an answer, and says that there is a record which is not there.
        let mad = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = mad.local_addr().expect("an address").port();
        mad.set_read_timeout(Some(LONG)).expect("a limit");
        let answering = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = mad.recv_from(&mut buffer).expect("a question");
            buffer[2] |= 0x80;
            buffer[7] = 1;
            mad.send_to(&buffer[..length], from).expect("sent");
        });
        let looked = look(&text(port), LONG).down(Class::Protocol, "nonsense");
        answering.join().expect("answered");
        assert!(looked.took < LONG / 2);
    }),
    ("dns::facts_have_their_units", BIND, || {
        let bind = bind();
        let looked = look(&table(&bind, "name = \"www.example.com\""), LONG).good();
        assert_eq!(looked.value("ttl"), Value::Time(60_000));
        assert!(looked.took < LONG && looked.took > Duration::ZERO);
    }),
    ("dns::what_cannot_be_asked_is_refused_in_the_file", &[], || {
        for (rest, words) in [
            ("name = \"a..b\"", "no name that can be asked for"),
            ("name = \"bücher.example\"", "xn--"),
            ("name = \"example.com\"\nserver = \"dns.example\"", "given by its address"),
            ("name = \"example.com\"\nrecord = \"ANY\"", "expected \"A\""),
            ("record = \"A\"", "lacks `name`"),
        ] {
            let found = faults(&format!("[check.x]\nkind = \"dns\"\n{rest}\n"));
            assert!(found.contains(words), "{rest}: {found}");
        }
    }),
];
