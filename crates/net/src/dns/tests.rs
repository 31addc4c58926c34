//! Servers on loopback that answer well, badly, late, twice, too long and never.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Aaaa, Caa, Cname, Mx, Srv, Txt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::client::{DnsError, ask};
use super::question::{Question, RecordType};
use super::reply::{Code, Reply, Unfit, read};
use super::resolve::resolve;

const LIMIT: Duration = Duration::from_secs(10);

type Packet = Vec<u8>;

/// Answers each packet with any number of others; over TCP with the bytes as they are, so that a length may lie.
struct Server {
    address: SocketAddr,
    /// From where each packet came, and what was in it.
    heard: Arc<Mutex<Vec<(SocketAddr, Packet)>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    async fn start(
        over_udp: impl Fn(&[u8], usize) -> Vec<Packet> + Send + 'static,
        over_tcp: impl Fn(&[u8]) -> Packet + Send + 'static,
    ) -> Self {
        // The same port must be free for both.
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("an address")).await {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<(SocketAddr, Packet)>>> = Arc::default();
        let ours = Arc::clone(&heard);
        let first = tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
                let count = {
                    let mut heard = ours.lock().expect("the list");
                    heard.push((from, buffer[..length].to_vec()));
                    heard.len()
                };
                for packet in over_udp(&buffer[..length], count) {
                    udp.send_to(&packet, from).await.expect("sent");
                }
            }
        });
        let second = tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let Ok(length) = stream.read_u16().await else { continue };
                let mut packet = vec![0; usize::from(length)];
                if stream.read_exact(&mut packet).await.is_ok() {
                    drop(stream.write_all(&over_tcp(&packet)).await);
                }
            }
        });
        Self { address, heard, tasks: [first, second] }
    }

    async fn over_udp(answer: impl Fn(&[u8], usize) -> Vec<Packet> + Send + 'static) -> Self {
        Self::start(answer, |_| Packet::new()).await
    }

    async fn ask(&self, name: &str, record: RecordType, limit: Duration) -> Result<Reply, DnsError> {
        ask(self.address, &Question::new(name, record).expect("a question"), limit).await
    }

    fn heard(&self) -> Vec<(SocketAddr, Packet)> {
        self.heard.lock().expect("the list").clone()
    }
}

fn name(text: &str) -> Name<Vec<u8>> {
    text.parse().expect("a name")
}

/// An answer to the question of a packet, with these addresses.
fn addresses(packet: &[u8], addresses: &[[u8; 4]]) -> Packet {
    let asked = Message::from_octets(packet).expect("a message");
    let mut answer = MessageBuilder::new_vec().start_answer(&asked, Rcode::NOERROR).expect("room");
    let owner = asked.sole_question().expect("one question").qname().to_owned();
    for [a, b, c, d] in addresses {
        answer.push((&owner, Ttl::from_secs(300), A::from_octets(*a, *b, *c, *d))).expect("room");
    }
    answer.finish()
}

fn only(packet: Packet) -> Vec<Packet> {
    vec![packet]
}

fn coded(packet: &[u8], code: Rcode) -> Packet {
    let asked = Message::from_octets(packet).expect("a message");
    MessageBuilder::new_vec().start_answer(&asked, code).expect("room").finish()
}

fn framed(packet: Packet) -> Packet {
    let length = u16::try_from(packet.len()).expect("it fits");
    [&length.to_be_bytes()[..], &packet].concat()
}

fn truncated(packet: &[u8]) -> Packet {
    let mut answer = coded(packet, Rcode::NOERROR);
    answer[2] |= 0b10;
    answer
}

fn texts(reply: &Reply) -> Vec<&str> {
    reply.records.iter().map(|record| record.text.as_str()).collect()
}

#[tokio::test]
async fn addresses_come_with_their_time_to_live_and_the_code() {
    let server =
        Server::over_udp(|packet, _| only(addresses(packet, &[[192, 0, 2, 1], [192, 0, 2, 2]]))).await;
    let reply = server.ask("Example.COM.", RecordType::A, LIMIT).await.expect("an answer");
    assert_eq!(texts(&reply), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!((reply.code, reply.authoritative, reply.over_tcp), (Code::NO_ERROR, false, false));
    assert!(reply.records.iter().all(|record| record.ttl == Duration::from_secs(300)));
    assert!(reply.took > Duration::ZERO && reply.took < LIMIT);
}

#[tokio::test]
async fn number_and_port_differ_from_question_to_question() {
    let server = Server::over_udp(|packet, _| only(addresses(packet, &[]))).await;
    for _ in 0..16 {
        server.ask("example.com", RecordType::A, LIMIT).await.expect("an answer");
    }
    let heard = server.heard();
    let mut ids: Vec<&[u8]> = heard.iter().map(|(_, packet)| &packet[..2]).collect();
    let mut ports: Vec<u16> = heard.iter().map(|(from, _)| from.port()).collect();
    for count in [
        {
            ids.sort_unstable();
            ids.dedup();
            ids.len()
        },
        {
            ports.sort_unstable();
            ports.dedup();
            ports.len()
        },
    ] {
        assert!(count > 12, "{count} different ones in 16");
    }
}

#[tokio::test]
async fn an_answer_to_another_question_is_passed_over() {
    let server = Server::over_udp(|packet, _| {
        let good = addresses(packet, &[[192, 0, 2, 1]]);
        let mut wrong_id = addresses(packet, &[[203, 0, 113, 1]]);
        wrong_id[0] ^= 0x55;
        let mut wrong_name = addresses(packet, &[[203, 0, 113, 2]]);
        wrong_name[13] ^= 1;
        let mut wrong_type = addresses(packet, &[[203, 0, 113, 3]]);
        wrong_type[12 + 13 + 1] = 28;
        let mut no_answer = good.clone();
        no_answer[2] &= 0x7f;
        vec![Packet::new(), vec![0; 11], wrong_id, wrong_name, wrong_type, no_answer, packet.to_vec(), good]
    })
    .await;
    let reply = server.ask("example.com", RecordType::A, LIMIT).await.expect("an answer");
    assert_eq!(texts(&reply), ["192.0.2.1"]);
}

#[tokio::test]
async fn a_flood_of_foreign_packets_ends_the_wait() {
    let server = Server::over_udp(|_, _| vec![vec![7; 40]; 100]).await;
    let start = Instant::now();
    let error = server.ask("example.com", RecordType::A, LIMIT).await.expect_err("no answer");
    assert!(error.to_string().contains("none of them to this question"), "{error}");
    assert!(start.elapsed() < LIMIT / 2);
}

#[tokio::test]
async fn a_lost_packet_is_sent_again() {
    let server = Server::over_udp(|packet, count| match count {
        1 => Vec::new(),
        _ => only(addresses(packet, &[[192, 0, 2, 1]])),
    })
    .await;
    let reply = server.ask("example.com", RecordType::A, LIMIT).await.expect("an answer");
    assert_eq!(texts(&reply), ["192.0.2.1"]);
    assert!(reply.took >= Duration::from_secs(1), "{:?}", reply.took);
    let heard = server.heard();
    assert_eq!((heard.len(), &heard[0]), (2, &heard[1]), "the same packet from the same port");
}

#[tokio::test]
async fn silence_ends_at_its_limit() {
    let server = Server::over_udp(|_, _| vec![vec![7; 40]]).await;
    let limit = Duration::from_millis(300);
    let start = Instant::now();
    let error = server.ask("example.com", RecordType::A, limit).await.expect_err("no answer");
    assert_eq!(error, DnsError::Silent { server: server.address, limit, strangers: 1 });
    assert!(error.to_string().contains("1 packets came that belong to another question"), "{error}");
    assert!(start.elapsed() >= limit && start.elapsed() < LIMIT / 2);
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let address = UdpSocket::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let question = Question::new("example.com", RecordType::A).expect("a question");
    let error = ask(address, &question, LIMIT).await.expect_err("no answer");
    assert!(matches!(error, DnsError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_comes_over_tcp() {
    let many: Vec<[u8; 4]> = (0..200).map(|n| [192, 0, 2, n]).collect();
    let server =
        Server::start(|packet, _| only(truncated(packet)), move |packet| framed(addresses(packet, &many)))
            .await;
    let reply = server.ask("example.com", RecordType::A, LIMIT).await.expect("an answer");
    assert_eq!((reply.records.len(), reply.over_tcp), (200, true));
}

#[tokio::test]
async fn hostile_answers_over_tcp_are_errors_and_never_a_wait_beyond_the_limit() {
    type Answer = fn(&[u8]) -> Packet;
    let cases: [(&str, Answer); 5] = [
        ("nothing", |_| Packet::new()),
        ("half a length", |_| vec![1]),
        ("more promised than sent", |packet| {
            let mut lie = framed(addresses(packet, &[]));
            lie[0] = 0xff;
            lie
        }),
        ("another question", |packet| {
            let mut other = addresses(packet, &[]);
            other[0] ^= 1;
            framed(other)
        }),
        ("cut off again", |packet| framed(truncated(packet))),
    ];
    for (what, over_tcp) in cases {
        let server = Server::start(|packet, _| only(truncated(packet)), over_tcp).await;
        let start = Instant::now();
        let found = server.ask("example.com", RecordType::A, LIMIT).await;
        assert!(found.is_err(), "{what}: {found:?}");
        assert!(start.elapsed() < LIMIT / 2, "{what}");
    }
}

#[tokio::test]
async fn aliases_are_followed_and_what_none_leads_to_is_not_believed() {
    let server = Server::over_udp(|packet, _| {
        let asked = Message::from_octets(packet).expect("a message");
        let mut answer = MessageBuilder::new_vec().start_answer(&asked, Rcode::NOERROR).expect("room");
        let ttl = Ttl::from_secs(60);
        answer.push((name("b.example"), ttl, A::from_octets(192, 0, 2, 1))).expect("room");
        answer.push((name("www.example"), ttl, Cname::new(name("B.example")))).expect("room");
        answer.push((name("bank.example"), ttl, A::from_octets(203, 0, 113, 6))).expect("room");
        only(answer.finish())
    })
    .await;
    let reply = server.ask("www.example", RecordType::A, LIMIT).await.expect("an answer");
    assert_eq!(texts(&reply), ["192.0.2.1"]);
    assert_eq!(reply.aliases, ["b.example"]);
}

#[tokio::test]
async fn aliases_in_a_circle_are_nonsense() {
    let server = Server::over_udp(|packet, _| {
        let asked = Message::from_octets(packet).expect("a message");
        let mut answer = MessageBuilder::new_vec().start_answer(&asked, Rcode::NOERROR).expect("room");
        for (from, to) in [("a.example", "b.example"), ("b.example", "a.example")] {
            answer.push((name(from), Ttl::from_secs(60), Cname::new(name(to)))).expect("room");
        }
        only(answer.finish())
    })
    .await;
    let error = server.ask("a.example", RecordType::A, LIMIT).await.expect_err("no answer");
    assert!(error.to_string().contains("aliases"), "{error}");
    let reply = server.ask("a.example", RecordType::Cname, LIMIT).await.expect("an answer");
    assert_eq!((texts(&reply), reply.aliases.len()), (vec!["b.example"], 0));
}

#[test]
fn every_type_has_its_text() {
    let ttl = Ttl::from_secs(60);
    let owner = name("example.com");
    let text = |record: RecordType,
                push: &dyn Fn(&mut domain::base::message_builder::AnswerBuilder<Vec<u8>>)| {
        let question = Question::new("example.com", record).expect("a question");
        let packet = question.packet(1).expect("a packet");
        let asked = Message::from_octets(packet).expect("a message");
        let mut answer = MessageBuilder::new_vec().start_answer(&asked, Rcode::NOERROR).expect("room");
        push(&mut answer);
        let reply = read(&answer.finish(), 1, &question).expect("an answer");
        texts(&reply).join("|")
    };
    assert_eq!(
        text(RecordType::Mx, &|answer| {
            answer.push((&owner, ttl, Mx::new(10, name("MX1.Example.com")))).expect("room");
            answer.push((&owner, ttl, Mx::new(0, Name::root_vec()))).expect("room");
        }),
        "10 mx1.example.com|0 ."
    );
    assert_eq!(
        text(RecordType::Aaaa, &|answer| {
            let address = Aaaa::new("2001:DB8:0::1".parse().expect("an address"));
            answer.push((&owner, ttl, address)).expect("room");
        }),
        "2001:db8::1"
    );
    assert_eq!(
        text(RecordType::Srv, &|answer| {
            answer.push((&owner, ttl, Srv::new(1, 2, 993, name("imap.example.com")))).expect("room");
        }),
        "1 2 993 imap.example.com"
    );
    assert_eq!(
        text(RecordType::Txt, &|answer| {
            let txt: Txt<Vec<u8>> = Txt::from_octets(b"\x06v=spf1\x07 -all\x1b\n".to_vec()).expect("a text");
            answer.push((&owner, ttl, txt)).expect("room");
        }),
        "v=spf1 -all\\u{1b}\\n"
    );
    assert_eq!(
        text(RecordType::Caa, &|answer| {
            let tag = domain::rdata::caa::CaaTag::from_octets(b"issue".to_vec()).expect("a tag");
            let caa = Caa::new(domain::rdata::caa::CaaFlags::new(0), tag, b"ca.example".to_vec());
            answer.push((&owner, ttl, caa)).expect("room");
        }),
        "0 issue \"ca.example\""
    );
}

#[test]
fn a_name_that_points_at_itself_is_garbled() {
    let question = Question::new("a.example", RecordType::Mx).expect("a question");
    let mut packet = question.packet(9).expect("a packet");
    packet[2] |= 0x80;
    packet[7] = 1;
    // Owner: the question's name. Type MX, class IN, time to live, four bytes: preference and a pointer to itself.
    packet.extend_from_slice(&[0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 4, 0, 10]);
    let at = u8::try_from(packet.len()).expect("a short packet");
    packet.extend_from_slice(&[0xc0, at]);
    assert!(matches!(read(&packet, 9, &question), Err(Unfit::Garbled(_))));
}

#[test]
fn no_bytes_whatever_are_a_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for record in RecordType::ALL {
        let question = Question::new("a.b.example", record).expect("a question");
        let good = {
            let packet = question.packet(7).expect("a packet");
            let mut answer = packet.clone();
            answer[2] |= 0x80;
            answer
        };
        for _ in 0..3000 {
            let mut packet = good.clone();
            packet[7] = (random() % 4) as u8;
            for _ in 0..random() % 80 {
                let byte = if random() % 3 == 0 { 0xc0 } else { random() as u8 };
                packet.push(byte);
            }
            // Owner, type and class right more often than chance would have it.
            if random() % 2 == 0 && packet.len() > good.len() + 6 {
                let code = record.code().to_int().to_be_bytes();
                packet[good.len()..good.len() + 6].copy_from_slice(&[0xc0, 12, code[0], code[1], 0, 1]);
            }
            drop(read(&packet, 7, &question));
            packet.truncate((random() % 60) as usize);
            drop(read(&packet, 7, &question));
        }
    }
}

#[tokio::test]
async fn a_name_is_resolved_by_the_first_server_that_knows() {
    let broken = Server::over_udp(|packet, _| only(coded(packet, Rcode::SERVFAIL))).await;
    let good = Server::over_udp(|packet, _| {
        let asked = Message::from_octets(packet).expect("a message");
        match asked.sole_question().expect("one").qtype().to_int() {
            1 => only(addresses(packet, &[[192, 0, 2, 1]])),
            _ => only(addresses(packet, &[])),
        }
    })
    .await;
    let both = [RecordType::A, RecordType::Aaaa];
    let servers = [broken.address, good.address];
    let found = resolve(&servers, "db", &both, LIMIT).await.expect("addresses");
    assert_eq!(found, ["192.0.2.1".parse::<std::net::IpAddr>().expect("an address")]);
    let error = resolve(&servers, "db", &[RecordType::Aaaa], LIMIT).await.expect_err("none");
    assert!(error.to_string().contains("knows the name and no address"), "{error}");
    let error = resolve(&servers[..1], "db", &both, LIMIT).await.expect_err("none");
    assert!(error.to_string().contains("says SERVFAIL"), "{error}");
    assert!(resolve(&[], "db", &both, LIMIT).await.is_err());
}

#[tokio::test]
async fn there_is_no_such_name_ends_the_search() {
    let first = Server::over_udp(|packet, _| only(coded(packet, Rcode::NXDOMAIN))).await;
    let second = Server::over_udp(|packet, _| only(addresses(packet, &[[192, 0, 2, 1]]))).await;
    let found = resolve(&[first.address, second.address], "db", &[RecordType::A], LIMIT).await;
    assert!(found.expect_err("none").to_string().contains("NXDOMAIN"));
    assert!(second.heard().is_empty());
}

#[tokio::test]
async fn addresses_and_localhost_are_not_asked_for() {
    let both = [RecordType::A, RecordType::Aaaa];
    for (name, count) in [("192.0.2.1", 1), ("[::1]", 1), ("localhost", 2), ("x.LOCALHOST.", 2)] {
        assert_eq!(resolve(&[], name, &both, LIMIT).await.expect("addresses").len(), count, "{name}");
    }
    assert!(resolve(&[], "192.0.2.1", &[RecordType::Aaaa], LIMIT).await.is_err());
}
