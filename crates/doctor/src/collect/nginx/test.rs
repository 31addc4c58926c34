//! `nginx -t`, on a host where nginx runs: the same files are there already, so it makes none.

use std::time::Duration;

use muster_host::discover::ask::ask;

use crate::collect::ground::Ground;
use crate::collect::{Collector, Put, WITHIN};
use crate::facts::Fact;

pub(in crate::collect) const COLLECTOR: Collector = Collector {
    name: "nginx-test",
    within: WITHIN,
    read,
    blind: |facts, why| {
        if let Fact::Known(nginx) = &mut facts.nginx {
            nginx.test = Fact::unknown(why);
        }
    },
};

fn read(ground: &Ground) -> Put {
    let answer = test(ground);
    Box::new(|facts| {
        if let Fact::Known(nginx) = &mut facts.nginx {
            nginx.test = answer;
        }
    })
}

fn test(ground: &Ground) -> Fact<String> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    if ground.runs("nginx") != Fact::Known(true) {
        return Fact::nothing("nginx does not run");
    }
    if !rustix::process::geteuid().is_root() {
        return Fact::unknown("only root may run nginx -t");
    }
    // It complains on standard error, and fails when it does.
    let line = "nginx -t -q 2>&1 || echo failed";
    match ask("sh", &["-c", line], Duration::from_millis(2_500)) {
        Err(why) => Fact::unknown(format!("nginx -t: {why}")),
        Ok(said) => match said.trim_end().strip_suffix("failed") {
            Some(said) => Fact::Known(complaint(said)),
            None => Fact::Known(String::new()),
        },
    }
}

/// The first line that ends it, without the time.
fn complaint(said: &str) -> String {
    let line =
        said.lines().find(|line| line.contains("[emerg]")).or(said.lines().next()).unwrap_or("it failed");
    let said = line.find('[').map_or(line, |at| &line[at..]);
    said.chars().take(300).collect()
}
