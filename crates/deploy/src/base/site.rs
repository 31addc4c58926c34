//! The site of a service. One that answers for its domain already is somebody's and stays; else the site that
//! `muster new service` writes is put among those of nginx, and enabled when its certificate is there. Until then the first
//! deploy writes a plain one for port 80.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use muster_host::nginx::{each, parse};

use super::record::{Made, Record, told};
use super::{Base, MOMENT, Standing};
use crate::books::digest;
use crate::front::nginx::site;
use crate::scaffold::plan::{Item, What};
use crate::scaffold::write;
use crate::trouble::Trouble;

/// Where Debian's nginx has the sites that there are, and those that count.
const AVAILABLE: &str = "/etc/nginx/sites-available";
const ENABLED: &str = "/etc/nginx/sites-enabled";

/// The files of a site.
struct Files {
    /// The site.
    text: PathBuf,
    /// What makes it count.
    link: PathBuf,
    /// What the link says.
    to: PathBuf,
}

impl Base {
    fn files(&self, service: &str) -> Files {
        let name = format!("{service}.conf");
        Files {
            text: self.below(Path::new(AVAILABLE)).join(&name),
            link: self.below(Path::new(ENABLED)).join(&name),
            to: Path::new("../sites-available").join(&name),
        }
    }

    pub(super) fn look_site(
        &self,
        service: &str,
        domains: &[String],
        text: &str,
    ) -> Result<Standing, Trouble> {
        let answers = site::answers(&self.root, service, domains)?;
        if answers.iter().any(|one| one.leads) {
            return Ok(Standing::There);
        }
        let files = self.files(service);
        if let Some(one) = answers.first() {
            let what =
                format!("{} answers for {} and does not lead to {service}", one.place, domains.join(" "));
            let line = site::line(service);
            return Ok(Standing::Waits(
                Trouble::new(what).help(format!("write `{line}` there, in place of its `location /`")),
            ));
        }
        let there = match fs::read_to_string(&files.text) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(told(&files.text, &error)),
        };
        let missing = self.certificates(there.as_deref().unwrap_or(text));
        Ok(match (there.is_some(), missing.first()) {
            (false, None) => Standing::Missing("written and enabled".to_owned()),
            (false, Some(_)) => {
                Standing::Missing("written, to be enabled when its certificate is there".to_owned())
            }
            (true, None) => Standing::Missing("enabled".to_owned()),
            (true, Some(first)) => Standing::Waits(
                Trouble::new(format!(
                    "{} is not there, so {} is answered on port 80 alone",
                    first.display(),
                    domains.join(" ")
                ))
                .help("put certificate and key there, then prepare this host again"),
            ),
        })
    }

    pub(super) fn make_site(&self, service: &str, text: &str, record: &mut Record) -> Result<(), Trouble> {
        let files = self.files(service);
        if !files.text.exists() {
            record.add(Made::File { path: files.text.clone(), digest: digest(text.as_bytes()) })?;
            let item = Item {
                path: files.text.strip_prefix(&self.root).unwrap_or(&files.text).to_owned(),
                what: What::File(text.to_owned()),
                mode: 0o644,
                is_theirs: false,
                about: "",
            };
            write::make(&self.root, &item, None)?;
        }
        let there = fs::read_to_string(&files.text).map_err(|error| told(&files.text, &error))?;
        if !self.certificates(&there).is_empty() || fs::symlink_metadata(&files.link).is_ok() {
            return Ok(());
        }
        if !files.link.parent().is_some_and(Path::is_dir) {
            return Err(Trouble::new(format!("{ENABLED} is not there, so nginx reads no sites from it"))
                .help(format!("write `include {};` into the `http` block of nginx", files.text.display())));
        }
        record.add(Made::Link { path: files.link.clone(), to: files.to.clone() })?;
        symlink(&files.to, &files.link).map_err(|error| told(&files.link, &error))?;
        reload(&self.root).inspect_err(|_| {
            // nginx goes on with what it had; it must be able to start again as well.
            drop(fs::remove_file(&files.link));
        })
    }

    /// The files of its certificate that a site names and that are not there.
    fn certificates(&self, text: &str) -> Vec<PathBuf> {
        let mut missing = Vec::new();
        each(&parse(text, 0), &mut |_, one| {
            let is_file = matches!(one.name.as_str(), "ssl_certificate" | "ssl_certificate_key");
            let path = Path::new(one.word());
            if is_file
                && path.is_absolute()
                && !self.below(path).is_file()
                && !missing.contains(&path.to_owned())
            {
                missing.push(path.to_owned());
            }
        });
        missing
    }
}

/// Has nginx read its files, if it takes them.
pub(super) fn reload(root: &Path) -> Result<(), Trouble> {
    match root == Path::new("/") {
        true => site::reload(Instant::now() + MOMENT),
        false => Ok(()),
    }
}
