//! Checks: tried from the configuration alone, then looked at by a running agent.

use crate::rig::{Rig, until};

/// A file that is there and one that is not.
fn configured(rig: &Rig) {
    let there = rig.write("there.txt", "three\nlines\nhere\n");
    let gone = there.with_file_name("gone.txt");
    rig.write(
        "muster.toml",
        &format!(
            "[muster]\nlisten = \"127.0.0.1:0\"\n\n[check.there]\nkind = \"file\"\nevery = \"1h\"\npath = \"{}\"\n\n\
             [check.gone]\nkind = \"file\"\nevery = \"1h\"\nretry = \"1s\"\nafter = 1\npath = \"{}\"\n",
            there.display(),
            gone.display()
        ),
    );
}

#[test]
fn a_check_is_tried_from_the_configuration_before_anything_runs() {
    let rig = Rig::new();
    let refused = rig.muster(&["check", "there"]).refused(2);
    assert!(
        refused.starts_with("error: there is no muster.toml, so nobody knows what to look at\n"),
        "{refused}"
    );
    configured(&rig);
    let text = rig.muster(&["check", "there"]).with(0);
    assert!(text.starts_with("check.there: looks well\n"), "{text}");
    assert!(text.contains("file ") && text.contains(" from this host, in "), "{text}");
    assert!(text.contains("\n  Facts\n"), "{text}");
    assert!(text.contains("by muster.toml alone: nobody was told"), "{text}");
    let text = rig.muster(&["check", "check.gone", "--here"]).with(1);
    assert!(text.starts_with("check.gone: looks bad\n"), "{text}");
    let answer = rig.muster(&["check", "gone", "--json"]).json(1);
    assert_eq!((&answer["by_agent"], &answer["exit_code"]), (&false.into(), &1.into()));
    assert_eq!(answer["looks"][0]["look"]["verdict"], "failed");
    let refused = rig.muster(&["check", "thore"]).refused(4);
    assert_eq!(refused, "error: nothing that is looked at is called thore\nhelp: did you mean there?\n");
    let refused = rig.muster(&["checks"]).refused(3);
    assert!(refused.starts_with("error: the agent is not running\n"), "{refused}");
}

#[test]
fn a_running_agent_lists_what_it_looks_at_and_looks_when_asked() {
    let rig = Rig::new();
    configured(&rig);
    let agent = rig.up(&[]);
    let text = until("both looked at, and kept", || {
        let ended = rig.muster(&["checks"]);
        (ended.code == 1 && ended.out.matches("100 % seen").count() == 6).then_some(ended.out)
    });
    assert!(text.starts_with("1 of 2 checks not known to be well.\n"), "{text}");
    assert!(text.contains("100 % (100 % seen)") && text.contains("0.00 % (100 % seen)"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("gone ") && line.contains("firing")), "{text}");
    let unwell = rig.muster(&["checks", "--unwell", "--json"]).json(1);
    assert_eq!(unwell["checks"].as_array().expect("checks").len(), 1);

    let status = rig.muster(&["status"]).with(1);
    assert!(status.contains("check.gone  since "), "{status}");

    rig.write("gone.txt", "back");
    let text = rig.muster(&["check", "gone"]).with(0);
    assert!(text.starts_with("check.gone: looks well\n") && !text.contains("muster.toml alone"), "{text}");
    let answer = rig.muster(&["check", "gone", "--json"]).json(0);
    assert_eq!((&answer["by_agent"], &answer["looks"][0]["about"]), (&true.into(), &"check.gone".into()));
    let text = rig.muster(&["check", "gone", "--here"]).with(0);
    assert!(text.contains("muster.toml alone"), "{text}");
    assert_eq!(agent.stop().0, 0);
}
