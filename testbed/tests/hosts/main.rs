//! The product on real hosts: Debian with systemd, cron and a mail server. Each scenario has a host of its own.
//!
//! `MUSTER_BIN` names the folder with the built `muster`, `receiver` and `app`, static ones. `MUSTER_TESTBED_OUTAGE`
//! (seconds) widens the outage of the receiver, 60 by default.

mod adoption;
mod clock_change;
mod deploys;
mod doctor_messy;
mod doctor_plain;
mod doctor_truth_table;
mod firewall;
mod fleet;
mod idle_jobs;
mod jobs;
mod limits;
mod mending;
mod outages;
mod peers;
mod prepare;
mod server;
mod services;
mod timers;

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

fn main() -> ExitCode {
    const HOST: &[Part] = &[Part::Docker];
    const CRON: &[Part] = &[Part::Cron, Part::Root];
    Suite::new()
        .fallible("each_kind_of_broken_job_is_one_page_and_one_end", HOST, jobs::broken_jobs)
        .fallible(
            "a_receiver_that_is_away_loses_nothing_and_hears_nothing_twice",
            HOST,
            outages::receiver_away,
        )
        .fallible("with_a_full_disk_jobs_run_and_the_page_still_arrives", HOST, outages::disk_full)
        .fallible("without_a_configuration_the_host_shows_what_it_schedules", HOST, jobs::no_configuration)
        .fallible("a_host_is_adopted_with_one_command_and_released_to_the_byte", HOST, adoption::one_command)
        .fallible("jobs_that_do_nothing_or_are_unlike_themselves_are_caught", HOST, idle_jobs::are_caught)
        .fallible(
            "limits_that_a_job_cannot_be_given_by_muster_are_kept_by_systemd",
            HOST,
            limits::kept_by_systemd,
        )
        .fallible(
            "jobs_are_due_when_their_timers_are_and_a_timer_that_tells_nothing_is_an_alarm",
            HOST,
            timers::are_followed,
        )
        .fallible(
            "a_firewall_that_denies_outgoing_fails_the_hosts_mail_checks_and_not_the_containers",
            HOST,
            firewall::denies_outgoing,
        )
        .fallible("a_clean_debian_is_clean_to_the_doctor", HOST, doctor_plain::clean_debian)
        .fallible(
            "a_neglected_host_is_read_mended_and_given_back_to_the_byte",
            HOST,
            doctor_messy::traps_and_near_misses,
        )
        .fallible(
            "what_the_doctor_says_of_ufw_and_docker_is_what_happens",
            HOST,
            doctor_truth_table::verdicts,
        )
        .fallible(
            "a_change_of_the_firewall_is_confirmed_or_rolled_back_to_the_byte",
            HOST,
            mending::confirmed_or_rolled_back,
        )
        .fallible("a_peer_that_is_paused_is_one_page_and_one_end_and_blames_nobody", HOST, peers::paused)
        .fallible("a_peer_that_is_killed_is_one_page_and_one_end", HOST, peers::killed)
        .fallible("peers_that_are_cut_off_from_each_other_tell_once_each", HOST, peers::cut_off)
        .fallible("the_doctor_compares_its_rules_with_what_a_peer_sees", HOST, peers::seen_from_outside)
        .fallible("a_fleet_runs_what_its_deployer_tells_it_and_serves_it", HOST, fleet::serves)
        .fallible(
            "a_program_under_systemd_is_deployed_and_taken_back_and_no_request_fails",
            HOST,
            deploys::under_systemd,
        )
        .fallible(
            "a_new_service_is_served_by_a_fresh_server_with_the_commands_of_the_readme",
            HOST,
            prepare::from_nothing,
        )
        .fallible(
            "a_host_is_prepared_for_docker_and_gets_its_muster_of_before_back",
            HOST,
            prepare::with_docker,
        )
        .fallible("services_are_held_to_what_they_say", HOST, services::are_held_to_what_they_say)
        .fallible("whatever_dies_in_a_deploy_the_end_is_all_old_or_all_new", HOST, deploys::whatever_dies)
        .fallible(
            "whatever_breaks_beside_a_deploy_the_end_is_all_old_or_all_new",
            HOST,
            deploys::whatever_breaks,
        )
        .fallible("three_hosts_get_and_lose_releases_and_no_request_fails", HOST, deploys::three_hosts)
        .fallible("cron_and_the_schedule_agree_in_both_nights_of_the_clock_change", CRON, clock_change::agree)
        .run()
}
