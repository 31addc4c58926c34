//! The fleet itself: what the scenarios of deploys stand on.

use std::net::SocketAddr;
use std::time::Duration;

use muster_testbed::fleet::Fleet;
use muster_testbed::load::label::Kind;
use muster_testbed::load::{Load, Settings};

const LIMIT: Duration = Duration::from_secs(30);

/// The deployer starts the app on each server over ssh, in its engine and as a unit, behind its nginx; clients get answers
/// from it and see when it is gone.
pub(crate) fn serves() -> Result<(), String> {
    let fleet = Fleet::with_apps(2, &["v1", "v2"])?;
    for (server, version) in fleet.servers.iter().zip(["v1", "v2"]) {
        let name = &server.name;
        let script = format!(
            "docker run --detach --name app --publish 127.0.0.1:8101:8080 app:{version} &&
             printf 'server {{ listen 80 default_server; location / {{ proxy_pass http://127.0.0.1:8101; }} }}' \
             > /etc/nginx/sites-enabled/default && nginx -t && nginx -s reload"
        );
        fleet.deployer.put("/root/script", script.as_bytes(), "600")?;
        fleet.deployer.must(&format!("ssh -o BatchMode=yes root@{name} sh -s < /root/script"))?;
        let archive = format!("/srv/releases/app-{version}.tar.gz");
        fleet
            .deployer
            .must(&format!("ssh root@{name} 'mkdir /opt/app && tar -C /opt/app -xz' < {archive}"))?;
        server
            .host
            .must("systemd-run --unit app --setenv=PORT=8102 --setenv=APP_HOST=127.0.0.1 /opt/app/app")?;
        server.host.wait(LIMIT, "the unit to answer with its version", |host| {
            Ok(host.run("curl -fs http://127.0.0.1:8102/")?.out.trim() == version)
        })?;
        let load = Load::start(Settings {
            kinds: vec![Kind::Get, Kind::Post, Kind::SlowClose],
            connections: 2,
            ..Settings::new(SocketAddr::new(server.address, 80))
        });
        if !load.until(LIMIT, |report| {
            report.versions.contains_key(version) && report.good_ones(Kind::SlowClose) > 2
        }) {
            return Err(format!("{name} does not serve {version}: {:?}", load.stop()));
        }
        server.host.must("docker kill app")?;
        if !load.until(LIMIT, |report| report.failed(Kind::Get) > 0) {
            return Err(format!("nobody noticed that {name} serves no more: {:?}", load.stop()));
        }
    }
    Ok(())
}
