//! The agent on real parts: a state directory, the spool, SQLite, sockets, child processes. Only the clock is moved.

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

#[cfg(test)]
mod child;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod house;
#[cfg(test)]
mod life;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod many;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod users;
#[cfg(test)]
mod vantage;

fn main() -> ExitCode {
    if let Some(root) = std::env::var_os(child::ROOT) {
        return child::live(root.as_ref());
    }
    Suite::new()
        .test("a_failure_from_the_spool_pages_once_and_its_success_resolves", &[], life::spooled_failure)
        .test("silence_past_its_deadline_pages_once", &[], life::silence)
        .test("a_run_whose_watcher_was_killed_is_a_failure", &[], life::lost_run)
        .test("a_name_that_nobody_wrote_down_is_taken_in_and_kept", &[], life::adopted)
        .test("a_wrapped_line_of_a_crontab_is_expected_and_missed_when_it_vanishes", &[], life::discovered)
        .test("a_job_is_due_when_its_timer_is_and_a_timer_that_goes_is_an_alarm", &[], life::timer)
        .test("a_schedule_that_drifts_pages_once_and_its_end_is_told", &[], life::drift)
        .test("what_the_doctor_finds_later_pages_once_and_its_end_is_told", &[], doctor::examined)
        .test("a_doctor_that_cannot_look_is_told", &[], doctor::not_examined)
        .test(
            "what_is_not_as_it_was_accepted_pages_once_with_a_patch_and_its_end_is_told",
            &[],
            life::accepted,
        )
        .test("every_duty_is_performed_and_stands_on_the_board", &[], life::duties)
        .test("a_test_page_says_what_became_of_it", &[], life::test_page)
        .test("stopping_writes_everything_down", &[], life::stopping)
        .test("a_channel_that_hangs_delays_nobody_and_is_told_on_the_others", &[], faults::hung_channel)
        .test("a_spent_quota_is_told_on_the_others_once_and_its_end", &[], faults::spent_quota)
        .test("an_invalid_file_leaves_the_old_plan_and_is_told", &[], faults::bad_config)
        .test("a_damaged_store_is_replaced_and_told", &[], faults::damaged_store)
        .test("a_locked_store_is_told_and_caught_up_with_later", &[], faults::locked_store)
        .test("a_full_disk_still_pages_and_is_caught_up_with_later", &[Part::Root], faults::full_disk)
        .test("the_beat_is_withheld_while_the_store_is_gone", &[], faults::beat)
        .test("two_agents_hear_each_other_also_where_only_one_can_call", &[], peers::watched_and_missed)
        .test("a_peer_that_hangs_or_panics_disturbs_no_other", &[], peers::hung)
        .test("a_peer_connects_for_another_or_says_why_not", &[], peers::dialled)
        .test("kill_9_with_the_receiver_down_loses_no_page_and_repeats_none", &[], child::kill_9)
        .test("a_second_agent_on_the_same_state_is_refused", &[], life::second)
        .test("a_thousand_deadlines_fire_once_each_and_none_early", &[], many::deadlines)
        .test("five_thousand_heartbeats_are_durable_when_answered", &[], many::heartbeats)
        .test("a_check_that_fails_twice_pages_once_and_its_end_is_told", &[], looks::page_and_end)
        .test("a_probe_that_hangs_panics_or_is_blind_disturbs_no_other", &[], looks::neighbours)
        .test("a_restart_leaves_no_slot_without_a_verdict_and_pages_nobody", &[], looks::restart)
        .test("a_way_out_that_was_lost_in_an_earlier_life_is_found_again", &[], looks::way_out)
        .test("a_check_is_looked_at_when_somebody_asks", &[], looks::look_now)
        .test(
            "a_firewall_that_denies_what_goes_out_stops_the_host_and_not_its_container",
            &[Part::Root, Part::Docker],
            vantage::apart,
        )
        .test("a_job_of_a_user_is_heard_by_roots_agent", &[Part::Root], users::heard)
        .test("a_user_cannot_report_a_job_that_somebody_else_runs", &[Part::Root], users::judged)
        .test("what_users_reported_while_the_agent_was_down_is_not_missed", &[Part::Root], users::caught_up)
        .test("homes_that_hang_are_told_and_delay_nobody", &[Part::Root], users::hung)
        .run()
}
