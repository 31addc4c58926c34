//! What the webhook receiver on a server has heard.

use std::path::Path;

use crate::host::Host;

/// One delivery that the receiver accepted.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Seconds since the Unix epoch, by the receiver's clock.
    pub at: f64,
    /// The request's path.
    pub path: String,
    /// The `Idempotency-Key` header.
    pub key: String,
    /// The body as JSON; null if it is none.
    pub body: serde_json::Value,
}

const UNIT: &str = "[Service]\nExecStart=/usr/local/bin/receiver 127.0.0.1:9999 /srv/receiver\nRestart=no\n";

/// Installs the receiver as a service and starts it.
///
/// # Errors
/// What the server said.
pub fn install(host: &Host, binary: &Path) -> Result<(), String> {
    host.copy(binary, "/usr/local/bin/receiver", "755")?;
    host.put("/etc/systemd/system/receiver.service", UNIT.as_bytes(), "644")?;
    host.must("mkdir -p /srv/receiver && echo ok > /srv/receiver/mode && systemctl daemon-reload && systemctl start receiver")
        .map(drop)
}

/// Everything it accepted so far, oldest first.
///
/// # Errors
/// What the server said, or a line that is not the receiver's.
pub fn heard(host: &Host) -> Result<Vec<Heard>, String> {
    let lines = host.must("cat /srv/receiver/heard 2>/dev/null || true")?;
    lines
        .lines()
        .map(|line| {
            let value: serde_json::Value =
                serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
            let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            Ok(Heard {
                at: value["at"].as_f64().unwrap_or_default(),
                path: text("path"),
                key: text("key"),
                body: serde_json::from_str(&text("body")).unwrap_or_default(),
            })
        })
        .collect()
}
