//! One look at what a table of muster.toml says.

use std::time::Duration;

use muster_checks::kinds::KINDS;
use muster_checks::notebook::Seen;
use muster_checks::probe::{Class, Miss, Part, Scene};
use muster_config::assertion::Judgement;
use muster_config::assertion::facts::{Facts as _, Value};
use muster_config::source::Source;
use muster_net::reach::Resolver;
use muster_testkit::suite;
use tokio::time::{Instant, timeout};

/// A test, and the parts of the machine that it needs.
pub(crate) type Test = (&'static str, &'static [suite::Part], fn());

/// Far more than anything on loopback needs.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Enough for a busy machine, and short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_secs(2);

/// What a look came to.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) ended: Result<(), Miss>,
    pub(crate) seen: Seen,
    /// The assertions that are not met.
    pub(crate) unmet: Vec<String>,
    pub(crate) took: Duration,
}

/// Reads the table of a check.
pub(crate) fn read(text: &str) -> Part {
    let source = Source { file: "muster.toml", text, zone: "UTC", host: "web1.example.com" };
    let kind = KINDS.iter().find(|kind| text.contains(&format!("kind = \"{}\"", kind.name)));
    let kind = kind.unwrap_or_else(|| panic!("no kind in {text}"));
    kind.read_text(&source, &[]).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// The faults of the table of a check, with their help.
pub(crate) fn faults(text: &str) -> String {
    let source = Source { file: "muster.toml", text, zone: "UTC", host: "web1.example.com" };
    let kind = KINDS.iter().find(|kind| text.contains(&format!("kind = \"{}\"", kind.name)));
    match kind.unwrap_or_else(|| panic!("no kind in {text}")).read_text(&source, &[]) {
        Ok(part) => panic!("{part:?} was read of {text}"),
        Err(faults) => {
            let words = faults.list().iter().map(|fault| format!("{}: {:?}", fault.what, fault.help));
            words.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Looks once with that much time.
pub(crate) fn look(text: &str, limit: Duration) -> Looked {
    look_by(text, limit, Resolver::Host)
}

/// The same, with names resolved by these servers.
pub(crate) fn look_by(text: &str, limit: Duration, resolver: Resolver) -> Looked {
    let part = read(text);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now();
        let scene = Scene { resolver, ..Scene::here(start + limit) };
        let ended = timeout(limit, part.probe(&scene)).await;
        let ended =
            ended.unwrap_or_else(|_| Err(Miss::down(Class::Internal, "the probe did not end by itself")));
        let seen = scene.notebook.take();
        let unmet =
            part.assertions().iter().filter(|_| ended.is_ok()).filter_map(|one| match one.judge(&seen) {
                Judgement::Unmet(why) => Some(format!("{}: {}", one.text, why.join("; "))),
                Judgement::Met => None,
            });
        Looked { unmet: unmet.collect(), ended, seen, took: start.elapsed() }
    })
}

impl Looked {
    /// It saw all that it came for, and everything is as expected.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert!(self.ended.is_ok() && self.unmet.is_empty(), "{self:#?}");
        self
    }

    /// It is bad in that way, with these words in its reason.
    #[track_caller]
    pub(crate) fn down(self, class: Class, words: &str) -> Self {
        match &self.ended {
            Err(Miss::Down { class: own, why }) if *own == class && why.contains(words) => self,
            _ => panic!("not {class:?} with {words:?}: {self:#?}"),
        }
    }

    /// The value of a word.
    #[track_caller]
    pub(crate) fn value(&self, term: &str) -> Value {
        self.seen.value(term, None).unwrap_or_else(|why| panic!("{term}: {why:?} in {self:#?}"))
    }

    /// Nothing that it noted or said holds this.
    #[track_caller]
    pub(crate) fn hides(self, secret: &str) -> Self {
        assert!(!format!("{:?}{:?}", self.seen.trace, self.ended).contains(secret), "{self:#?}");
        self
    }
}
