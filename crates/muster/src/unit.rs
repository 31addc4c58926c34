//! The systemd unit of the agent.

use std::path::Path;

/// Where it belongs.
pub(crate) const PATH: &str = "/etc/systemd/system/muster.service";

/// Its text. `program` is the absolute path of this binary; `config` is set where the usual places do not hold it.
///
/// `WatchdogSec` restarts an agent that hangs; `OOMScoreAdjust` keeps the kernel from killing the watchman first;
/// `KillMode=process` leaves the jobs that muster started alone when the agent ends or is restarted;
/// `Restart=always` without a start limit, because an agent that stays down is the worst silence of all.
pub(crate) fn text(program: &Path, config: Option<&Path>) -> String {
    let mut command = argument(program);
    if let Some(config) = config {
        command.push_str(&format!(" --config {}", argument(config)));
    }
    command.push_str(" up");
    format!(
        "\
[Unit]
Description=muster: what should happen must report in
Wants=network-online.target
After=local-fs.target network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=always
RestartSec=2
WatchdogSec=30
TimeoutStopSec=20
OOMScoreAdjust=-500
StateDirectory=muster
StateDirectoryMode=0700
UMask=0077

[Install]
WantedBy=multi-user.target
"
    )
}

/// One argument of `ExecStart=` (systemd.service(5), "Command lines").
fn argument(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:".contains(c));
    if plain {
        return text.into_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Both introduce substitutions.
            '%' | '$' => out.extend([c, c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_this_binary_with_its_configuration() {
        let text = text(Path::new("/usr/local/bin/muster"), Some(Path::new("/srv/my files/50%.toml")));
        assert!(
            text.contains("ExecStart=/usr/local/bin/muster --config \"/srv/my files/50%%.toml\" up\n"),
            "{text}"
        );
        for line in [
            "Type=notify",
            "WatchdogSec=30",
            "KillMode=process",
            "Restart=always",
            "OOMScoreAdjust=-500",
            "StateDirectory=muster",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}");
        }
    }
}
