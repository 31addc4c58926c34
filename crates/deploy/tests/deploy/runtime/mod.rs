//! Releases on real runtimes: a Docker engine, and a systemd. Those of systemd are run by this same program on a throw-away
//! server, because they make users and units.

use muster_testkit::suite::{Part, Suite};

mod bench;
mod docker;
mod host;
mod registry;
mod systemd;

/// The tests that are run on the throw-away server, if this is one.
pub(crate) fn inside() -> Option<Suite> {
    let inside = std::env::var(host::INSIDE).unwrap_or_default();
    if inside == "before" {
        return Some(Suite::new().test("systemd_before_a_reboot", &[], systemd::before_a_reboot));
    }
    if inside == "after" {
        return Some(Suite::new().test("systemd_after_a_reboot", &[], systemd::after_a_reboot));
    }
    (!inside.is_empty()).then(|| {
        Suite::new()
            .test("systemd_starts_stops_and_resumes_a_release", &[], systemd::starts_stops_and_resumes)
            .test("systemd_tells_apart_how_a_release_ends", &[], systemd::tells_apart_how_it_ends)
            .test("systemd_knows_its_own_port_from_a_neighbours", &[], systemd::knows_its_own_port)
            .test("systemd_runs_a_command_once", &[], systemd::runs_a_command_once)
            .test("systemd_hands_over_credentials", &[], systemd::hands_over_credentials)
            .test("systemd_brings_a_commit_and_builds_it", &[], systemd::brings_a_commit_and_builds_it)
            .test("systemd_brings_an_archive", &[], systemd::brings_an_archive)
            .test("systemd_objects_to_what_is_missing", &[], systemd::objects_to_what_is_missing)
    })
}

pub(crate) fn tests(suite: Suite) -> Suite {
    suite
        .test("docker_starts_stops_and_resumes_a_release", &[Part::Docker], docker::starts_stops_and_resumes)
        .test("docker_tells_apart_how_a_release_ends", &[Part::Docker], docker::tells_apart_how_it_ends)
        .test("docker_knows_its_own_port_from_a_neighbours", &[Part::Docker], docker::knows_its_own_port)
        .test("docker_runs_a_command_once", &[Part::Docker], docker::runs_a_command_once)
        .test("docker_brings_an_image_by_its_content", &[Part::Docker], docker::brings_by_content)
        .test("docker_removes_only_what_nobody_needs", &[Part::Docker], docker::removes_what_nobody_needs)
        .test(
            "systemd_carries_releases_on_a_server",
            &[Part::Docker],
            host::tests_pass_on_a_server_with_systemd,
        )
        .test(
            "systemd_brings_back_after_a_reboot_what_was_not_stopped",
            &[Part::Docker],
            host::comes_back_after_a_reboot,
        )
}
