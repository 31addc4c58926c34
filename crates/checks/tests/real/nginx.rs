//! A real nginx on loopback ports: TLS, HTTP/2, redirects, a slow answer, a renewed certificate.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use muster_checks::probe::Class;
use muster_testkit::port;
use muster_testkit::suite::Part;
use muster_testkit::tls::Identity;

use crate::looking::{LONG, SHORT, Test, look};

pub(crate) struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) open: SocketAddr,
    pub(crate) secure: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The word to end: killed, the master would leave its workers behind.
        drop(self.signal("-TERM"));
        drop(self.child.wait());
    }
}

impl Nginx {
    fn start() -> Self {
        Self::serving(&["localhost"], (-60, 30), |open, secure| {
            format!(
                "server {{ listen {open}; location / {{ return 301 https://localhost:{}$request_uri; }} }}\n\
                 server {{ listen {secure} ssl http2; server_name localhost; root html;\n\
                 ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
                 location = /health {{ default_type application/json; return 200 '{{\"database\":\"ok\"}}'; }}\n\
                 location = /down {{ return 503; }}\n\
                 location = /big {{ }}\n\
                 location = /slow {{ alias html/big; limit_rate 1k; }} }}\n",
                secure.port()
            )
        })
    }

    /// With these server blocks, which may use two ports, `html`, `cert.pem` and `key.pem`: a certificate for these names
    /// that is good from so many days from now to so many.
    pub(crate) fn serving(
        names: &[&str],
        (from, to): (i64, i64),
        servers: impl Fn(SocketAddr, SocketAddr) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (open, secure) = (port::refusing().expect("a port"), port::refusing().expect("a port"));
        certify(folder.path(), names, from, to);
        // Started by root, its workers are somebody else.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
        fs::create_dir(folder.path().join("html")).expect("a folder");
        fs::write(folder.path().join("html/big"), "x".repeat(300_000)).expect("written");
        fs::write(folder.path().join("html/index.html"), "<p>hello</p>\n".repeat(300)).expect("written");
        let conf = format!(
            "daemon off; master_process on; pid nginx.pid; error_log stderr warn; events {{}}\n\
             http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
             uwsgi_temp_path t4; scgi_temp_path t5; types {{ text/html html; }}\n{} }}\n",
            servers(open, secure)
        );
        fs::write(folder.path().join("nginx.conf"), conf).expect("written");
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let deadline = Instant::now() + LONG;
        while TcpStream::connect(secure).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Self { child, folder, open, secure }
    }

    fn signal(&self, which: &str) -> std::io::Result<ExitStatus> {
        Command::new("kill").args([which, &self.child.id().to_string()]).status()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn site(&self, path: &str, more: &str) -> String {
        let (port, ca) = (self.secure.port(), self.path("ca.pem"));
        format!(
            "[check.x]\nkind = \"http\"\nurl = \"https://localhost:{port}{path}\"\nfamily = \"v4\"\nca = \"{ca}\"\n{more}"
        )
    }
}

/// Writes a certificate with its key, and the one of its authority.
fn certify(folder: &Path, names: &[&str], from: i64, to: i64) {
    let (identity, root) = Identity::signed(names, from, to).expect("an identity");
    identity.write_certificate(&folder.join("cert.pem")).expect("written");
    identity.write_key(&folder.join("key.pem")).expect("written");
    fs::write(folder.join("ca.pem"), root).expect("written");
}

pub(crate) const NGINX: &[Part] = &[Part::Nginx];

pub(crate) const TESTS: &[Test] = &[
    ("nginx::is_spoken_to_in_both_versions", NGINX, both_versions),
    ("nginx::what_it_answers_is_seen", NGINX, answers),
    ("nginx::a_renewal_without_a_reload_is_found", NGINX, renewal),
    ("nginx::its_tls_is_seen", NGINX, handshake),
];

fn both_versions() {
    let nginx = Nginx::start();
    for (key, version) in [("any", "2"), ("2", "2"), ("1.1", "1.1")] {
        let more = format!(
            "version = \"{key}\"\nexpect = [\"status == 200\", \"http.version == '{version}'\", \"json('$.database') == \
             'ok'\", \"header('Server') contains 'nginx'\", \"size == 17B\", \"cert.names contains 'localhost'\"]"
        );
        look(&nginx.site("/health", &more), LONG).good();
    }
}

fn answers() {
    let nginx = Nginx::start();
    let (open, ca) = (nginx.open, nginx.path("ca.pem"));
    look(
        &format!(
            "[check.x]\nkind = \"http\"\nurl = \"http://{open}/health\"\nfamily = \"v4\"\nca = \"{ca}\"\nexpect = \
             [\"status == 200\", \"redirects == 1\", \"json('$.database') == 'ok'\"]"
        ),
        LONG,
    )
    .good();
    assert_eq!(look(&nginx.site("/down", ""), LONG).unmet.len(), 1, "503 is bad though nobody speaks of it");
    look(&nginx.site("/none", "expect = [\"status == 404\"]"), LONG).good();
    for version in ["1.1", "2"] {
        let more = format!("version = \"{version}\"\nexpect = [\"body contains 'y'\"]");
        let unmet = look(&nginx.site("/big", &more), LONG).unmet;
        assert!(unmet.len() == 1 && unmet[0].contains("cut off at 262144 bytes"), "{unmet:?}");
        let more = format!("version = \"{version}\"\nmax_body = \"1MiB\"\nexpect = [\"size == 300000B\"]");
        look(&nginx.site("/big", &more), LONG).good();
        let slow = look(&nginx.site("/slow", &format!("version = \"{version}\"")), SHORT);
        slow.down(Class::Timeout, "the answer began and did not end");
    }
}

fn renewal() {
    let nginx = Nginx::start();
    let keys = format!(
        "[check.x]\nkind = \"certificate\"\naddress = \"localhost:{}\"\nfamily = \"v4\"\nca = \"{}\"\nfile = \"{}\"\n",
        nginx.secure.port(),
        nginx.path("ca.pem"),
        nginx.path("cert.pem")
    );
    let due = look(&keys, LONG).unmet;
    assert!(due.len() == 1 && due[0].starts_with("renewal.due_in"), "30 of 90 days are left: {due:?}");
    certify(nginx.folder.path(), &["localhost"], -1, 89);
    look(&keys, LONG).down(Class::Unmet, "renewed and not reloaded");
    assert!(nginx.signal("-HUP").is_ok_and(|status| status.success()));
    let deadline = Instant::now() + LONG;
    // Workers of before may take a connection for a while.
    let seen = loop {
        let seen = look(&keys, LONG);
        if seen.ended.is_ok() {
            break seen;
        }
        assert!(Instant::now() < deadline, "the new certificate is not served");
        std::thread::park_timeout(Duration::from_millis(50));
    };
    seen.good();
}

fn handshake() {
    let nginx = Nginx::start();
    let (port, ca) = (nginx.secure.port(), nginx.path("ca.pem"));
    for version in ["1.2", "1.3"] {
        look(
            &format!(
                "[check.x]\nkind = \"tls\"\naddress = \"localhost:{port}\"\nfamily = \"v4\"\nca = \"{ca}\"\nversions = \
                 \"{version}\"\nexpect = [\"tls.version == '{version}'\", \"cert.issuer contains 'Test Authority'\"]"
            ),
            LONG,
        )
        .good();
    }
    let stranger = format!("[check.x]\nkind = \"tls\"\naddress = \"127.0.0.1:{port}\"");
    look(&stranger, LONG).down(Class::Tls, "TLS with 127.0.0.1 failed");
}
