//! The jobs screen, its answers, and what a run's page says.

use std::fs;

use muster_core::board::{Board, Pause, Snapshot};
use muster_core::effect::{Condition, SlotClosed, Verdict};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::signal::{Artefact, Attempt, Ending, Enforcement, Limits, Outcome, Report, Signal};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::Commit;
use muster_store::sqlite::Sqlite;

use crate::server::{Server, firing, line, settings};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("without_a_job_the_screen_says_how_to_get_one", without_a_job_the_screen_says_how_to_get_one),
    ("what_needs_an_eye_comes_first", what_needs_an_eye_comes_first),
    ("a_race_is_told_on_the_screen_and_in_the_answer", a_race_is_told_on_the_screen_and_in_the_answer),
    (
        "two_hundred_jobs_of_ten_thousand_runs_fit_on_a_page",
        two_hundred_jobs_of_ten_thousand_runs_fit_on_a_page,
    ),
    (
        "a_run_tells_its_attempts_limits_and_what_it_lacked",
        a_run_tells_its_attempts_limits_and_what_it_lacked,
    ),
    ("a_found_line_leads_to_its_place", a_found_line_leads_to_its_place),
    ("a_start_is_asked_for_and_wished", a_start_is_asked_for_and_wished),
    ("a_pause_is_asked_for_with_a_reason_and_an_end", a_pause_is_asked_for_with_a_reason_and_an_end),
];

fn now() -> Timestamp {
    muster_host::clock::now().wall
}

fn run(commit: &mut Commit, job: &str, from: Timestamp, outcome: Outcome) {
    let about = ExpectationId::of("job", job).unwrap();
    let id = format!("{job}-{}", from.millis());
    let took = outcome.duration.unwrap_or(Span::ZERO);
    let good = outcome.ending == (Ending::Exit { code: 0 }) && outcome.unmet.is_empty();
    commit.signals.push(Signal {
        id: SignalId::new(&id).unwrap(),
        about,
        at: from + took,
        run: Some(RunId::new(&id).unwrap()),
        report: if good { Report::Success(outcome) } else { Report::Failure(outcome) },
    });
}

fn well(minutes: u64) -> Outcome {
    Outcome { duration: Some(Span::minutes(minutes)), ..Outcome::bare(Ending::Exit { code: 0 }) }
}

fn without_a_job_the_screen_says_how_to_get_one() {
    let board = Board { at: now(), lines: vec![line("check.nas", Condition::Ok)] };
    let server = Server::with(settings(), Snapshot { board, ..Snapshot::default() });
    let page = server.get("/jobs").body;
    assert!(
        page.contains("No job is on the roll yet.") && page.contains("muster jobs adopt --dry-run"),
        "{page}"
    );
    assert_eq!(server.get("/api/v1/jobs").json()["jobs"].as_array().unwrap().len(), 0);
    assert_eq!(server.get("/jobs/racing").status, 200);
}

fn what_needs_an_eye_comes_first() {
    let mut doubtful = line("job.c-doubt", Condition::Unknown { why: "asleep".into() });
    doubtful.rhythm = "0 2 * * * (UTC)".into();
    let mut own = line("job.a-fine", Condition::Ok);
    own.own = true;
    let lines = vec![own, firing("job.b-bad"), doubtful];
    let server =
        Server::with(settings(), Snapshot { board: Board { at: now(), lines }, ..Snapshot::default() });
    let gap = SlotClosed {
        about: ExpectationId::new("job.c-doubt").unwrap(),
        due: now() - Span::hours(5),
        at: now(),
        run: None,
        verdict: Verdict::Missed,
    };
    server.web.parts.store.commit(Commit { slots: vec![gap], ..Commit::default() }).unwrap();
    let page = server.get("/jobs").body;
    let at = |id: &str| page.find(&format!("id=\"job-{id}\"")).unwrap();
    assert!(at("b-bad") < at("c-doubt") && at("c-doubt") < at("a-fine"), "{page}");
    assert!(page.contains("last 24 h: 1 missed; next 24 h: 1 planned"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    let jobs = server.get("/api/v1/jobs").json();
    let names: Vec<_> =
        jobs["jobs"].as_array().unwrap().iter().map(|job| job["expectation"]["id"].clone()).collect();
    assert_eq!(names, ["job.b-bad", "job.c-doubt", "job.a-fine"]);
    assert_eq!(jobs["jobs"][1]["bars"][0]["kind"], "missed");
    assert_eq!(page.matches("by muster").count(), 1, "one of them is started by muster itself: {page}");
    assert_eq!(
        (&jobs["jobs"][2]["started_by"]["by"], jobs["jobs"][1]["started_by"].is_null()),
        (&"muster".into(), true)
    );
    assert_eq!(jobs["version"], 1);
}

fn a_race_is_told_on_the_screen_and_in_the_answer() {
    let mut lines = vec![line("job.backup", Condition::Ok), line("job.export", Condition::Ok)];
    let soon = now() + Span::hours(3);
    for line in &mut lines {
        (line.rhythm, line.due) = ("every 1d".into(), Some(soon));
    }
    let server =
        Server::with(settings(), Snapshot { board: Board { at: now(), lines }, ..Snapshot::default() });
    let mut commit = Commit::default();
    for night in 1..=10 {
        let start = now() - Span::days(night);
        let together = night <= 6;
        run(&mut commit, "export", start, well(if together { 18 } else { 10 }));
        run(&mut commit, "backup", start + Span::minutes(if together { 2 } else { 90 }), well(30));
    }
    server.web.parts.store.commit(commit).unwrap();
    let said = "`export` took 1.8 times as long then: 18m against 10m alone.";
    let answer = server.get("/api/v1/jobs/racing").json();
    assert!(answer["past"][0]["said"].as_str().unwrap().ends_with(said), "{answer}");
    assert_eq!(answer["past"][0]["pair"]["sides"][1]["met"], 6);
    assert_eq!(answer["ahead"][0]["pair"]["likely"], 1, "{answer}");
    for path in ["/jobs", "/jobs/racing"] {
        let page = server.get(path).body;
        assert!(page.contains("18m against 10m alone") || page.contains("18m with, 10m alone"), "{page}");
        assert!(page.contains("will meet at"), "{page}");
    }
}

/// 200 jobs: 20 of every five minutes, 60 hourly, 120 nightly; with the runs of a day, about 10,000 with the minutely.
fn two_hundred_jobs_of_ten_thousand_runs_fit_on_a_page() {
    let cron = |n: u64| match n {
        0..3 => ("* * * * *".to_owned(), 1),
        3..23 => ("*/5 * * * *".to_owned(), 5),
        23..43 => (format!("{} * * * *", n), 60),
        _ => (format!("{} {} * * *", n % 60, n % 24), 1440),
    };
    let mut commits = vec![Commit::default()];
    let mut count = 0;
    let lines = (0..200).map(|n| {
        let name = format!("some-ordinary-name-{n:03}");
        let (text, minutes) = cron(n);
        for back in 1..=1440 / minutes {
            let mut outcome = well(1 + n % 3);
            outcome.duration = Some(Span::seconds(20 + (n * 31 + back * 7) % 40));
            outcome.tail = "a line of output\n".repeat(20);
            if (n + back) % 97 == 0 {
                outcome.ending = Ending::Exit { code: 1 };
            }
            count += 1;
            if commits.last().unwrap().signals.len() >= 500 {
                commits.push(Commit::default());
            }
            run(commits.last_mut().unwrap(), &name, now() - Span::minutes(minutes * back), outcome);
        }
        let mut line = line(&format!("job.{name}"), Condition::Ok);
        line.rhythm = format!("{text} (UTC)");
        line
    });
    let board = Board { at: now(), lines: lines.collect() };
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("muster.db"), &muster_store::keep::Keep::default(), now())
        .unwrap()
        .0;
    let server =
        Server::over(settings(), Snapshot { board, ..Snapshot::default() }, std::sync::Arc::new(store));
    for commit in commits {
        server.web.parts.store.commit(commit).unwrap();
    }
    assert!(count >= 10_000, "{count}");
    let mut took = Vec::new();
    let mut page = String::new();
    for _ in 0..2 {
        let start = std::time::Instant::now();
        let reply = server.get("/jobs");
        assert_eq!(reply.status, 200, "{}", reply.body);
        took.push(start.elapsed());
        page = reply.body;
    }
    let (cookie, _) = server.sign_in();
    let acting = server.ask("GET", "/jobs", &[("cookie", &cookie)], "").body.len();
    println!(
        "200 jobs, {count} runs: {} bytes in {:?}, then {:?}; {acting} bytes with what can be done",
        page.len(),
        took[0],
        took[1]
    );
    assert_eq!(page.matches("<article class=\"job").count(), 200);
    assert!(page.len() <= 300_000 && acting <= 310_000, "{} and {acting} bytes", page.len());
}

fn a_run_tells_its_attempts_limits_and_what_it_lacked() {
    let server = Server::start();
    let mut commit = Commit::default();
    let from = now() - Span::hours(1);
    run(
        &mut commit,
        "good",
        from,
        Outcome {
            ending: Ending::OutOfMemory { limit: Some(512 << 20) },
            peak_memory: Some(500 << 20),
            output: Some(2048),
            artefact: Some(Artefact { files: 2, bytes: 4096 }),
            unmet: vec!["no file <newer> than the start".into()],
            attempts: vec![Attempt {
                started: from,
                duration: Span::seconds(9),
                ending: Ending::Exit { code: 75 },
            }],
            limits: Some(Limits {
                by: Enforcement::CgroupV1,
                memory: Some(512 << 20),
                cpu: Some(500),
                pids: Some(1),
            }),
            ..well(2)
        },
    );
    server.web.parts.store.commit(commit).unwrap();
    let page = server.get(&format!("/runs/job.good/good-{}", from.millis())).body;
    for said in [
        "its limit was <b>512 MiB</b>, its largest process had <b>500 MiB</b>",
        "no file &lt;newer&gt; than the start",
        "at most 512 MiB, 0.5 CPU, 1 process",
        "kept by a control group (v1)",
        "2 files, 4 KiB",
        "<td>1</td>",
        "exit 75",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let row = server.get("/jobs").body;
    assert!(row.contains("1 expectation not met") && row.contains("at most 512 MiB"), "{row}");
}

fn a_found_line_leads_to_its_place() {
    let server = Server::start();
    let mut commit = Commit::default();
    let from = now() - Span::hours(1);
    run(&mut commit, "good", from, well(2));
    server.web.parts.store.commit(commit).unwrap();
    let folder = server.folder.path().join("runs/good");
    fs::create_dir_all(&folder).unwrap();
    let lines: String = (0..1000)
        .map(|n| format!("2026-11-21T07:42:00.123Z {} line {n}\n", if n % 2 == 0 { "out" } else { "err" }))
        .collect();
    let id = format!("good-{}", from.millis());
    fs::write(folder.join(format!("{id}.log")), &lines).unwrap();
    let (cookie, _) = server.sign_in();
    let get = |path: &str| server.ask("GET", path, &[("cookie", &cookie)], "").body;
    let found = get(&format!("/runs/job.good/{id}?q=LINE+501"));
    let link = found.split("<a class=\"at\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(found.contains("li class=\"err\""), "{found}");
    let there = get(&link.replace("&amp;", "&").replace("#l0", ""));
    let first = there.split("id=\"l0\"").nth(1).unwrap();
    assert!(first[..first.find("</li>").unwrap()].contains("line 501"), "{first:.400}");
    let answer: serde_json::Value =
        serde_json::from_str(&get(&format!("/api/v1/runs/job.good/{id}/log?q=line+501"))).unwrap();
    assert_eq!((answer["lines"][0]["number"].as_u64(), answer["next"].as_u64()), (Some(502), None));
    assert_eq!(get(&format!("/runs/job.good/{id}/log")), lines);
}

fn a_start_is_asked_for_and_wished() {
    let server = Server::start();
    let (cookie, _) = server.sign_in();
    assert_eq!(server.get("/e/job.good/run").status, 401);
    let get = |path: &str| server.ask("GET", path, &[("cookie", &cookie)], "");
    assert!(get("/jobs").body.contains("href=\"/e/job.good/run\""));
    assert_eq!(get("/e/check.nas/run").status, 404, "only jobs are started");
    let page = get("/e/job.good/run").body;
    assert!(page.contains("Run good now?"), "{page}");
    assert!(server.ear.wishes.lock().unwrap().is_empty(), "to ask is not to wish");
    let csrf = page.split("name=\"csrf\" value=\"").nth(2).unwrap().split('"').next().unwrap();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let post = |form: &str| server.ask("POST", "/e/job.good/run", &[("cookie", &cookie), kind], form);
    assert_eq!(post("back=/jobs").status, 403, "without the form token");
    let reply = post(&format!("csrf={csrf}&back=/jobs"));
    assert_eq!((reply.status, reply.header("location")), (303, Some("/jobs")), "{}", reply.body);
    let wishes = server.ear.wishes.lock().unwrap().clone();
    assert_eq!(wishes, [(ExpectationId::new("job.good").unwrap(), "anna".to_owned())]);
}

fn a_pause_is_asked_for_with_a_reason_and_an_end() {
    let server = Server::start();
    let (cookie, _) = server.sign_in();
    let page = server.ask("GET", "/e/job.good/pause", &[("cookie", &cookie)], "").body;
    assert!(
        page.contains("Pause good?") && page.contains("name=\"reason\"") && page.contains("a week"),
        "{page}"
    );
    let csrf = page.split("name=\"csrf\" value=\"").nth(2).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}&back=/jobs&for=8h&reason=new+rack");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    server.change(|snapshot| {
        snapshot.board.lines[0].id = ExpectationId::new("job.nas").unwrap();
        snapshot.board.lines[0].pause =
            Some(Pause { by: "bob".into(), reason: "<b>moving</b>".into(), until: now() + Span::days(1) });
    });
    let shown = server.get("/jobs").body;
    assert!(shown.contains("Paused by bob until") && shown.contains("&lt;b&gt;moving"), "{shown}");
    let reply = server.ask("POST", "/e/job.good/pause", &[("cookie", &cookie), kind], &form);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/jobs")), "{}", reply.body);
    assert!(matches!(&server.heard()[0].report, Report::Pause { reason, .. } if reason == "new rack"));
    assert_eq!(server.ask("GET", "/e/job.good/acknowledge", &[("cookie", &cookie)], "").status, 404);
}
