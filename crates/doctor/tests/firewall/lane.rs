//! One made-up host among made-up networks: a world, a host with two bridges, a container on each.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::layouts::State;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How long a connection may take, its answer included; it takes less than a millisecond where nothing is in the way.
const PATIENCE: Duration = Duration::from_millis(800);

/// Where a probe starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    World,
    Host,
    First,
    Second,
}

/// The namespaces of one lane; they end with it.
pub(crate) struct Lane {
    name: String,
    proxies: Vec<Child>,
    over: Arc<AtomicBool>,
    servers: Vec<thread::JoinHandle<()>>,
}

fn enter(namespace: &str) {
    let file = std::fs::File::open(format!("/run/netns/{namespace}")).expect("a namespace");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("to enter a namespace");
}

/// Runs a program to its end with some input; its complaint if it fails.
pub(crate) fn run(words: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", words[0]))?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr))),
    }
}

impl Lane {
    pub(crate) fn new() -> Self {
        static LANES: AtomicUsize = AtomicUsize::new(0);
        let number = LANES.fetch_add(1, Ordering::Relaxed);
        let name = format!("muster-fw{}-{number}", std::process::id());
        let mut lane =
            Self { name, proxies: Vec::new(), over: Arc::new(AtomicBool::new(false)), servers: Vec::new() };
        for who in [From::World, From::Host, From::First, From::Second] {
            lane.ip(&format!("netns add {}", lane.namespace(who)));
            lane.ip(&format!("-n {} link set lo up", lane.namespace(who)));
        }
        lane.wire();
        lane.serve(From::World, &["0.0.0.0:587", "[2001:db8:1::2]:587"]);
        lane.serve(From::First, &["0.0.0.0:8080", "0.0.0.0:8082", "[fd00:18::2]:8080"]);
        lane.serve(From::Second, &["0.0.0.0:80"]);
        let own =
            ["0.0.0.0:9000", "[2001:db8:1::1]:9000", "[fd00:18::1]:9000", "[::]:9100", "127.0.0.1:5432"];
        lane.serve(From::Host, &own);
        lane.serve_datagrams(From::World, &["203.0.113.2:587", "[2001:db8:1::2]:587"]);
        let first = ["172.18.0.2:8080", "172.18.0.9:8080", "172.18.0.2:8082", "[fd00:18::2]:8080"];
        lane.serve_datagrams(From::First, &first);
        lane.serve_datagrams(From::Second, &["172.19.0.2:80"]);
        // One socket for each address: from a socket on all of them the answer may come from another than was asked.
        let own = [
            "203.0.113.1:9000",
            "172.18.0.1:9000",
            "172.19.0.1:9000",
            "203.0.113.1:9100",
            "[2001:db8:1::1]:9000",
            "[fd00:18::1]:9000",
        ];
        lane.serve_datagrams(From::Host, &own);
        lane.settle();
        lane
    }

    /// Waits until everybody found their neighbours: new links of IPv6 take a moment.
    fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        let pairs = [
            (From::First, "fd00:18::1", 9000),
            (From::First, "172.18.0.1", 9000),
            (From::Second, "172.19.0.1", 9000),
            (From::World, "2001:db8:1::1", 9000),
            (From::World, "203.0.113.1", 9000),
            (From::Host, "fd00:18::2", 8080),
            (From::Host, "2001:db8:1::2", 587),
        ];
        for (from, target, port) in pairs {
            while !self.probe(from, target.parse().unwrap(), port) {
                assert!(Instant::now() < until, "{from:?} never reaches {target}");
            }
        }
    }

    fn namespace(&self, who: From) -> String {
        let part = match who {
            From::World => "world",
            From::Host => "host",
            From::First => "first",
            From::Second => "second",
        };
        format!("{}-{part}", self.name)
    }

    fn ip(&self, line: &str) {
        let words: Vec<&str> = ["ip"].into_iter().chain(line.split_whitespace()).collect();
        run(&words, "").unwrap();
    }

    fn wire(&self) {
        let names = [From::World, From::Host, From::First, From::Second].map(|who| self.namespace(who));
        let [world, host, first, second] = names;
        let settings = [
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
        ];
        for setting in settings {
            self.inside(From::Host, || run(&["sysctl", "-qw", setting], "")).unwrap();
        }
        for line in [
            format!("-n {host} link add wan0 type veth peer name eth0 netns {world}"),
            format!("-n {host} link add docker0 type bridge"),
            format!("-n {host} link add br-5ec0d type bridge"),
            format!("-n {host} link add veth1 type veth peer name eth0 netns {first}"),
            format!("-n {host} link add veth2 type veth peer name eth0 netns {second}"),
            format!("-n {host} link set veth1 master docker0"),
            format!("-n {host} link set veth2 master br-5ec0d"),
            format!("-n {host} addr add 203.0.113.1/24 dev wan0"),
            format!("-n {host} addr add 2001:db8:1::1/64 dev wan0 nodad"),
            format!("-n {host} addr add 172.18.0.1/16 dev docker0"),
            format!("-n {host} addr add fd00:18::1/64 dev docker0 nodad"),
            format!("-n {host} addr add 172.19.0.1/16 dev br-5ec0d"),
            format!("-n {world} addr add 203.0.113.2/24 dev eth0"),
            format!("-n {world} addr add 2001:db8:1::2/64 dev eth0 nodad"),
            format!("-n {first} addr add 172.18.0.2/16 dev eth0"),
            format!("-n {first} addr add 172.18.0.9/16 dev eth0"),
            format!("-n {first} addr add fd00:18::2/64 dev eth0 nodad"),
            format!("-n {second} addr add 172.19.0.2/16 dev eth0"),
            format!("-n {world} link set eth0 up"),
            format!("-n {first} link set eth0 up"),
            format!("-n {second} link set eth0 up"),
        ] {
            self.ip(&line);
        }
        for link in ["wan0", "veth1", "veth2", "docker0", "br-5ec0d"] {
            self.ip(&format!("-n {host} link set {link} up"));
        }
        for line in [
            format!("-n {host} route add default via 203.0.113.2"),
            format!("-n {host} -6 route add default via 2001:db8:1::2"),
            format!("-n {first} route add default via 172.18.0.1"),
            format!("-n {first} -6 route add default via fd00:18::1"),
            format!("-n {second} route add default via 172.19.0.1"),
            // A neighbour who sends to a container directly.
            format!("-n {world} route add 172.18.0.9/32 via 203.0.113.1"),
        ] {
            self.ip(&line);
        }
    }

    /// Runs in one of the namespaces.
    pub(crate) fn inside<T: Send>(&self, who: From, body: impl FnOnce() -> T + Send) -> T {
        let namespace = self.namespace(who);
        thread::scope(|scope| {
            let body = || {
                enter(&namespace);
                body()
            };
            scope.spawn(body).join().expect("a thread in a namespace")
        })
    }

    fn serve(&mut self, who: From, addresses: &[&str]) {
        for address in addresses {
            let address: SocketAddr = address.parse().unwrap();
            let socket = self.inside(who, || TcpListener::bind(address)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let over = Arc::clone(&self.over);
            self.servers.push(thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    match socket.accept() {
                        Ok((mut stream, _)) => drop(stream.write_all(b"ok\n")),
                        Err(_) => thread::sleep(Duration::from_millis(2)),
                    }
                }
            }));
        }
    }

    fn serve_datagrams(&mut self, who: From, addresses: &[&str]) {
        for address in addresses {
            let address: SocketAddr = address.parse().unwrap();
            let socket = self.inside(who, || UdpSocket::bind(address)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let over = Arc::clone(&self.over);
            self.servers.push(thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    match socket.recv_from(&mut [0; 8]) {
                        Ok((_, asker)) => drop(socket.send_to(b"ok", asker)),
                        Err(_) => thread::sleep(Duration::from_millis(2)),
                    }
                }
            }));
        }
    }

    /// Starts Docker's proxies, or ends them.
    pub(crate) fn proxy(&mut self, wanted: bool) {
        if wanted == self.proxies.is_empty() {
            self.end_proxies();
            if wanted {
                self.start_proxies();
            }
        }
    }

    fn start_proxies(&mut self) {
        let published = [
            ("0.0.0.0", 8080, "172.18.0.2", 8080),
            ("::", 8080, "172.18.0.2", 8080),
            ("127.0.0.1", 8081, "172.18.0.2", 8082),
            ("0.0.0.0", 8090, "172.19.0.2", 80),
        ];
        let start = || -> Vec<Child> {
            let one = |(host, port, container, inner): (&str, u16, &str, u16)| {
                let line = format!(
                    "exec docker-proxy -proto tcp -host-ip {host} -host-port {port} -container-ip {container} \
                     -container-port {inner} 3>/dev/null"
                );
                Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).spawn().expect("docker-proxy")
            };
            published.map(one).into()
        };
        self.proxies = self.inside(From::Host, start);
        let until = Instant::now() + Duration::from_secs(10);
        let waits = |port: u16| {
            let hex = format!(":{port:04X} ");
            let read = |name: &str| {
                std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
            };
            (read("tcp") + &read("tcp6"))
                .lines()
                .filter(|line| line.contains(&hex) && line.contains(" 0A "))
                .count()
        };
        let ready = || waits(8080) == 2 && waits(8081) == 1 && waits(8090) == 1;
        while !self.inside(From::Host, ready) {
            assert!(Instant::now() < until, "docker-proxy does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn end_proxies(&mut self) {
        for mut proxy in self.proxies.drain(..) {
            drop(proxy.kill());
            drop(proxy.wait());
        }
    }

    /// Puts a rule set in place of what was there.
    pub(crate) fn apply(&self, state: &State) -> Result<(), String> {
        let State { four, six, nft, ipset, legacy, .. } = state;
        self.inside(From::Host, || {
            run(&["nft", "flush", "ruleset"], "")?;
            run(&["ipset", "destroy"], "")?;
            // The old tables stay for as long as the namespace does; they can only be emptied.
            let names = std::fs::read_to_string("/proc/thread-self/net/ip_tables_names").unwrap_or_default();
            let empty: String = names.lines().map(|name| format!("*{name}\nCOMMIT\n")).collect();
            let parts: [(&[&str], &str); 6] = [
                (&["iptables-legacy-restore"], &empty),
                (&["iptables-legacy-restore"], legacy),
                (&["ipset", "restore"], ipset),
                (&["iptables-restore"], four),
                (&["ip6tables-restore"], six),
                (&["nft", "-f", "-"], nft),
            ];
            parts.iter().filter(|(_, text)| !text.is_empty()).try_for_each(|(words, text)| run(words, text))
        })
    }

    /// True if an answer comes back to a datagram.
    pub(crate) fn probe_by_datagram(&self, from: From, target: IpAddr, port: u16) -> bool {
        self.inside(from, || {
            let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let sent = socket.connect((target, port)).and_then(|()| socket.send(b"?"));
            sent.is_ok() && socket.recv(&mut [0; 8]).is_ok_and(|count| count > 0)
        })
    }

    /// True if an answer comes back.
    pub(crate) fn probe(&self, from: From, target: IpAddr, port: u16) -> bool {
        self.inside(from, || {
            let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::new(target, port), PATIENCE) else {
                return false;
            };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read(&mut [0; 8]).is_ok_and(|count| count > 0)
        })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.end_proxies();
        for server in self.servers.drain(..) {
            drop(server.join());
        }
        for who in [From::World, From::Host, From::First, From::Second] {
            drop(run(&["ip", "netns", "delete", &self.namespace(who)], ""));
        }
    }
}
