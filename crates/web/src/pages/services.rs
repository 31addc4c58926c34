//! `/services`: which release of each service is in front, what goes on now, and how the last deploys went.

use axum::extract::{Extension, State};
use maud::{Markup, html};
use muster_core::time::{Span, Timestamp};
use muster_core::words::length;
use muster_deploy::books::Holder;
use muster_deploy::front::Failures;
use muster_deploy::overview::{Deploy, Known, Overview, Ready, Standing};

use crate::guard::who::Asker;
use crate::pages::frame::{Fragment, View, page};
use crate::pages::shapes::{of_line, shape};
use crate::pages::words;
use crate::router::Web;
use crate::services::{Service, all};

/// Deploys that are shown of each service.
const SHOWN: usize = 10;
/// What the script asks for to keep the page fresh.
const EVENTS: &str = "/api/v1/events?view=services";

/// `GET /services`.
pub async fn get(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Markup {
    let view = View::new(&web, &asker);
    let services = read(&view).await;
    let body = html! { (sentence(&services)) (list(&view, &services)) };
    page(&view, "Services", "/services", Some(EVENTS), &body)
}

/// What the page is made of, or why it cannot be.
pub type Read = Result<Vec<Service>, String>;

/// Reads this host.
pub async fn read(view: &View) -> Read {
    all(&view.web, &view.snapshot.board.lines, &view.asker).await
}

/// The parts that differ from `before`: services one by one, as long as they are the same ones.
pub fn changed(view: &View, before: &Read, now: &Read) -> Vec<Fragment> {
    if before == now {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let said = sentence(now);
    if said.0 != sentence(before).0 {
        parts.push(Fragment::new("sentence", said));
    }
    let names =
        |read: &Read| -> Vec<String> { read.iter().flatten().map(|service| service.name.clone()).collect() };
    match (before, now) {
        (Ok(old), Ok(new)) if names(before) == names(now) && !new.is_empty() => {
            let differs = old.iter().zip(new).filter(|(old, new)| old != new);
            parts.extend(differs.map(|(_, new)| Fragment::new(id(new), article(view, new))));
        }
        _ => parts.push(Fragment::new("services", list(view, now))),
    }
    parts
}

fn sentence(services: &Read) -> Markup {
    let Ok(services) = services else {
        return html! { section #sentence.unsure { h1 { "What is deployed here is unknown." } } };
    };
    let count = |is: fn(&Service) -> bool| services.iter().filter(|service| is(service)).count();
    let (bad, unsure, now) =
        (count(Service::is_bad), count(Service::is_unsure), count(Service::is_deployed_now));
    let all = words::count(services.len(), "service", "services");
    let (said, tone) = match (services.len(), bad, unsure) {
        (0, _, _) => ("Nothing is deployed here yet.".to_owned(), "unsure"),
        (1, 0, 0) => ("1 service, as it was put in front.".to_owned(), "good"),
        (_, 0, 0) => (format!("{all}, each as it was put in front."), "good"),
        (_, 0, n) => (format!("{n} of {all} in doubt."), "unsure"),
        (_, 1, _) => (format!("1 of {all} needs you."), "bad"),
        (_, n, _) => (format!("{n} of {all} need you."), "bad"),
    };
    html! {
        section #sentence.(tone) {
            h1 { (said) }
            @if now > 0 { p.also { (words::count(now, "service is", "services are")) " being deployed now." } }
        }
    }
}

fn list(view: &View, services: &Read) -> Markup {
    html! {
        section #services {
            @match services {
                Err(why) => p.fault role="alert" { "What is deployed here cannot be read: " (why) "." },
                Ok(services) if services.is_empty() => (none()),
                Ok(services) => { @for service in services { (article(view, service)) } }
            }
        }
    }
}

fn none() -> Markup {
    html! {
        p.lead { "A service is a program that is deployed to this host: its new release starts beside the old one, and users are led to it when it is well. In muster.toml:" }
        pre.line { "[service.api]\nimage = \"ghcr.io/acme/api\"\nport = 8080\ndomains = [\"api.example.com\"]" }
        p.lead { code { "muster new service NAME" } " writes one with all that it needs, and " code { "muster deploy" } " puts it in front." }
    }
}

fn id(service: &Service) -> String {
    format!("service-{}", service.name)
}

fn article(view: &View, service: &Service) -> Markup {
    let tone = if service.is_bad() {
        "firing"
    } else if service.is_unsure() {
        "unknown"
    } else {
        "ok"
    };
    html! {
        article.service.(tone) id=(id(service)) {
            h2 {
                @match service.id() { Some(id) => a href=(format!("/e/{id}")) { (service.name) }, None => span { (service.name) } }
                @if let Some(line) = &service.line { " " (of_line(line)) }
            }
            @match &service.seen {
                None => p.none { "Never deployed to this host. " code { "muster deploy " (service.name) } " does it." },
                Some(seen) => {
                    (going_on(view, seen))
                    (in_front(view, seen))
                    (alarms(view, service, seen))
                    (past(view, seen))
                }
            }
        }
    }
}

fn going_on(view: &View, seen: &Overview) -> Markup {
    html! {
        @match &seen.now {
            Known::Known(None) => {}
            Known::Known(Some(Holder { by, step, since })) => p.now {
                span.state.running { (shape("running")) "being deployed" } " by " b { (by) } ", at " code { (step) }
                @if *since > Timestamp::default() { " since " (view.present.stamp(*since)) " " small.ago data-at=(since.millis()) { (view.present.distance(*since)) } }
            },
            Known::Unknown(why) => p.now { span.state.unknown { (shape("unknown")) "unknown" } " whether somebody deploys it: " (why) },
        }
    }
}

fn in_front(view: &View, seen: &Overview) -> Markup {
    html! {
        p.big {
            @match &seen.in_front {
                Known::Known(Some(standing)) => (standing_words(view, standing, seen.unconfirmed)),
                Known::Known(None) => "No release is in front.",
                Known::Unknown(why) => { span.state.unknown { (shape("unknown")) "unknown" } " which release is in front: " (why) },
            }
        }
        @if let Some(ready) = seen.warm.as_ref().filter(|ready| ready.until > view.present.now || seen.now == Known::Known(None)) {
            (warm(view, &seen.service, ready))
        }
    }
}

fn standing_words(view: &View, standing: &Standing, unconfirmed: bool) -> Markup {
    html! {
        b.version { (standing.version) } " "
        span.facts {
            "release " (standing.release) " on " (standing.side.word())
            @if unconfirmed { ", not confirmed" }
            @else {
                @if let Some(since) = standing.since { ", in front since " (view.present.moment_and_distance(since)) }
                ", by " (standing.by)
            }
        }
    }
}

fn warm(view: &View, service: &str, ready: &Ready) -> Markup {
    html! {
        p.facts {
            @if ready.until > view.present.now {
                b { (ready.version) } " (release " (ready.release) ") stays ready on " (ready.side.word()) " until "
                (view.present.moment_and_distance(ready.until)) ": " code { "muster rollback " (service) } " takes a moment."
            } @else {
                b { (ready.version) } " (release " (ready.release) ") on " (ready.side.word()) " is about to be stopped."
            }
        }
    }
}

fn alarms(view: &View, service: &Service, seen: &Overview) -> Markup {
    html! {
        @if let Some(line) = service.line.as_ref().filter(|line| line.condition.word() == "firing") {
            p.why { (words::why(line, &view.present)) }
        }
        @if seen.unconfirmed && seen.now == Known::Known(None) {
            p.why { "Nobody has confirmed this release, and nobody is at it: this host goes back by itself within a minute." }
        }
        @if let Some(number) = seen.unended {
            p.why { "Deploy " (number) " began and did not end here: its deployer was killed, or this host was. " code { "muster deploy " (seen.service) } " or " code { "muster rollback " (seen.service) } " settles it." }
        }
        @if !seen.record_fits {
            p.why { "A line of the record was changed or taken out by somebody." }
        }
    }
}

fn past(view: &View, seen: &Overview) -> Markup {
    html! {
        @match &seen.deploys {
            Known::Unknown(why) => p { span.state.unknown { (shape("unknown")) "unknown" } " what was deployed before: " (why) },
            Known::Known(deploys) if deploys.is_empty() => {}
            Known::Known(deploys) => {
                table.deploys {
                    thead { tr { th { "When" } th { "Release" } th { "What became of it" } th.num { "Requests failed" } th.num { "Took" } th { "By" } } }
                    tbody { @for deploy in deploys.iter().take(SHOWN) { (row(view, deploy)) } }
                }
                @if deploys.len() > SHOWN {
                    p.facts { (deploys.len() - SHOWN) " before that: " code { "muster releases " (seen.service) } }
                }
            }
        }
    }
}

fn row(view: &View, deploy: &Deploy) -> Markup {
    let word = match deploy.how.as_str() {
        "deployed" | "rolled back" => "ok",
        _ => "firing",
    };
    html! {
        tr {
            td { (view.present.stamp(deploy.at)) }
            td { b { (deploy.version) } " " small { (deploy.release) } }
            td { span.state.(word) { (shape(word)) (deploy.how) } @if !deploy.why.is_empty() { " " small { (deploy.why) } } }
            td.num { (failed(deploy)) }
            td.num { (length(Span::millis(deploy.took))) }
            td { (deploy.by) }
        }
    }
}

fn failed(deploy: &Deploy) -> Markup {
    html! {
        @match &deploy.failed_requests {
            Some(Failures::Counted(0)) => "0",
            Some(Failures::Counted(count)) => b.lost { (count) },
            Some(Failures::Unknown(why)) => { span.state.unknown { (shape("unknown")) "unknown" } " " small { (why) } },
            None => span.none { "–" },
        }
    }
}
