//! Which files a new service comes to.

use std::path::PathBuf;

use super::order::{Order, Way};
use super::template::{Unfilled, fill};

/// Most bytes of a file that is compared with what it should be.
pub(super) const FILE_LIMIT: usize = 256 << 10;

/// One file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is on the host.
    pub path: PathBuf,
    /// What it is.
    pub what: What,
    /// Its permission bits.
    pub mode: u32,
    /// It belongs to the user of the service; else to whoever writes it.
    pub is_theirs: bool,
    /// What it is for, a few words.
    pub about: &'static str,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A folder.
    Folder,
    /// A file with this text.
    File(String),
    /// A file that begins with this text; from then on it is its owner's, whatever stands in it.
    Begun(String),
}

/// Every file and folder, a folder before what lies in it.
///
/// # Errors
/// [`Unfilled`] if a template has a name without a value, which a test of all templates rules out.
pub fn plan(order: &Order) -> Result<Vec<Item>, Unfilled> {
    let values = order.values();
    let name = &order.name;
    let project = PathBuf::from(format!("/opt/{name}"));
    let code = project.join("code");
    let mut items = Vec::new();
    // Of root, because whoever may write to it could exchange the releases in it.
    items.push(Item {
        path: project.clone(),
        what: What::Folder,
        mode: 0o755,
        is_theirs: false,
        about: "the project",
    });
    let mut folder = |path: PathBuf, mode: u32, about: &'static str| {
        items.push(Item { path, what: What::Folder, mode, is_theirs: true, about });
    };
    // nginx passes through these on its way to the static files.
    folder(code.clone(), 0o755, "its code");
    folder(code.join("static"), 0o755, "files that nginx hands out itself");
    folder(code.join(".github"), 0o755, "");
    folder(code.join(".github/workflows"), 0o755, "");
    folder(project.join("logs"), 0o750, "its logs");
    folder(project.join("locks"), 0o750, "locks of its jobs");
    for (path, _, _) in order.language.files {
        let parent = code.join(path).parent().map(PathBuf::from).unwrap_or_else(|| code.clone());
        if parent != code {
            folder(parent, 0o755, "");
        }
    }
    let mut file = |path: PathBuf, template: &str, mode: u32, is_theirs: bool, about: &'static str| {
        let text = fill(template, &values)?;
        items.push(Item { path, what: What::File(text), mode, is_theirs, about });
        Ok(())
    };
    for (path, template, is_program) in order.language.files {
        let mode = if *is_program { 0o755 } else { 0o644 };
        file(code.join(path), template, mode, true, about(path))?;
    }
    let workflow = match order.way {
        Way::Docker { .. } => include_str!("templates/deploy-docker.yml"),
        Way::Systemd { .. } => include_str!("templates/deploy-systemd.yml"),
    };
    file(code.join("static/robots.txt"), include_str!("templates/robots.txt"), 0o644, true, "")?;
    file(
        code.join(".dockerignore"),
        include_str!("templates/dockerignore"),
        0o644,
        true,
        "what no image gets",
    )?;
    file(
        code.join("compose.yaml"),
        include_str!("templates/compose.yaml"),
        0o644,
        true,
        "to try it with Docker",
    )?;
    file(
        code.join(".github/workflows/deploy.yml"),
        workflow,
        0o644,
        true,
        "tests and deploys each push to main",
    )?;
    let unit = PathBuf::from(format!("/etc/systemd/system/{name}.service"));
    file(
        unit,
        include_str!("templates/unit.service"),
        0o644,
        false,
        "to try it without Docker; not enabled",
    )?;
    let site = PathBuf::from(format!("/etc/nginx/sites-available/{name}.conf"));
    file(site, include_str!("templates/site.conf"), 0o644, false, "its site; not enabled")?;
    let rotate = PathBuf::from(format!("/etc/logrotate.d/{name}"));
    file(rotate, include_str!("templates/logrotate"), 0o644, false, "keeps its logs small")?;
    let env = fill(include_str!("templates/env"), &values)?;
    items.push(Item {
        path: project.join(".env"),
        what: What::Begun(env),
        mode: 0o600,
        is_theirs: true,
        about: "its environment",
    });
    Ok(items)
}

fn about(path: &str) -> &'static str {
    match path {
        "Dockerfile" => "its image",
        "run.sh" => "runs it as it lies there",
        _ => "",
    }
}
