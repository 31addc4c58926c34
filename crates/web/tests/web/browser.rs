//! The pages in a real browser.

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use muster_core::effect::Verdict;
use muster_core::plan::{Attempt, Side};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::Span;
use muster_deploy::books::{Books, Entry, Placed};
use muster_deploy::front::Failures;
use muster_store::contract::Commit;
use muster_store::credential::CredentialKind;
use serde_json::json;

use crate::checks::last;
use crate::server::{Server, firing, wait_for};
use crate::services::{at_step, deployed, entry, release};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("browser_the_first_screen_says_what_is_wrong", the_first_screen_says_what_is_wrong),
    ("browser_a_click_acknowledges", a_click_acknowledges),
    ("browser_all_works_without_a_script", all_works_without_a_script),
    ("browser_a_change_arrives_by_itself", a_change_arrives_by_itself),
    ("browser_the_jobs_screen_draws_and_starts", the_jobs_screen_draws_and_starts),
    ("browser_a_deploy_is_watched", a_deploy_is_watched),
    ("browser_a_phone_needs_no_sideways_scrolling", a_phone_needs_no_sideways_scrolling),
];

struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("chromedriver", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Opens a browser, with or without a script, and lets `story` use it.
fn browse<F: Future<Output = ()>>(script: bool, width: u32, story: impl FnOnce(Client) -> F) {
    let driver = Driver::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let size = format!("--window-size={width},900");
    let mut options = json!({
        "args": ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", size],
    });
    if !script {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    if width < 500 {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": width, "height": 844, "pixelRatio": 2.0 } });
    }
    let mut wanted = serde_json::Map::new();
    wanted.insert("goog:chromeOptions".to_owned(), options);
    wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
    runtime.block_on(async {
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        let client =
            builder.capabilities(wanted).connect(&format!("http://127.0.0.1:{}", driver.port)).await.unwrap();
        story(client.clone()).await;
        client.close().await.unwrap();
    });
}

async fn text(client: &Client, css: &str) -> String {
    client
        .wait()
        .at_most(Duration::from_secs(20))
        .for_element(Locator::Css(css))
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

async fn until(client: &Client, css: &str, words: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        // The element may be replaced while it is read.
        let found = match client.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        if found.contains(words) {
            return;
        }
        assert!(Instant::now() < end, "{css} never said {words:?}: {found}");
        tokio::task::yield_now().await;
    }
}

fn the_first_screen_says_what_is_wrong() {
    let server = Server::start();
    browse(true, 1280, |client| async move {
        client.goto(&server.url("/")).await.unwrap();
        assert_eq!(text(&client, "h1").await, "1 thing went wrong.");
        assert_eq!(text(&client, "article h2 a").await, "job.bad");
        assert!(
            text(&client, "article")
                .await
                .contains("It gave way 3 times in a row: <script>alert(1)</script>.")
        );
        assert_eq!(text(&client, "#live").await, "live");
        let theme = client.find(Locator::Id("theme")).await.unwrap();
        theme.click().await.unwrap();
        theme.click().await.unwrap();
        let dark = client.execute(
            "return getComputedStyle(document.body).backgroundColor + document.documentElement.dataset.theme",
            vec![],
        );
        assert!(dark.await.unwrap().as_str().unwrap().ends_with("dark"));
        client.find(Locator::Css("#rest .line a")).await.unwrap().click().await.unwrap();
        assert_eq!(text(&client, "h1").await, "check.nas");
    });
}

fn a_click_acknowledges() {
    let server = Server::start();
    let link = server.issue(CredentialKind::Link, "", Some(Span::minutes(10)));
    browse(true, 1280, |client| async move {
        client.goto(&server.url(&format!("/signin?link={link}"))).await.unwrap();
        until(&client, ".who", "anna").await;
        client
            .find(Locator::Css("form[action='/e/job.bad/acknowledge'] button"))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        until(&client, "article", "Seen by anna until").await;
        assert!(matches!(&server.heard()[0].report, Report::Acknowledge { by, .. } if by == "anna"));
        assert!(client.find(Locator::Css("form[action$='acknowledge']")).await.is_err());
    });
}

fn all_works_without_a_script() {
    let server = Server::start();
    let link = server.issue(CredentialKind::Link, "", Some(Span::minutes(10)));
    browse(false, 1280, |client| async move {
        client.goto(&server.url(&format!("/signin?link={link}"))).await.unwrap();
        assert_eq!(text(&client, "h1").await, "1 thing went wrong.");
        assert!(
            !client.find(Locator::Id("theme")).await.unwrap().is_displayed().await.unwrap(),
            "the script ran"
        );
        client.find(Locator::Css("article summary")).await.unwrap().click().await.unwrap();
        client
            .find(Locator::Css("article input[name=reason]"))
            .await
            .unwrap()
            .send_keys("new rack")
            .await
            .unwrap();
        client.find(Locator::Css("form[action$='pause'] button")).await.unwrap().click().await.unwrap();
        until(&client, "h1", "1 thing went wrong.").await;
        let heard = server.heard();
        assert!(
            matches!(&heard[0].report, Report::Pause { reason, .. } if reason == "new rack"),
            "{heard:?}"
        );
        for path in
            ["/host", "/doctor", "/deliveries", "/e/job.bad", "/jobs", "/jobs/racing", "/checks", "/services"]
        {
            client.goto(&server.url(path)).await.unwrap();
            assert!(!text(&client, "main").await.is_empty(), "{path}");
        }
    });
}

fn a_change_arrives_by_itself() {
    let server = Server::start();
    browse(true, 1280, |client| async move {
        client.goto(&server.url("/")).await.unwrap();
        until(&client, "#live", "live").await;
        server.change(|snapshot| snapshot.board.lines[2].rhythm = "every full moon".into());
        until(&client, "[id='row-job.good']", "every full moon").await;
        server.change(|snapshot| snapshot.board.lines[2] = firing("job.good"));
        until(&client, "h1", "2 things went wrong.").await;
        until(&client, "#trouble", "job.good").await;
        assert!(client.title().await.unwrap().starts_with("2 things went wrong."));
        client.goto(&server.url("/e/check.nas")).await.unwrap();
        until(&client, "#live", "live").await;
        server.change(|snapshot| snapshot.board.lines[0] = firing("check.nas"));
        until(&client, "#state", "firing").await;
    });
}

/// Two days are drawn, a bar leads to its run, a wish is asked for and heard, and nothing is refused by the policy.
fn the_jobs_screen_draws_and_starts() {
    let server = Server::start();
    let link = server.issue(CredentialKind::Link, "", Some(Span::minutes(10)));
    let at = muster_host::clock::now().wall - Span::hours(6);
    let failed = Report::Failure(Outcome {
        duration: Some(Span::minutes(20)),
        ..Outcome::bare(Ending::Exit { code: 1 })
    });
    let signal = Signal {
        id: "s1".parse().unwrap(),
        about: "job.good".parse().unwrap(),
        at,
        run: Some("r1".parse().unwrap()),
        report: failed,
    };
    server.web.parts.store.commit(Commit { signals: vec![signal], ..Commit::default() }).unwrap();
    browse(true, 1280, |client| async move {
        client.goto(&server.url(&format!("/signin?link={link}"))).await.unwrap();
        until(&client, ".who", "anna").await;
        client.goto(&server.url("/jobs")).await.unwrap();
        until(&client, "#live", "live").await;
        // The style sheet has drawn it: a failure is as tall as the row, in its own place.
        let script = "const path = document.querySelector('[id=\"job-good\"] svg.track path.failed');
            const box = path.getBoundingClientRect(), row = path.closest('svg').getBoundingClientRect();
            return [getComputedStyle(path).strokeWidth, (box.left - row.left) / row.width];";
        let drawn = client.execute(script, vec![]).await.unwrap();
        let place = drawn[1].as_f64().unwrap();
        assert_eq!(drawn[0], "26px");
        assert!((0.35..0.4).contains(&place), "{place}");
        assert!(client.find(Locator::Css("svg.track a[href='/runs/job.good/r1']")).await.is_ok());
        server.change(|snapshot| snapshot.board.lines[2] = firing("job.good"));
        until(&client, "[id='job-good']", "firing").await;
        client.find(Locator::Css("a[href='/e/job.good/run']")).await.unwrap().click().await.unwrap();
        until(&client, "h1", "Run good now?").await;
        client.find(Locator::Css("form.ask button")).await.unwrap().click().await.unwrap();
        until(&client, "h1", "jobs need you.").await;
        assert_eq!(server.ear.wishes.lock().unwrap().len(), 1);
    });
}

/// A deploy is seen to begin, to go on and to end, without a reload.
fn a_deploy_is_watched() {
    let server = Server::start();
    let (folder, books) = deployed(&server, "api", "v2");
    browse(true, 1280, |client| async move {
        client.goto(&server.url("/services")).await.unwrap();
        assert_eq!(text(&client, "h1").await, "1 service, as it was put in front.");
        until(&client, "#live", "live").await;
        client.execute("window.same = true", vec![]).await.unwrap();
        let lease = at_step(&folder, "<b>ben</b> on desk", "fetch");
        until(&client, "#service-api .now", "being deployed by <b>ben</b> on desk, at fetch since").await;
        drop(lease);
        let lease = at_step(&folder, "<b>ben</b> on desk", "verify");
        until(&client, "#service-api .now code", "verify").await;
        let failed = Failures::Counted(3);
        let ended = Entry { failed_requests: Some(failed), ..entry(3, Entry::ENDED, "") };
        folder.append(entry(3, "deployed", "v3")).unwrap();
        folder.append(ended).unwrap();
        let blue = Some(Placed { release: release(3, "v3"), proven: None, started: None });
        let confirmed = Some(Attempt { number: 3, release: 3 });
        let side = Some(Side::Blue);
        folder.write(&Books { side, blue, confirmed, highest: 3, warm: None, ..books }).unwrap();
        drop(lease);
        until(&client, "#service-api .version", "v3").await;
        assert!(client.find(Locator::Css("#service-api .now")).await.is_err());
        assert_eq!(text(&client, "#service-api .lost").await, "3");
        assert_eq!(client.execute("return window.same", vec![]).await.unwrap(), true);
    });
}

fn a_phone_needs_no_sideways_scrolling() {
    let server = Server::start();
    *server.ear.lasts.lock().unwrap() = vec![Arc::new(last("check.nas", Verdict::Failed))];
    let (folder, _) = deployed(&server, "api", &"a-very-long-version-".repeat(6));
    folder.append(Entry { note: "x".repeat(300), ..entry(3, "failed", &"y".repeat(80)) }).unwrap();
    browse(true, 390, |client| async move {
        for path in [
            "/",
            "/e/job.bad",
            "/jobs",
            "/jobs/racing",
            "/checks",
            "/e/check.nas",
            "/services",
            "/host",
            "/doctor",
            "/deliveries",
            "/signin",
        ] {
            client.goto(&server.url(path)).await.unwrap();
            let script = "return [document.documentElement.scrollWidth, innerWidth]";
            let sizes = client.execute(script, vec![]).await.unwrap();
            let (wide, room) = (sizes[0].as_u64().unwrap(), sizes[1].as_u64().unwrap());
            assert!(wide <= room && room == 390, "{path}: {wide} in {room}");
        }
    });
}
