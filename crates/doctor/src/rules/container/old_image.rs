//! CTR005: the new image is here, or the compose file says otherwise, and the container is the old one.

use super::{each, is_service, place, tell};
use crate::facts::Facts;
use crate::facts::compose::{ComposeService, Said};
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR005",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a container is older than its image or its compose file",
    silent: "A container keeps the image that it was made from. `docker pull`, `docker build` and `docker restart` all end well and change \
             nothing of what runs: the deploy did nothing. So does a changed compose file until somebody runs `up`.",
    cure: "Make the container anew: `docker compose up -d`, or `docker rm` and `docker run`. Look that its data is in a volume first.",
    fix: Fix::Told,
    unless: "The image was pulled ahead of a planned change; the compose file says it by a variable, or has it in another file.",
    judge,
    bad: Fixture::facts("built again, and not made anew", |facts| {
        let image_now = Some("sha256:2".to_owned());
        tell(facts, vec![Container { image_now, ..Container::sound("api", "api:latest") }]);
    }),
    good: [
        Fixture::facts("a tag that was removed", |facts| {
            tell(facts, vec![Container { image_now: None, ..Container::sound("api", "api:1") }]);
        }),
        Fixture::facts("an old container that was stopped", |facts| {
            let image_now = Some("sha256:2".to_owned());
            let status = "exited".to_owned();
            tell(facts, vec![Container { image_now, status, ..Container::sound("api-old", "api:latest") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        if is_service(container)
            && let Some((place, observed)) = compare(facts, container)
        {
            answer.find(Finding::new(&container.name, place, observed));
        }
        let Some(now) = container.image_now.as_deref().filter(|now| *now != container.image_id) else {
            return;
        };
        if is_service(container) {
            let short = |id: &str| id.trim_start_matches("sha256:").chars().take(12).collect::<String>();
            let (runs, now) = (short(&container.image_id), short(now));
            let observed = format!("it runs {runs}, and {} is {now} by now", container.image);
            answer.find(Finding::new(&container.name, place(container), observed));
        }
    })
}

/// What the compose file says otherwise, and where: the image, the restart policy, a port.
fn compare(facts: &Facts, container: &Container) -> Option<(Place, String)> {
    let (_, name) = container.compose.as_ref()?;
    if container.compose_files.is_empty() {
        return None;
    }
    let told = facts.compose.known()?.service(&container.compose_files, name)?;
    if told.iter().any(|(_, service)| service.elsewhere) {
        return None;
    }
    let last = |get: fn(&ComposeService) -> Option<&Said>| {
        told.iter()
            .rev()
            .find_map(|(path, service)| Some((*path, get(service)?)))
            .filter(|(_, said)| said.plain)
    };
    if let Some((path, image)) = last(|service| service.image.as_ref())
        && whole(&image.text) != whole(&container.image)
    {
        let observed = format!("it was made from {}, and the file says {}", container.image, image.text);
        return Some((Place::line(path, image.line, &image.text), observed));
    }
    if let Some((path, restart)) = last(|service| service.restart.as_ref()) {
        let policy = restart.text.split(':').next().unwrap_or_default();
        // YAML 1.1 reads a bare `no` as false.
        let policy = if policy == "false" { "no" } else { policy };
        if policy != container.restart {
            let observed = format!("its restart policy is {}, and the file says {policy}", container.restart);
            return Some((Place::line(path, restart.line, &restart.text), observed));
        }
    }
    let any = |address: &str| if address == "0.0.0.0" { String::new() } else { address.to_owned() };
    let has = |address: &str, host: &str, inside: &str| {
        container
            .ports
            .iter()
            .any(|(one, other, port)| any(one) == any(address) && other == host && port == inside)
    };
    told.iter().flat_map(|(path, service)| service.ports.iter().map(move |port| (*path, port))).find_map(
        |(path, port)| {
            let is_range = port.host.contains('-') || port.inside.contains('-');
            let missing = port.plain
                && !is_range
                && !port.host.is_empty()
                && !has(&port.address, &port.host, &port.inside);
            let text = format!("{}:{}", port.host, port.inside);
            missing.then(|| {
                let observed = format!(
                    "the file publishes port {} of it as {}, and the container does not",
                    port.inside, port.host
                );
                (Place::line(path, port.line, text), observed)
            })
        },
    )
}

/// An image with what is left out of its name.
fn whole(image: &str) -> String {
    let image = image.trim_start_matches("docker.io/").trim_start_matches("library/");
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::file;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_container_is_compared_with_its_file() {
        const FILES: &[crate::rules::fixture::Planted] = &[
            file(
                "/opt/shop/compose.yaml",
                "services:\n  api:\n    image: api:${TAG:-1}\n  db:\n    image: postgres:16\n    restart: always\n    ports: ['127.0.0.1:5432:5432', '9000-9001:9000-9001']\n",
            ),
            file(
                "/opt/shop/compose.override.yaml",
                "services:\n  db:\n    image: docker.io/library/postgres:17\n",
            ),
        ];
        let facts = facts_of(&Fixture::files("a shop", FILES));
        let container = |service: &str, image: &str, files: &[&str]| Container {
            compose: Some(("shop".to_owned(), service.to_owned())),
            compose_files: files.iter().map(|file| format!("/opt/shop/{file}")).collect(),
            restart: "always".to_owned(),
            ports: vec![("127.0.0.1".to_owned(), "5432".to_owned(), "5432".to_owned())],
            ..Container::sound("shop-1", image)
        };
        let both = &["compose.yaml", "compose.override.yaml"][..];
        let said =
            |container: &Container| compare(&facts, container).map(|(place, said)| (place.to_string(), said));
        assert_eq!(said(&container("db", "postgres:17", both)), None);
        assert_eq!(said(&container("api", "api:7", both)), None);
        assert_eq!(said(&container("db", "postgres:15", &["gone.yaml"])), None);
        let (place, _) = said(&container("db", "postgres:15", &["compose.yaml"])).expect("another image");
        assert_eq!(place, "/opt/shop/compose.yaml:5");
        let policy = Container { restart: "no".to_owned(), ..container("db", "postgres:16", &both[..1]) };
        assert_eq!(said(&policy).expect("another policy").0, "/opt/shop/compose.yaml:6");
        let ports = Container { ports: Vec::new(), ..container("db", "postgres:16", &both[..1]) };
        assert!(said(&ports).expect("another port").1.contains("5432"));
    }
}
