//! From a server that has nothing and a service that is not written yet to a page: by the commands that the README shows.

#![expect(clippy::print_stdout, reason = "what people read is shown where it is tried")]

use muster_testbed::fleet::Fleet;
use muster_testbed::host::Host;

use crate::server::contains;

/// What people read.
const README: &str = include_str!("../../../README.md");
/// Where the commands of the README begin.
const FIRST: &str = "muster new service";
/// What it is called there.
const NAME: &str = "shop.example.com";

/// All that `muster host prepare` may touch, as one text.
const FINGERPRINT: &str = "find /etc /opt /usr/local /var/lib/dpkg/status /var/lib/muster/prepare \
    \\( -type f -o -type l \\) -printf '%p %m %u %T@ %l\\n' | sort";

/// The same of a host on which nothing is prepared: the record is not there yet.
const FINGERPRINT_OF_A_FRESH_HOST: &str = "find /etc /opt /usr/local /var/lib/dpkg/status \\( -type f -o -type l \\) \
    -printf '%p %m %u %T@ %l\\n' | sort";

pub(crate) fn from_nothing() -> Result<(), String> {
    let commands = commands()?;
    let (create, others) = commands.split_first().ok_or("no commands")?;
    let fleet = Fleet::new(1)?;
    let deployer = &fleet.deployer;
    let server = fleet.servers.first().ok_or("no server")?;
    fresh(&server.host)?;
    repository(&fleet)?;
    deployer.put("/etc/muster/muster.toml", fleet.tables().as_bytes(), "600")?;

    let said = deployer.must(&unattended(create))?;
    println!("{said}");
    let next: Vec<&str> =
        said.lines().skip_while(|line| *line != "Next:" && *line != "Written. Next:").skip(1).collect();
    let next: Vec<&str> = next.into_iter().map_while(|line| line.strip_prefix("  ")).collect();
    if next != others {
        return Err(format!("the README goes on with {others:#?}, and the program with {next:#?}"));
    }

    // Without apt it says what to install, and begins nothing.
    let before = server.host.must(FINGERPRINT_OF_A_FRESH_HOST)?;
    server.host.must("mv /usr/bin/apt-get /usr/bin/apt-get.away")?;
    let refused = deployer.run("muster host prepare web1 --yes")?;
    server.host.must("mv /usr/bin/apt-get.away /usr/bin/apt-get")?;
    contains(&refused.err, "web1 lacks packages, and nothing was changed")?;
    contains(&refused.err, "install what Debian calls nginx, then try again")?;
    same(&before, &server.host.must(FINGERPRINT_OF_A_FRESH_HOST)?)?;

    // The plan first, which changes nothing.
    let plan = deployer.must("muster host prepare web1 --plan")?;
    println!("{plan}");
    for line in [
        "+ package nginx ",
        "+ package git ",
        "+ package python3-venv ",
        "+ user shop ",
        "+ program /usr/local/bin/muster ",
    ] {
        contains(&plan, line)?;
    }
    let asked = deployer.run("muster host prepare web1 < /dev/null")?;
    if asked.code != 5 {
        return Err(format!("nobody agreed, and it ended with {asked:?}"));
    }
    same(&before, &server.host.must(FINGERPRINT_OF_A_FRESH_HOST)?)?;

    // Made and taken back: packages and the user are all that stays.
    println!("{}", deployer.must("muster host prepare web1 --yes")?);
    server
        .host
        .must("systemctl is-active muster nginx && systemctl is-enabled muster && test -s /opt/shop/.env")?;
    let undone = deployer.must("muster host prepare web1 --undo --yes")?;
    println!("{undone}");
    contains(&undone, "stays: others may need it by now; apt-get remove ")?;
    contains(&undone, "userdel shop")?;
    server.host.must(
        "set -e; for path in /usr/local/bin/muster /etc/systemd/system/muster.service /opt/shop \
         /etc/nginx/sites-available/shop.conf; do ! test -e $path; done; ! systemctl is-active muster",
    )?;

    // What the README shows, in one shell, as somebody types it.
    let script: Vec<String> = others.iter().map(|command| unattended(command)).collect();
    println!("{}", deployer.must(&format!("set -e\n{}", script.join("\n")))?);
    let page = format!("curl -sS --max-time 5 -H 'Host: {NAME}' http://web1/");
    contains(&deployer.must(&page)?, "\"hello\": \"shop\"")?;

    // A second run finds all of it.
    let before = server.host.must(FINGERPRINT)?;
    let again = deployer.must("muster host prepare web1 --yes")?;
    contains(&again, "nothing to do")?;
    same(&before, &server.host.must(FINGERPRINT)?)?;

    // With its certificate the site is enabled, and the next deploy is behind it.
    server.host.must(&format!(
        "mkdir -p /etc/ssl/{NAME} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
         -days 30 -subj /CN={NAME} -keyout /etc/ssl/{NAME}/privkey.pem -out /etc/ssl/{NAME}/fullchain.pem 2>&1"
    ))?;
    println!("{}", deployer.must("muster host prepare web1 --yes && muster deploy shop")?);
    let secure = format!("curl -sSk --max-time 5 --resolve {NAME}:443:{} https://{NAME}/", server.address);
    contains(&deployer.must(&secure)?, "\"hello\": \"shop\"")?;
    contains(&deployer.must("muster host prepare web1 --yes")?, "nothing to do")?;
    // What serves users is not taken away from under them.
    let plan = deployer.must("muster host prepare web1 --undo --plan")?;
    contains(&plan, "link /etc/nginx/sites-enabled/shop.conf  stays: shop is deployed here")?;
    contains(&plan, "file /opt/shop/.env  stays: shop is deployed here")?;
    contains(&plan, "Nothing to take back")
}

/// The same with Docker, whose engine nobody started yet, and over a muster of before. The image is made of a program alone:
/// the ones that the Dockerfiles of new services begin from are not within reach here.
pub(crate) fn with_docker() -> Result<(), String> {
    let fleet = Fleet::with_apps(1, &["v1"])?;
    let deployer = &fleet.deployer;
    let server = fleet.servers.first().ok_or("no server")?;
    server.host.must(
        "systemctl disable --now docker.service docker.socket containerd.service 2>&1; ! docker info",
    )?;
    // One that runs and is not the same.
    let sum = "sha256sum < /usr/local/bin/muster";
    let old = server.host.must(&format!("echo >> /usr/local/bin/muster; {sum}"))?;
    deployer.put("/etc/muster/muster.toml", fleet.tables().as_bytes(), "600")?;
    let create = format!("{FIRST} shop --lang go --image app --domain {NAME} --host web1 --yes");
    contains(&deployer.must(&create)?, "\n  muster host prepare web1\n  muster deploy shop 1\n")?;

    let said = deployer.must("muster host prepare web1 --yes")?;
    println!("{said}");
    contains(&said, "which is kept; an agent that runs is restarted")?;
    same(&deployer.must(sum)?, &server.host.must(sum)?)?;
    contains(&said, "= package docker.io")?;
    server.host.must("systemctl is-enabled docker && systemctl is-active docker muster && docker info")?;
    println!("{}", deployer.must("muster deploy shop v1")?);
    contains(&deployer.must(&format!("curl -sS --max-time 5 -H 'Host: {NAME}' http://web1/"))?, "v1")?;
    contains(&deployer.must("muster host prepare web1 --yes")?, "nothing to do")?;

    // The muster of before comes back, and what serves users stays.
    let undone = deployer.must("muster host prepare web1 --undo --yes")?;
    println!("{undone}");
    let (plan, undone) = undone.split_once("- is taken back").ok_or("no plan")?;
    contains(plan, "- what /usr/local/bin/muster was before")?;
    contains(undone, "unit docker.service: no longer enabled, and stopped  stays: shop is deployed here")?;
    contains(undone, "- what /usr/local/bin/muster was before")?;
    same(&old, &server.host.must(sum)?)?;
    server.host.must("systemctl is-active muster")?;
    contains(&deployer.must(&format!("curl -sS --max-time 5 -H 'Host: {NAME}' http://web1/"))?, "v1")
}

/// The block of the README, a command a line, without what is said beside it.
fn commands() -> Result<Vec<&'static str>, String> {
    let mut blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let (block, _) = blocks
        .find(|(block, _)| block.starts_with(FIRST))
        .ok_or("the README has no block that begins with a new service")?;
    Ok(block.lines().map(|line| line.split("   # ").next().unwrap_or(line).trim_end()).collect())
}

/// Nobody is at the terminal to be asked.
fn unattended(command: &str) -> String {
    let asks = command.starts_with("muster new") || command.starts_with("muster host");
    if asks { format!("{command} --yes") } else { command.to_owned() }
}

/// Takes away what the image of a web server has beyond a plain Debian.
fn fresh(host: &Host) -> Result<(), String> {
    host.must(
        "set -e; export DEBIAN_FRONTEND=noninteractive
         apt-get -qq -y purge nginx-light nginx-common git logrotate >/dev/null
         apt-get -qq -y autoremove --purge >/dev/null
         rm -rf /etc/nginx /usr/local/bin/muster /usr/local/bin/app; ! command -v nginx; ! command -v git",
    )
    .map(drop)
}

/// The deploying machine has the repository as well, as `git@git.example.com:shop.git`; the server may read it.
fn repository(fleet: &Fleet) -> Result<(), String> {
    let deployer = &fleet.deployer;
    let server = fleet.servers.first().ok_or("no server")?;
    let key = server.host.must(
        "ssh-keygen -q -t ed25519 -N '' -C web1 -f /root/.ssh/id_ed25519 && cat /root/.ssh/id_ed25519.pub",
    )?;
    deployer.must(
        "set -e; useradd --create-home --shell /usr/bin/git-shell git
         install -d -m 700 -o git -g git /home/git/.ssh
         runuser -u git -- git init --quiet --bare --initial-branch main /home/git/shop.git
         git config --global user.name Somebody; git config --global user.email somebody@example.com",
    )?;
    let keys = format!("{key}{}", deployer.must("cat /root/.ssh/id_ed25519.pub")?);
    deployer.put("/home/git/.ssh/authorized_keys", keys.as_bytes(), "600")?;
    deployer.must("chown git: /home/git/.ssh/authorized_keys; systemctl start ssh; echo 127.0.0.1 git.example.com >> /etc/hosts")?;
    let identity = deployer.must("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")?;
    let known = format!("git.example.com {identity}");
    let address = fleet.network.address(deployer)?;
    server.host.put("/root/.ssh/known_hosts", known.as_bytes(), "600")?;
    server.host.must(&format!("echo {address} git.example.com >> /etc/hosts"))?;
    deployer.must(&format!("echo '{}' >> /root/.ssh/known_hosts", known.trim())).map(drop)
}

fn same(before: &str, after: &str) -> Result<(), String> {
    let gone = before.lines().find(|line| !after.lines().any(|other| other == *line));
    let new = after.lines().find(|line| !before.lines().any(|other| other == *line));
    match (gone, new) {
        (None, None) => Ok(()),
        other => Err(format!("the host was changed: {other:?}")),
    }
}
