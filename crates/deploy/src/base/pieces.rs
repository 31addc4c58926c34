//! Which pieces the services of a host come to, by what muster.toml says of them. Nothing is asked.

use std::path::{Path, PathBuf};

use muster_config::plan::{RuntimeSpec, ServicePlan, Source};

use super::packages;
use super::{Piece, Wanted};
use crate::scaffold::template::{Unfilled, Values, fill};

/// The pieces, in the order in which they are made: each may need those before it. `unit` is the path and the text of the
/// unit of the agent.
///
/// # Errors
/// [`Unfilled`] if a template has a name without a value, which a test rules out.
pub fn pieces(services: &[&ServicePlan], unit: (&Path, &str)) -> Result<Vec<Wanted>, Unfilled> {
    let mut all = Pieces::default();
    for service in services {
        of_packages(&mut all, service);
    }
    for service in services {
        of_files(&mut all, service)?;
    }
    for service in services {
        of_units(&mut all, service)?;
    }
    let (path, text) = unit;
    all.add(None, Piece::Program);
    all.add(None, Piece::File { path: path.to_owned(), text: text.to_owned(), mode: 0o644 });
    all.add(None, Piece::Unit { name: "muster.service".to_owned(), proof: Vec::new() });
    Ok(all.0)
}

/// Pieces that several want stand here once.
#[derive(Default)]
struct Pieces(Vec<Wanted>);

impl Pieces {
    fn add(&mut self, service: Option<&str>, piece: Piece) {
        let of = service.map(str::to_owned);
        match self.0.iter_mut().find(|wanted| wanted.piece == piece) {
            Some(there) => there.of.extend(of.filter(|of| !there.of.contains(of))),
            None => self.0.push(Wanted { piece, of: of.into_iter().collect() }),
        }
    }
}

fn of_packages(all: &mut Pieces, service: &ServicePlan) {
    let spec = &service.spec;
    let mut add = |row: &packages::Row| all.add(Some(&service.name), row.piece());
    match &spec.runtime {
        RuntimeSpec::Docker { .. } => {
            [&packages::DOCKER, &packages::CERTIFICATES].map(&mut add).into_iter().collect()
        }
        RuntimeSpec::Systemd { source, command, build } => {
            if let Source::Git { url, .. } = source {
                add(&packages::GIT);
                let is_ssh = url.starts_with("ssh://") || (url.contains('@') && !url.contains("://"));
                if is_ssh {
                    add(&packages::SSH);
                }
                if url.starts_with("https://") {
                    add(&packages::CERTIFICATES);
                }
            }
            packages::of_words(command.iter().chain(build)).into_iter().for_each(add);
        }
    }
    if !spec.domains.is_empty() {
        all.add(Some(&service.name), packages::NGINX.piece());
        all.add(Some(&service.name), packages::LOGROTATE.piece());
    }
}

fn of_files(all: &mut Pieces, service: &ServicePlan) -> Result<(), Unfilled> {
    let spec = &service.spec;
    let name = service.name.as_str();
    let project = Path::new("/opt").join(name);
    let is_systemd = matches!(spec.runtime, RuntimeSpec::Systemd { .. });
    let user = spec.user.clone().filter(|_| is_systemd);
    if let Some(user) = &user {
        all.add(Some(name), Piece::User { name: user.clone(), home: project.clone() });
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    folders.extend(is_systemd.then_some(project));
    folders.extend(spec.env_file.as_deref().and_then(Path::parent).map(Path::to_owned));
    for path in folders {
        all.add(Some(name), Piece::Folder { path, mode: 0o755 });
    }
    if let Some(path) = &spec.env_file {
        let reader = user.clone().unwrap_or_else(|| "root".to_owned());
        let values = Values::from([("name", name.to_owned()), ("user", reader)]);
        // What comes from the machine that deploys needs no value here.
        let given = |name: &&String| !service.secrets.iter().any(|(given, _)| given == *name);
        all.add(
            Some(name),
            Piece::Settings {
                path: path.clone(),
                text: fill(include_str!("../scaffold/templates/env"), &values)?,
                owner: user,
                required: spec.required_env.iter().filter(given).cloned().collect(),
            },
        );
    }
    Ok(())
}

fn of_units(all: &mut Pieces, service: &ServicePlan) -> Result<(), Unfilled> {
    let spec = &service.spec;
    let name = service.name.as_str();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    if matches!(spec.runtime, RuntimeSpec::Docker { .. }) {
        let proof = words(&["docker", "info"]);
        all.add(Some(name), Piece::Unit { name: "docker.service".to_owned(), proof });
    }
    let Some(first) = spec.domains.first() else { return Ok(()) };
    let proof = words(&["test", "-s", "/run/nginx.pid"]);
    all.add(Some(name), Piece::Unit { name: "nginx.service".to_owned(), proof });
    let values = Values::from([
        ("name", name.to_owned()),
        ("domain", first.trim_start_matches("*.").to_owned()),
        ("names", spec.domains.join(" ")),
    ]);
    all.add(
        Some(name),
        Piece::Site {
            service: name.to_owned(),
            domains: spec.domains.clone(),
            text: fill(include_str!("../scaffold/templates/site.conf"), &values)?,
        },
    );
    Ok(())
}
