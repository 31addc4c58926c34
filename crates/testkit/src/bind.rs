//! BIND on loopback: answers for the zones that a test gives it, and for nothing else.

use std::fs;
use std::io;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::daemon::{Daemon, open_to_all};
use crate::port;

/// The server; it ends when it is dropped.
pub struct Bind {
    address: SocketAddr,
    _daemon: Daemon,
    _folder: TempDir,
}

impl Bind {
    /// Answers for each zone by its name and the text of its file, as master.
    ///
    /// # Errors
    /// When it does not come up; its log is in the words.
    pub fn start(zones: &[(&str, &str)]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path().display();
        open_to_all(folder.path(), 0o755)?;
        let address = port::refusing()?;
        let mut lines = vec![
            "controls { };".to_owned(),
            format!(
                "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/key\"; recursion no; \
                 listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; }};",
                address.port()
            ),
        ];
        for (name, text) in zones {
            fs::write(folder.path().join(name), text)?;
            lines.push(format!("zone \"{name}\" {{ type master; file \"{at}/{name}\"; }};"));
        }
        fs::write(folder.path().join("named.conf"), lines.join("\n") + "\n")?;
        let mut daemon = Daemon::start(folder.path(), "named", "exec named -g -4 -n 1 -c \"$0/named.conf\"")?;
        daemon.wait_for(address)?;
        Ok(Self { address, _daemon: daemon, _folder: folder })
    }

    /// Where it listens, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
