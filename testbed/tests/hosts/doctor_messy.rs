//! A server that three people have left: every trap that is planted is found, nothing beside them is, what can be mended
//! without asking is mended, and all of it is given back to the byte. The answer keys are in here, the plants in `messy/`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use muster_testbed::host::Host;
use serde_json::Value;

use crate::doctor_plain::widths;
use crate::server::{binaries, code};

const TRAPS: &str = include_str!("messy/traps.sh");
const NEAR_MISSES: &str = include_str!("messy/near_misses.sh");

/// What was planted: the rule, and a part of what it says the finding is about or where it is.
const PLANTED: &[(&str, &str)] = &[
    ("CRON001", "cleanup.sh --older-than 30"),
    ("CRON003", "sync-stock.sh"),
    ("CRON004", "/etc/cron.d/renew-certificates"),
    ("CRON005", "/etc/cron.d/backup.sh"),
    ("CRON006", "/etc/cron.daily/db-backup.sh"),
    ("CRON006", "/etc/cron.weekly/prune-images"),
    ("CRON007", "poll.sh: --monitoring"),
    ("CRON008", "deployer"),
    ("CRON008", "report.sh --mine"),
    ("CRON009", "date +%Y%m%d"),
    ("CRON010", "python3"),
    ("CRON011", "old-report.sh"),
    ("CRON012", "rotate-keys.sh"),
    ("CRON012", "import.sh"),
    ("CRON013", "./bin/queue.sh"),
    ("CRON014", "shopctl"),
    ("CRON015", "source /opt/shop/env"),
    ("CRON016", "/etc/cron.d/metrics"),
    ("CRON017", "metrics.sh --year"),
    ("CRON020", "nightly.sh"),
    ("CRON023", "contractor"),
    ("LOCK002", "/run/lock/index.lock"),
    ("LOCK003", "/run/lock/export.lock"),
    ("LOCK005", "/tmp/mailout.lock"),
    ("LOCK006", "cronwrap.sh"),
    ("LOCK007", "timed.sh"),
    ("LOG001", "/opt/shop/log/app.log"),
    ("LOG002", "/var/log/shop-access.log"),
    ("LOG003", "/etc/logrotate.d/shop-queue"),
    ("LOG003", "/etc/logrotate.d/shop-mail"),
    ("LOG004", "/var/log/shop-group"),
    ("LOG005", "/var/log/importer.log"),
    ("LOG006", "legacy-cms"),
    ("LOG007", "journal"),
    ("LOG008", "/opt/shop/runs/logs"),
    ("DISK005", "/mnt/backup"),
    ("FW001", "8088"),
    ("SVC001", "shop-web.service"),
    ("SVC002", "shop-old.service"),
    ("SVC003", "shop-worker.service"),
    ("SVC004", "shop-flap.service"),
    ("SVC005", "MemoryLimitMax"),
    ("SVC006", "shop-sessions.service"),
    ("SVC007", "shop-web.service"),
    ("SVC008", "shop-worker.service"),
    ("SVC009", "shop"),
    ("SVC010", "feed.conf"),
    ("SVC011", "shop-worker.service"),
    ("SVC012", "shop-vpn-api.service"),
    ("SVC013", "thumbnails.service"),
    ("MEM001", "shop-web.service"),
    ("MEM003", "limits"),
    ("FD001", "python3"),
    ("CTR001", "legacy-cms"),
    ("CTR002", "legacy-cms"),
    ("CTR007", "legacy-cms"),
    ("IMG001", "/opt/shop/Dockerfile"),
    ("IMG002", "STRIPE_KEY"),
    ("IMG002", "/opt/shop/Dockerfile .env"),
    ("IMG003", "/opt/shop/Dockerfile"),
    ("IMG005", "/opt/shop/Dockerfile"),
    ("SEC001", "/opt/shop/.env"),
    ("SEC002", "/srv/blog/.env"),
    ("SEC002", "/opt/shop/.env"),
    ("SEC003", "SESSION_SECRET"),
    ("SEC003", "erp.example.com"),
    ("LAY002", "/opt/shop/current"),
    ("LAY002", "/opt/shop/uploads"),
    ("TLS001", "shop.example.com"),
    ("TLS003", "certbot"),
    ("TLS004", "old.example.com"),
    ("NGX001", "nginx -t"),
    ("NGX003", "stock.partner.example"),
    ("NGX004", "127.0.0.1:5999"),
    ("NGX005", "/etc/nginx/sites-enabled/campaign"),
    ("NGX005", "/etc/nginx/conf.d/compress"),
    ("NGX006", "/static/"),
    ("PG002", "postgresql.conf"),
    ("PG003", "pgbouncer"),
    ("PG006", "server_reset_query"),
    ("SQL001", "copy-orders.sh"),
    ("BAK004", "dump.sh"),
    ("TIME001", "zone"),
    ("SYS001", "unattended-upgrades"),
    ("MAIL001", "/var/spool/smtpd/queue"),
];

/// What looks like a trap and is none: the rule that must pass it, and its name. No rule may name it.
const PASSED: &[(&str, &str)] = &[
    ("CRON001", "fine-plain"),
    ("CRON001", "fine-old.dpkg-old"),
    ("CRON003", "fine-quiet"),
    ("CRON004", "fine-jobs"),
    ("CRON005", "fine-old.dpkg-old"),
    ("CRON006", "fine-README"),
    ("CRON006", "fine-daily"),
    ("CRON007", "fine-own"),
    ("CRON008", "fine-interpreter"),
    ("CRON009", "fine-percent"),
    ("CRON009", "fine-letter"),
    ("CRON010", "fine-interpreter"),
    ("CRON011", "fine-tested"),
    ("CRON012", "fine-given"),
    ("CRON013", "fine-home"),
    ("CRON013", "fine-cd"),
    ("CRON014", "fine-found"),
    ("CRON015", "fine-bash"),
    ("CRON015", "fine-shell"),
    ("CRON016", "fine-shell"),
    ("CRON017", "fine-monday"),
    ("CRON017", "fine-leap"),
    ("CRON020", "fine-weekend"),
    ("CRON023", "fine-own"),
    ("LOCK002", "fine-lock"),
    ("LOCK003", "fine-wait"),
    ("LOCK005", "fine-lock"),
    ("LOCK006", "fine-wrap.sh"),
    ("LOCK007", "fine-wrap.sh"),
    ("LOG001", "fine-big.log"),
    ("LOG002", "/etc/logrotate.d/fine-app"),
    ("LOG003", "fine-off.disabled"),
    ("LOG004", "fine-group"),
    ("LOG008", "/opt/fine-app/runs/logs"),
    ("DISK005", "/mnt/fine-usb"),
    ("SVC001", "fine-once"),
    ("SVC002", "fine-stopped"),
    ("SVC003", "fine-web"),
    ("SVC005", "X-Owner=fine-team"),
    ("SVC007", "fine.env"),
    ("SVC008", "fine-local.env"),
    ("SVC010", "fine-feed"),
    ("SVC011", "fine-alert"),
    ("SVC012", "fine-web"),
    ("SVC013", "fine-user"),
    ("MEM001", "fine-template@"),
    ("IMG001", "/opt/fine-app/Dockerfile"),
    ("IMG002", "/opt/fine-app/Dockerfile"),
    ("IMG003", "/opt/fine-app/Dockerfile"),
    ("IMG005", "/opt/fine-app/Dockerfile"),
    ("SEC001", "/srv/fine-site"),
    ("SEC001", "/opt/fine-app/.env.example"),
    ("SEC002", "/srv/fine-site"),
    ("LAY002", "/opt/fine-app/current"),
    ("TLS001", "fine.pem"),
    ("TLS004", "fine.key"),
    ("NGX003", "fine-backend"),
    ("NGX004", "fine-backend"),
    ("NGX005", "fine-later"),
    ("NGX006", "fine-static"),
    ("SQL001", "fine-copy.sh"),
    ("BAK004", "fine-dump.sh"),
];

/// What `--fix` mends of the planted.
const MENDED: &[(&str, &str)] = &[
    ("CRON004", "/etc/cron.d/renew-certificates"),
    ("CRON005", "/etc/cron.d/backup.sh"),
    ("CRON006", "/etc/cron.weekly/prune-images"),
    ("CRON009", "date +%Y%m%d"),
    ("CRON012", "rotate-keys.sh"),
    ("CRON014", "shopctl"),
    ("CRON015", "source /opt/shop/env"),
    ("CRON016", "/etc/cron.d/metrics"),
    ("LOCK002", "/run/lock/index.lock"),
    ("LOCK003", "/run/lock/export.lock"),
    ("LOG001", "/opt/shop/log/app.log"),
    ("LOG002", "/var/log/shop-access.log"),
    ("LOG003", "/etc/logrotate.d/shop-queue"),
    ("LOG007", "journal"),
    ("SVC001", "shop-web.service"),
];

/// Everything that a person could have written: kind, mode, owner, bytes.
const TREE: &str = "find /etc /opt /srv /home /root /usr/local /var/spool/cron -xdev \
    \\( -path /opt/shop/data -o -path /root/doctor \\) -prune -o \\( -type f -printf '%p %m %U:%G ' -exec sha256sum {} \\; \\) \
    -o -printf '%p %y %m %U:%G %l\\n' | sort";

/// Finds, passes, replays, mends and gives back.
pub(crate) fn traps_and_near_misses() -> Result<(), String> {
    let host = Host::start_web("doctor-messy")?;
    host.copy(&binaries()?.join("muster"), "/usr/local/bin/muster", "755")?;
    for (name, plants) in [("near_misses.sh", NEAR_MISSES), ("traps.sh", TRAPS)] {
        host.put(&format!("/root/doctor/{name}"), plants.as_bytes(), "755")?;
        host.must(&format!("/root/doctor/{name}"))?;
    }
    let live = host.run("cd /root/doctor && muster doctor --json --save-facts facts | tee live")?;
    code(&host.run("muster doctor --json >/dev/null")?, 1)?;
    let report = read(&live.out)?;
    let mut wrong = String::new();
    compare(&report, &mut wrong)?;
    blind(&host, &report, &mut wrong)?;
    again(&host)?;
    widths(&host)?;
    mend(&host, &report, &mut wrong)?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

pub(crate) fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// The findings of a report.
pub(crate) fn findings(report: &Value) -> &[Value] {
    report["findings"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_about(finding: &Value, id: &str, part: &str) -> bool {
    let has = |field: &str| finding[field].as_str().is_some_and(|text| text.contains(part));
    finding["id"] == id && ["subject", "source", "text", "observed"].iter().any(|field| has(field))
}

fn compare(report: &Value, wrong: &mut String) -> Result<(), String> {
    let all = findings(report);
    let is_found = |(id, part): &&(&str, &str)| all.iter().any(|one| is_about(one, id, part));
    let missed: Vec<_> = PLANTED.iter().filter(|trap| !is_found(trap)).collect();
    for (id, part) in missed {
        writeln!(wrong, "not found: {id} {part}").map_err(|error| error.to_string())?;
    }
    for finding in all.iter().filter(|finding| finding.to_string().contains("fine-")) {
        writeln!(wrong, "found and right: {finding}").map_err(|error| error.to_string())?;
    }
    for (_, name) in PASSED.iter().filter(|(_, name)| {
        let last = name.rsplit('/').next().unwrap_or(name);
        !NEAR_MISSES.contains(last)
    }) {
        writeln!(wrong, "{name} is in the key and was not planted").map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What root finds, nobody may not call well: it is found, or unknown.
fn blind(host: &Host, report: &Value, wrong: &mut String) -> Result<(), String> {
    let done =
        host.run("cd / && setpriv --reuid=nobody --regid=nogroup --clear-groups muster doctor --json")?;
    if !matches!(done.code, 1 | 2) || done.err.contains("panicked") {
        return Err(format!("as nobody: {done:?}"));
    }
    let theirs = read(&done.out)?;
    let found: BTreeSet<&str> = findings(report).iter().filter_map(|one| one["id"].as_str()).collect();
    let fine = theirs["fine"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let inapplicable =
        theirs["inapplicable"].as_array().into_iter().flatten().filter_map(|one| one["id"].as_str());
    for id in fine.chain(inapplicable).filter(|id| found.contains(id)) {
        writeln!(wrong, "root finds {id}, and nobody calls it well").map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The same facts give the same report, byte for byte.
fn again(host: &Host) -> Result<(), String> {
    host.must(
        "cd /root/doctor && for turn in first second; do muster doctor --facts facts --json > $turn || true; done
         cmp first second && cmp first live",
    )
    .map(drop)
}

fn mend(host: &Host, found: &Value, wrong: &mut String) -> Result<(), String> {
    let before = host.must(TREE)?;
    let told = host.must("cd / && muster doctor --fix --yes")?;
    let report = read(&host.run("muster doctor --json")?.out)?;
    for (id, part) in
        MENDED.iter().filter(|(id, part)| findings(&report).iter().any(|one| is_about(one, id, part)))
    {
        writeln!(wrong, "not mended: {id} {part}").map_err(|error| error.to_string())?;
    }
    for finding in findings(&report).iter().filter(|finding| finding.to_string().contains("fine-")) {
        writeln!(wrong, "found after --fix: {finding}").map_err(|error| error.to_string())?;
    }
    let count = |report: &Value, id: &Value| findings(report).iter().filter(|one| one["id"] == *id).count();
    for finding in
        findings(&report).iter().filter(|one| count(&report, &one["id"]) > count(found, &one["id"]))
    {
        // A unit that was given an addition has to be read again; one that crashes over and over does so between two looks.
        if finding["id"] != "SVC006" && finding["id"] != "SVC004" {
            writeln!(wrong, "there is more of it since --fix: {finding}")
                .map_err(|error| error.to_string())?;
        }
    }
    let rest = host.must("cd / && muster doctor --fix --dry-run")?;
    if !rest.contains("Nothing that can be mended") {
        writeln!(wrong, "after --fix there is more to mend:\n{rest}").map_err(|error| error.to_string())?;
    }
    if host.must(TREE)? == before {
        writeln!(wrong, "--fix changed nothing:\n{told}").map_err(|error| error.to_string())?;
    }
    host.must("cd / && muster doctor undo")?;
    let after = host.must(TREE)?;
    for line in after.lines().filter(|line| !before.lines().any(|other| other == *line)) {
        writeln!(wrong, "undone, and not as before: {line}").map_err(|error| error.to_string())?;
    }
    for line in before.lines().filter(|line| !after.lines().any(|other| other == *line)) {
        writeln!(wrong, "was, and is no more: {line}").map_err(|error| error.to_string())?;
    }
    Ok(())
}
