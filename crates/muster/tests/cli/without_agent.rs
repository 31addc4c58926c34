//! Every verb while no agent runs: plain words, the right code, and what can still be done is done.

use crate::rig::Rig;

#[test]
fn the_status_says_plainly_that_nobody_watches() {
    let rig = Rig::new();
    let text = rig.muster(&["status"]).with(3);
    assert!(text.starts_with("The agent is not running: nothing on this host is being watched.\n"), "{text}");
    assert!(text.contains("`muster up`") && text.contains("systemctl start muster"), "{text}");
    let answer = rig.muster(&["status", "--json"]).json(3);
    assert_eq!((&answer["agent_running"], &answer["exit_code"]), (&false.into(), &3.into()));
}

#[test]
fn what_only_the_agent_can_do_is_refused_with_what_to_try() {
    let rig = Rig::new();
    for words in [
        &["ack", "x"][..],
        &["pause", "x", "--for", "1h", "--reason", "y"],
        &["resume", "x"],
        &["notify", "test", "ops"],
        &["open"],
    ] {
        let error = rig.muster(words).refused(3);
        let socket = rig.state().join("agent.sock");
        assert_eq!(
            error,
            format!(
                "error: the agent is not running\n  because: no agent listens on {}\nhelp: start it with `muster up`, \
                 or `systemctl start muster` where it is installed as a service\n",
                socket.display()
            ),
            "{words:?}"
        );
    }
}

#[test]
fn a_job_that_nobody_knows_is_not_found() {
    let rig = Rig::new();
    for verb in ["history", "log"] {
        let error = rig.muster(&["jobs", verb, "zebra"]).refused(4);
        assert_eq!(
            error,
            "error: nothing is known of a job \"zebra\"\nhelp: `muster jobs list` shows the jobs of this host\n"
        );
    }
}

#[test]
fn the_list_of_jobs_shows_the_host_as_it_is() {
    let rig = Rig::new();
    let text = rig.muster(&["jobs", "list"]).with(0);
    assert!(
        text.lines().next().expect("a line").ends_with("The agent is not running: nobody is watching."),
        "{text}"
    );
    let answer = rig.muster(&["jobs", "list", "--json"]).json(0);
    assert!(answer["scheduled"].is_array() && answer["unseen"].is_array(), "{answer}");
}

#[test]
fn a_state_directory_that_is_a_file_is_said_to_be_one() {
    let rig = Rig::new();
    std::fs::write(rig.state(), "").expect("written");
    let error = rig.muster(&["ping", "x"]);
    // The report still goes somewhere: the places for bad days are tried first.
    assert!(error.code == 0 || error.code == 6, "{error:?}");
    assert!(error.err.contains("the spool cannot be written") || error.err.contains("report"), "{error:?}");
}
