//! Where the releases of a service come from, and what runs them: `image`, `git` or `artifact`, and `runtime`.

use crate::codes;
use crate::field::{Field, Shape};
use crate::plan::RuntimeSpec;
use crate::plan::service::Source;
use crate::section::Section;
use crate::tables::safe;

/// The keys that say where releases come from.
const SOURCES: [&str; 3] = ["image", "git", "artifact"];

/// The keys of `git`.
pub(super) const GIT: &[Field] = &[
    Field::new(
        "url",
        Shape::Text,
        "The repository, as the hosts reach it. Logins belong into their ssh keys.",
        "\"git@github.com:acme/api.git\"",
    )
    .required(),
    Field::new(
        "branch",
        Shape::Text,
        "What is deployed when nobody names a commit, tag or branch.",
        "\"main\"",
    )
    .default("\"main\""),
];

/// What runs the service; none after a fault.
pub(super) fn read(section: &Section<'_>) -> Option<RuntimeSpec> {
    let mut written = SOURCES.into_iter().filter(|key| section.has(key));
    let Some(source) = written.next() else {
        section.missing(
            format!("[{}] lacks `image`, `git` or `artifact`", section.path()),
            "say where its releases come from, as in `image = \"ghcr.io/acme/api\"`",
        );
        return None;
    };
    if let Some(second) = written.next() {
        section.contradiction(
            second,
            format!("[{}] has both `{source}` and `{second}`", section.path()),
            "keep the one that its releases come from",
        );
        return None;
    }
    let is_image = source == "image";
    match section.choice("runtime") {
        Some("swarm") => {
            section.reading().not_yet(&section.place("runtime"), "services of Docker Swarm");
            return None;
        }
        Some("systemd") if is_image => {
            section.contradiction(
                "runtime",
                "an image is run by Docker, not by systemd",
                "write `runtime = \"docker\"`, or `git` or `artifact` in place of `image`",
            );
            return None;
        }
        Some("docker") if !is_image => {
            section.contradiction(
                "runtime",
                format!("Docker runs images, and `{source}` gives none"),
                "write `runtime = \"systemd\"`, or `image` in place of it",
            );
            return None;
        }
        None if section.has("runtime") => return None,
        _ => {}
    }
    if is_image { docker(section) } else { systemd(section, source) }
}

fn docker(section: &Section<'_>) -> Option<RuntimeSpec> {
    let image = section.text("image")?;
    if image.contains('@') {
        section.refuse(
            "image",
            "with a digest there would never be another release",
            "write the repository alone; `muster deploy NAME VERSION` says which one, and it is kept by its digest",
        );
        return None;
    }
    if !safe::is_image(&image) {
        section.refuse("image", "this is no name of an image", "write it as \"ghcr.io/acme/api\"");
        return None;
    }
    if section.has("build") {
        section.contradiction(
            "build",
            "an image is built before it is deployed",
            "put it into the Dockerfile",
        );
        return None;
    }
    let volumes = section.items("volumes");
    for (text, place) in &volumes {
        if safe::volume(text).is_none() {
            section.reading().error(codes::BAD_VALUE, place, "this is no volume".into()).help(
                "write it as \"/srv/api/data:/data\", \"NAME:/data\" or \"/etc/api:/etc/api:ro\"".into(),
            );
            return None;
        }
    }
    Some(RuntimeSpec::Docker {
        image,
        command: section.texts("command"),
        volumes: volumes.into_iter().map(|(text, _)| text).collect(),
    })
}

fn systemd(section: &Section<'_>, source: &str) -> Option<RuntimeSpec> {
    if section.has("volumes") {
        section.contradiction(
            "volumes",
            "a service of systemd sees the folders of its host as they are",
            "take it out",
        );
        return None;
    }
    for (key, example) in [("command", "[\"./api\"]"), ("user", "\"api\"")] {
        if !section.has(key) {
            section.missing(
                format!("[{}] lacks `{key}`, which a service of systemd cannot do without", section.path()),
                format!("add `{key} = {example}`"),
            );
            return None;
        }
    }
    let source = if source == "git" { git(section)? } else { Source::Artifact(section.path_to("artifact")?) };
    let command = section.texts("command");
    if command.first().is_some_and(|program| program.starts_with(['-', '@', ':', '+', '!', '~'])) {
        section.refuse(
            "command",
            "systemd would take the first character for something else than the program's name",
            "write \"./program\" for one in the release, or the whole path",
        );
        return None;
    }
    Some(RuntimeSpec::Systemd { source, command, build: section.texts("build") })
}

fn git(section: &Section<'_>) -> Option<Source> {
    let table = section.table("git")?;
    let (url, branch) = (table.text("url")?, table.text("branch")?);
    if safe::holds_login(&url) {
        table.reading().hide(&table.place("url"));
        table
            .reading()
            .error(codes::INLINE_SECRET, &table.place("url"), "a login must not stand in the file".into())
            .help("give the hosts a deploy key and write \"git@host:path.git\"".into());
        return None;
    }
    if let Some((what, help)) = safe::git_objection(&url) {
        table.refuse("url", what, help);
        return None;
    }
    if !safe::is_branch(&branch) {
        table.refuse("branch", "nothing in git can be called so", "write it as \"main\" or \"v1.2\"");
        return None;
    }
    Some(Source::Git { url, branch })
}
