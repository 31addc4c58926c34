//! The status page from end to end: a running agent, its folder, another folder that stands for another host, a person's
//! words, `kill -9`.

use std::path::Path;

use serde_json::Value;

use crate::rig::{Rig, files, until};

fn configured(rig: &Rig) {
    let there = rig.write("s3cret-there.txt", "here\n");
    let text = format!(
        "[muster]\nlisten = \"127.0.0.1:0\"\n\n\
         [status_page]\ntitle = \"Acme\"\nurl = \"https://status.example.com\"\nfolder = \"{}\"\nevery = \"10s\"\n\
         push = [\"cp\", \"-rT\", \"{{folder}}\", \"{}\"]\n\n\
         [[status_page.component]]\nname = \"Upload\"\nof = [\"check.s3cret-a\"]\n\n\
         [[status_page.component]]\nname = \"Download\"\nof = [\"check.s3cret-b\"]\n\n\
         [check.s3cret-a]\nkind = \"file\"\nevery = \"2s\"\nretry = \"1s\"\nafter = 1\nrecover = 1\npath = \"{}\"\n\n\
         [check.s3cret-b]\nkind = \"file\"\nevery = \"2s\"\nretry = \"1s\"\nafter = 1\nrecover = 1\npath = \"{}\"\n",
        rig.path("www").display(),
        rig.path("other").display(),
        there.display(),
        there.with_file_name("s3cret-gone.txt").display(),
    );
    rig.write("muster.toml", &text);
}

fn status(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("status.json")).ok()?).ok()
}

fn says(folder: &Path, sentence: &str) -> Option<Value> {
    status(folder).filter(|status| status["sentence"] == sentence)
}

#[test]
fn customers_are_told_of_an_outage_its_reason_and_its_end() {
    let rig = Rig::new();
    configured(&rig);
    let (www, other) = (rig.path("www"), rig.path("other"));
    let agent = rig.up(&[]);
    let bad = until("told", || {
        says(&www, "Download is not available").filter(|status| status["components"][0]["state"] == "well")
    });
    assert_eq!(bad["schema"], 1);
    let id = until("a notice", || {
        let status = status(&www)?;
        Some(status["incidents"][0]["id"].as_str()?.to_owned())
    });
    assert!(rig.muster(&["incident", "list"]).with(0).contains(&id));

    let words = "A disk is full. We are adding space.";
    rig.muster(&["incident", "update", &id, "--stage", "identified", words]).with(0);
    until("said", || {
        std::fs::read_to_string(www.join("index.html")).ok().filter(|page| page.contains(words))
    });
    until("said in the feed", || {
        std::fs::read_to_string(www.join("feed.atom")).ok().filter(|feed| feed.contains(words))
    });
    let refused = rig.muster(&["incident", "update", &id, "--stage", "resolved", "It is over."]).refused(5);
    assert!(refused.contains("it is still seen to be bad"), "{refused}");
    until("on the other host", || {
        std::fs::read_to_string(other.join("index.html")).ok().filter(|page| page.contains(words))
    });

    // A life that ends without last words takes nothing with it.
    agent.signal("KILL");
    drop(agent);
    std::fs::remove_file(www.join("index.html")).expect("removed");
    let agent = rig.up(&[]);
    until("written again", || {
        std::fs::read_to_string(www.join("index.html")).ok().filter(|page| page.contains(words))
    });

    rig.write("s3cret-gone.txt", "back\n");
    let well = until("told that it is over", || says(&www, "All systems operational"));
    let told = well["incidents"].as_array().expect("incidents").clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["state"], &told[0]["title"]),
        (&"resolved".into(), &"Download was not available".into())
    );
    let said: Vec<_> =
        told[0]["updates"].as_array().expect("updates").iter().map(|one| &one["state"]).collect();
    assert_eq!(said, ["resolved", "identified", "noticed"]);

    rig.muster(&["incident", "new", "--component", "upload", "Slow uploads", "We are looking."]).with(0);
    until("a person's word", || says(&www, "Trouble with Upload"));
    for file in files(&www) {
        let text = std::fs::read_to_string(&file).expect("read");
        for secret in ["s3cret", &*rig.state().to_string_lossy(), "check.", "operator"] {
            assert!(!text.contains(secret), "{} has {secret}", file.display());
        }
    }
    assert_eq!(agent.stop().0, 0);
}

#[test]
fn a_folder_of_others_is_left_alone_and_told() {
    let rig = Rig::new();
    configured(&rig);
    std::fs::create_dir(rig.path("www")).expect("made");
    std::fs::write(rig.path("www").join("index.html"), "<h1>A shop</h1>").expect("written");
    let agent = rig.up(&[]);
    let text = until("bad news", || {
        let ended = rig.muster(&["status", "--all"]);
        ended.out.contains("is not of the status page").then_some(ended.out)
    });
    assert!(text.contains("duty.status-page"), "{text}");
    assert_eq!(
        std::fs::read_to_string(rig.path("www").join("index.html")).expect("there"),
        "<h1>A shop</h1>"
    );
    assert_eq!(agent.stop().0, 0);
}
