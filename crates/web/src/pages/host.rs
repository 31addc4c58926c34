//! `/host`, and the parts of it that the first page shows: what this host does by itself, what of it does not report,
//! and what could not be seen.

use axum::extract::{Extension, State};
use maud::{Markup, html};
use muster_core::host_roll::{Disk, Scheduled, Starter};

use crate::guard::who::Asker;
use crate::pages::frame::{View, page};
use crate::pages::words;
use crate::pages::wrap::wrap;
use crate::router::Web;

/// Schedules that the first page shows before it refers to `/host`.
const FIRST: usize = 12;

/// `GET /host`.
pub async fn get(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Markup {
    let view = View::new(&web, &asker);
    let host = &view.snapshot.host;
    let name = if host.name.is_empty() { "This host" } else { &host.name };
    let covered: Vec<_> = host.scheduled.iter().filter(|found| found.covered.is_some()).collect();
    let body = html! {
        h1 { (name) }
        (vitals(&view))
        @if !host.failed_units.is_empty() {
            section {
                h2 { "Units in trouble" }
                table {
                    thead { tr { th { "Unit" } th { "systemd says" } th { "To see more" } } }
                    tbody {
                        @for unit in &host.failed_units {
                            tr { td { (unit.name) } td { (unit.state) } td { code { "journalctl -u " (unit.name) " -n 50" } } }
                        }
                    }
                }
            }
        }
        (list(&view, usize::MAX))
        @if !covered.is_empty() {
            section {
                h2 { "On this host, reporting" }
                table {
                    thead { tr { th { "Name" } th { "Schedule" } th { "Started by" } th { "Reports as" } } }
                    tbody {
                        @for found in covered {
                            tr {
                                td { (found.name) } td.mono { (found.schedule) } td { (starter(found)) " · " (found.source) }
                                td { @if let Some(id) = &found.covered { a href=(format!("/e/{id}")) { (id) } } }
                            }
                        }
                    }
                }
            }
        }
        (unseen(&view))
    };
    page(&view, name, "/host", None, &body)
}

/// What is scheduled here and does not report, with the line that changes it.
pub fn uncovered(view: &View) -> Markup {
    list(view, FIRST)
}

fn list(view: &View, most: usize) -> Markup {
    let all = &view.snapshot.host.scheduled;
    let bare: Vec<_> = all.iter().filter(|found| found.covered.is_none()).collect();
    html! {
        @if !bare.is_empty() {
            section #unwrapped {
                h2 { "On this host, unwrapped" }
                p.lead {
                    (words::count(bare.len(), "schedule runs", "schedules run")) " here and would fail in silence. "
                    code { "muster jobs adopt" } " puts the wrapper in front, and then their absence is noticed."
                }
                @for (i, found) in bare.iter().take(most).enumerate() { (bare_schedule(found, i == 0)) }
                @if bare.len() > most { p { a href="/host" { "All " (bare.len()) " of them" } } }
            }
        }
    }
}

fn bare_schedule(found: &Scheduled, open: bool) -> Markup {
    let wrap = wrap(found);
    html! {
        details.bare open[open] {
            summary {
                b { (found.name) } " " span.mono { (found.schedule) }
                " " span.source { (starter(found)) " · " (found.source) " · " (found.user) }
            }
            @for odd in &found.odd { p.odd { (odd) } }
            p.place { "In " code { (wrap.place) } ":" }
            pre.line { (wrap.before) ins { (wrap.new) } (wrap.after) }
        }
    }
}

/// What starts it, in a word.
pub fn starter(found: &Scheduled) -> &'static str {
    match found.by {
        Starter::Cron => "cron",
        Starter::RunParts => "run-parts",
        Starter::Timer => "timer",
        Starter::Anacron => "anacron",
    }
}

/// What muster cannot see here.
pub fn unseen(view: &View) -> Markup {
    let unseen = &view.snapshot.host.unseen;
    html! {
        @if !unseen.is_empty() {
            section #unseen {
                h2 { "What muster cannot see" }
                dl {
                    @for thing in unseen { dt { (thing.what) } dd { (thing.why) } }
                }
            }
        }
    }
}

/// Disks and memory.
pub fn vitals(view: &View) -> Markup {
    let host = &view.snapshot.host;
    html! {
        @if !host.disks.is_empty() || host.memory.is_some() {
            section #vitals {
                h2 { "Disks and memory" }
                div.gauges {
                    @for disk in &host.disks {
                        (gauge(&disk.mount, disk.size.saturating_sub(disk.available), disk.size, inodes(disk)))
                    }
                    @if let Some(memory) = &host.memory {
                        (gauge("memory", memory.total.saturating_sub(memory.available), memory.total, None))
                        @if memory.swap_total > 0 {
                            (gauge("swap", memory.swap_total.saturating_sub(memory.swap_free), memory.swap_total, None))
                        }
                    }
                }
            }
        }
    }
}

fn inodes(disk: &Disk) -> Option<String> {
    disk.inodes_used.filter(|used| *used > 0.7).map(|used| format!("{:.0} % of inodes in use", used * 100.0))
}

fn gauge(name: &str, used: u64, total: u64, note: Option<String>) -> Markup {
    let share = if total == 0 { 0.0 } else { used as f64 / total as f64 };
    let tone = if share > 0.95 {
        "bad"
    } else if share > 0.85 {
        "unsure"
    } else {
        "good"
    };
    html! {
        div.gauge.(tone) {
            span.name { (name) }
            meter min="0" max="100" value=(format!("{:.0}", share * 100.0)) { (format!("{:.0} %", share * 100.0)) }
            span.share { (format!("{:.0} %", share * 100.0)) }
            span.free { (words::bytes(total.saturating_sub(used))) " free of " (words::bytes(total)) }
            @if let Some(note) = note { span.note { (note) } }
        }
    }
}
