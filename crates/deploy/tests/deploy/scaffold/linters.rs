//! What the tools say that will read it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use muster_deploy::scaffold::plan::plan;
use muster_deploy::scaffold::write::below;

use crate::scaffold::files::{docker, every, order, text_of, written};

/// Runs a tool; what it said, if it found nothing wrong.
fn passes(program: &str, words: &[&str]) -> String {
    let ended = Command::new(program).args(words).stdin(Stdio::null()).output().expect("started");
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{program} {words:?}\n{said}");
    said
}

/// The rules of hadolint that can be told by reading: <https://github.com/hadolint/hadolint>.
pub(crate) fn dockerfiles() {
    for order in every() {
        let text = text_of(&plan(&order).expect("planned"), "/opt/shop-api/code/Dockerfile");
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let mut stages = Vec::new();
        for line in lines.iter().filter_map(|line| line.strip_prefix("FROM ")) {
            let mut words = line.split(' ');
            let image = words.next().expect("an image");
            let is_pinned = image == "scratch"
                || stages.contains(&image)
                || image.split_once(':').is_some_and(|(_, tag)| {
                    tag.split('-').next().is_some_and(|version| version.contains('.'))
                });
            assert!(is_pinned && !image.ends_with(":latest"), "DL3006, DL3007: {line}");
            if words.next() == Some("AS") {
                stages.push(words.next().expect("a name"));
            }
        }
        assert_eq!(stages, ["build", "test"], "what is built is not what runs");
        let last = text.rfind("\nFROM ").expect("the last stage");
        let last = &text[last..];
        assert!(last.contains("\nUSER 10001:10001\n"), "DL3002: {last}");
        assert_eq!(last.matches("\nCMD [\"").count(), 1, "DL3025, DL4003: {last}");
        for word in [
            "sudo",
            "ADD ",
            "MAINTAINER",
            "apt-get",
            "apk ",
            "HEALTHCHECK",
            "ENTRYPOINT",
            "cd ",
            "curl",
            "wget",
        ] {
            assert!(!lines.iter().any(|line| line.contains(word)), "{word}: {text}");
        }
        for line in lines.iter().filter(|line| line.contains("pip install")) {
            assert!(
                line.contains("--no-cache-dir") && line.contains("--requirement"),
                "DL3042, DL3013: {line}"
            );
        }
        let from = lines.iter().filter(|line| line.starts_with("WORKDIR "));
        assert!(from.into_iter().all(|line| line.contains(" /")), "DL3000: {text}");
        assert!(text.contains("HOST=0.0.0.0 PORT=8080"), "{text}");
    }
}

pub(crate) fn pipelines() {
    for order in every() {
        let text =
            text_of(&plan(&order).expect("planned"), "/opt/shop-api/code/.github/workflows/deploy.yml");
        for part in [
            "branches: [main]",
            "group: deploy-shop-api\n  cancel-in-progress: false",
            "needs: test",
            "docker build --target test .",
            "StrictHostKeyChecking=yes",
            "DEPLOY_KEY: ${{ secrets.DEPLOY_KEY }}",
            "muster deploy shop-api \"$GITHUB_SHA\"",
            "contents: read",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        // A secret comes into a script by its environment, never into its text.
        let scripts =
            text.split("run: |").skip(1).map(|part| part.split("\n      - ").next().expect("a part"));
        for script in scripts {
            assert!(!script.contains("${{"), "{script}");
        }
        assert!(!text.contains("ssh-keyscan \"") && !text.contains('\t'), "{text}");
    }
}

pub(crate) fn shell() {
    for order in every() {
        let (root, items) = written(&order);
        let script = items.iter().find(|item| item.path.ends_with("run.sh")).expect("planned");
        let path = below(root.path(), &script.path);
        passes("sh", &["-n", &path.display().to_string()]);
    }
}

pub(crate) fn nginx() {
    let order = order(&muster_deploy::scaffold::languages::LANGUAGES[0], docker());
    let (root, items) = written(&order);
    let at = |name: &str| root.path().join(name).display().to_string();
    let certificate = rcgen::generate_simple_self_signed(vec!["api.example.com".to_owned()]).expect("made");
    fs::write(at("fullchain.pem"), certificate.cert.pem()).expect("written");
    fs::write(at("privkey.pem"), certificate.signing_key.serialize_pem()).expect("written");
    let site = text_of(&items, "/etc/nginx/sites-available/shop-api.conf");
    let site = site.replace("/etc/ssl/api.example.com", &root.path().display().to_string());
    fs::write(at("site.conf"), site).expect("written");
    let conf = format!(
        "pid {};\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; include {}; }}\n",
        at("pid"),
        at("site.conf")
    );
    fs::write(at("nginx.conf"), conf).expect("written");
    let said = passes("nginx", &["-t", "-c", &at("nginx.conf")]);
    assert!(!said.contains("[warn]"), "{said}");

    // As `muster deploy` leaves it: the snippet is read from the folder of the file that includes it.
    fs::create_dir(root.path().join("muster")).expect("made");
    fs::write(at("muster/shop-api.conf"), "location / { proxy_pass http://127.0.0.1:9; }\n")
        .expect("written");
    let said = passes("nginx", &["-T", "-c", &at("nginx.conf")]);
    assert!(said.contains("proxy_pass http://127.0.0.1:9;"), "{said}");
    fs::write(at("muster/shop-api.conf"), "location / {\n").expect("written");
    let ended = Command::new("nginx").args(["-t", "-q", "-c", &at("nginx.conf")]).output().expect("started");
    assert!(!ended.status.success(), "the snippet is really read");
}

pub(crate) fn systemd() {
    for order in every() {
        let (root, items) = written(&order);
        let unit = items.iter().find(|item| item.path.ends_with("shop-api.service")).expect("planned");
        let path = below(root.path(), &unit.path);
        let said = passes("systemd-analyze", &["verify", "--man=no", &path.display().to_string()]);
        assert!(!said.contains("shop-api.service:"), "{said}");
        // systemd would make the file as root, and logrotate acts as the user of the service.
        assert!(!text_of(&items, "/etc/systemd/system/shop-api.service").contains("append:"));
    }
}

pub(crate) fn logrotate() {
    let order = order(&muster_deploy::scaffold::languages::LANGUAGES[0], docker());
    let (root, items) = written(&order);
    let snippet =
        items.iter().find(|item| item.path.starts_with(Path::new("/etc/logrotate.d"))).expect("planned");
    let path = below(root.path(), &snippet.path);
    let state = root.path().join("state").display().to_string();
    let said = passes("/usr/sbin/logrotate", &["-d", "-s", &state, &path.display().to_string()]);
    assert!(!said.contains("error:") && said.contains("/opt/shop-api/logs/*.log"), "{said}");
}
