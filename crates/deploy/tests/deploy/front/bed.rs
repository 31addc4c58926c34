//! A private nginx in a folder of its own.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_deploy::front::nginx::{Nginx, Place, Token};
use muster_deploy::front::{Front as _, Ports};
use muster_testkit::port;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Bed {
    child: Child,
    folder: tempfile::TempDir,
    /// Where the front's own server block listens.
    pub(crate) at: SocketAddr,
    pub(crate) ports: Ports,
}

impl Drop for Bed {
    fn drop(&mut self) {
        // The word to end: killed, the master would leave its workers behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
            drop(self.child.wait());
        }
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + LONG
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = soon();
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

pub(crate) fn free() -> u16 {
    port::refusing().expect("a port").port()
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With more lines in the block `http`.
    pub(crate) fn with(http: &str) -> Self {
        Self::told(&format!("include conf.d/*.conf; {http}"))
    }

    /// With these lines in the block `http`.
    pub(crate) fn told(http: &str) -> Self {
        Self::working(2, http)
    }

    /// With so many workers.
    pub(crate) fn working(workers: u8, http: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Started by root, its workers are somebody else.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
        fs::create_dir(folder.path().join("conf.d")).expect("made");
        let beat = SocketAddr::from(([127, 0, 0, 1], free()));
        write_conf(folder.path(), beat, workers, http);
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-c"])
            .arg(folder.path().join("nginx.conf"))
            .arg("-p")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let ports = Ports { blue: free(), green: free() };
        let bed = Self { child, folder, at: SocketAddr::from(([127, 0, 0, 1], free())), ports };
        until("nginx listens", || TcpStream::connect(beat).is_ok());
        bed
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            conf: self.path("nginx.conf"),
            prefix: Some(self.folder.path().to_owned()),
            listen: vec![self.at.to_string()],
            flags: self.path("flags/api"),
            ..Place::of_host("api")
        }
    }

    pub(crate) fn front(&self) -> Nginx {
        self.front_at(self.place())
    }

    pub(crate) fn front_at(&self, place: Place) -> Nginx {
        let token = Token::parse(TOKEN).expect("a token");
        Nginx::new("api", vec!["api.test".into()], self.ports, token, place).expect("a front")
    }

    /// The front, in force.
    pub(crate) fn installed(&self) -> Nginx {
        let front = self.front();
        assert_eq!(front.install(soon()), Ok(true));
        front
    }

    /// Has nginx read its files, whatever comes of it.
    pub(crate) fn reload(&self) {
        let status = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Ends nginx and waits for it.
    pub(crate) fn stop(&mut self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
        self.child.wait().expect("waited");
    }

    /// What our two files hold.
    pub(crate) fn texts(&self) -> [Option<Vec<u8>>; 2] {
        ["conf.d/muster-api.conf", "muster/api.conf"].map(|name| fs::read(self.path(name)).ok())
    }
}

fn write_conf(folder: &Path, beat: SocketAddr, workers: u8, http: &str) {
    let conf = format!(
        "daemon off; pid nginx.pid; error_log error.log notice; worker_processes {workers};\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
         uwsgi_temp_path t4; scgi_temp_path t5; keepalive_requests 100000;\n\
         server {{ listen {beat}; return 204; }}\n{http}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), conf).expect("written");
}
