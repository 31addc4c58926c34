//! The wrapper with real child processes, real locks and real file systems.

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod expect;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod overlap;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod survivors;
#[cfg(test)]
mod users;
#[cfg(test)]
mod world;

fn main() -> ExitCode {
    Suite::new()
        .test(
            "a_full_disk_changes_nothing_for_the_job_and_the_outcome_arrives",
            &[Part::Root],
            bad_days::a_full_disk_changes_nothing_for_the_job_and_the_outcome_arrives,
        )
        .test(
            "a_disk_that_fills_up_during_the_run_keeps_the_tail",
            &[Part::Root],
            bad_days::a_disk_that_fills_up_during_the_run_keeps_the_tail,
        )
        .test(
            "a_read_only_disk_changes_nothing_for_the_job",
            &[Part::Root],
            bad_days::a_read_only_disk_changes_nothing_for_the_job,
        )
        .test(
            "a_state_directory_that_cannot_be_made_changes_nothing_for_the_job",
            &[],
            bad_days::a_state_directory_that_cannot_be_made_changes_nothing_for_the_job,
        )
        .test(
            "a_reader_that_goes_away_does_not_stop_the_job",
            &[],
            bad_days::a_reader_that_goes_away_does_not_stop_the_job,
        )
        .test("closed_outputs_do_not_stop_the_job", &[], bad_days::closed_outputs_do_not_stop_the_job)
        .test(
            "a_full_device_as_output_does_not_stop_the_job",
            &[],
            bad_days::a_full_device_as_output_does_not_stop_the_job,
        )
        .test("a_slow_reader_gets_every_byte", &[], bad_days::a_slow_reader_gets_every_byte)
        .test(
            "fifty_megabytes_of_output_take_little_memory_and_a_bounded_log",
            &[],
            bad_days::fifty_megabytes_of_output_take_little_memory_and_a_bounded_log,
        )
        .test(
            "ten_jobs_at_full_speed_keep_the_cap_and_leave_room_on_the_disk",
            &[Part::Root, Part::Loop],
            crowd::ten_jobs_at_full_speed_keep_the_cap_and_leave_room_on_the_disk,
        )
        .test("exit_codes_pass_through", &[], endings::exit_codes_pass_through)
        .test("death_by_signal_is_128_and_the_signal", &[], endings::death_by_signal_is_128_and_the_signal)
        .test(
            "what_cannot_be_executed_is_126_and_what_is_not_there_127",
            &[],
            endings::what_cannot_be_executed_is_126_and_what_is_not_there_127,
        )
        .test(
            "a_script_without_an_interpreter_line_runs_as_it_does_under_cron",
            &[],
            endings::a_script_without_an_interpreter_line_runs_as_it_does_under_cron,
        )
        .test("wrong_arguments_are_125_and_told", &[], endings::wrong_arguments_are_125_and_told)
        .test(
            "a_run_is_announced_before_it_starts_and_told_with_its_evidence",
            &[],
            endings::a_run_is_announced_before_it_starts_and_told_with_its_evidence,
        )
        .test("signals_reach_the_job", &[], endings::signals_reach_the_job)
        .test(
            "a_signal_that_was_ignored_stays_ignored",
            &[],
            endings::a_signal_that_was_ignored_stays_ignored,
        )
        .test("a_second_request_to_end_kills", &[], endings::a_second_request_to_end_kills)
        .test(
            "a_hard_limit_ends_the_run_and_a_soft_one_is_noted",
            &[],
            endings::a_hard_limit_ends_the_run_and_a_soft_one_is_noted,
        )
        .test(
            "a_job_that_ends_well_when_asked_at_its_limit_has_still_timed_out",
            &[],
            endings::a_job_that_ends_well_when_asked_at_its_limit_has_still_timed_out,
        )
        .test(
            "standard_input_is_empty_unless_asked_for",
            &[],
            endings::standard_input_is_empty_unless_asked_for,
        )
        .test("quiet_keeps_the_output_in_the_log", &[], endings::quiet_keeps_the_output_in_the_log)
        .test("the_jobs_environment_is_the_callers", &[], endings::the_jobs_environment_is_the_callers)
        .test(
            "a_configuration_says_what_to_run_and_options_win",
            &[],
            endings::a_configuration_says_what_to_run_and_options_win,
        )
        .test(
            "a_broken_configuration_runs_the_job_loudly",
            &[],
            endings::a_broken_configuration_runs_the_job_loudly,
        )
        .test(
            "a_wrong_option_and_a_wrong_name_run_the_job_loudly",
            &[],
            endings::a_wrong_option_and_a_wrong_name_run_the_job_loudly,
        )
        .test(
            "expected_exit_codes_decide_and_pass_through",
            &[],
            expect::expected_exit_codes_decide_and_pass_through,
        )
        .test("output_must_match_and_must_not", &[], expect::output_must_match_and_must_not)
        .test(
            "a_job_that_exits_0_without_its_file_has_failed",
            &[],
            expect::a_job_that_exits_0_without_its_file_has_failed,
        )
        .test(
            "a_file_with_an_older_time_is_told_from_one_that_was_not_written",
            &[],
            expect::a_file_with_an_older_time_is_told_from_one_that_was_not_written,
        )
        .test("what_cannot_be_looked_at_is_never_well", &[], expect::what_cannot_be_looked_at_is_never_well)
        .test(
            "a_folder_of_others_is_unseen_and_not_empty",
            &[Part::Root],
            expect::a_folder_of_others_is_unseen_and_not_empty,
        )
        .test(
            "a_command_that_can_do_nothing_has_failed",
            &[],
            expect::a_command_that_can_do_nothing_has_failed,
        )
        .test(
            "an_interpreter_that_is_fed_or_speaks_is_well",
            &[],
            expect::an_interpreter_that_is_fed_or_speaks_is_well,
        )
        .test(
            "a_broken_expectation_is_told_and_the_others_hold",
            &[],
            expect::a_broken_expectation_is_told_and_the_others_hold,
        )
        .test(
            "a_run_that_goes_well_at_last_is_one_run_and_visibly_flaky",
            &[],
            retries::a_run_that_goes_well_at_last_is_one_run_and_visibly_flaky,
        )
        .test(
            "the_last_attempt_decides_and_its_code_passes_through",
            &[],
            retries::the_last_attempt_decides_and_its_code_passes_through,
        )
        .test(
            "only_the_codes_that_are_worth_it_are_tried_again",
            &[],
            retries::only_the_codes_that_are_worth_it_are_tried_again,
        )
        .test("a_request_to_end_ends_the_waiting_too", &[], retries::a_request_to_end_ends_the_waiting_too)
        .test(
            "a_request_to_end_is_not_answered_by_another_attempt",
            &[],
            retries::a_request_to_end_is_not_answered_by_another_attempt,
        )
        .test(
            "what_an_attempt_left_running_is_gone_before_the_next",
            &[],
            retries::what_an_attempt_left_running_is_gone_before_the_next,
        )
        .test(
            "skipped_runs_and_commands_that_are_not_there_are_not_tried_again",
            &[],
            retries::skipped_runs_and_commands_that_are_not_there_are_not_tried_again,
        )
        .test(
            "a_process_that_was_killed_for_memory_is_named_even_if_the_shell_goes_on",
            &[Part::Root, Part::MemoryCgroup],
            limits::a_process_that_was_killed_for_memory_is_named_even_if_the_shell_goes_on,
        )
        .test(
            "processes_and_processor_time_are_limited_and_the_group_is_gone_afterwards",
            &[Part::Root, Part::MemoryCgroup],
            limits::processes_and_processor_time_are_limited_and_the_group_is_gone_afterwards,
        )
        .test(
            "a_group_that_a_killed_watcher_left_is_removed_by_the_next_run",
            &[Part::Root, Part::MemoryCgroup],
            limits::a_group_that_a_killed_watcher_left_is_removed_by_the_next_run,
        )
        .test(
            "a_group_that_a_later_attempt_cannot_enter_is_not_claimed",
            &[Part::Root, Part::MemoryCgroup],
            limits::a_group_that_a_later_attempt_cannot_enter_is_not_claimed,
        )
        .test(
            "without_groups_a_tree_that_is_too_large_together_is_killed_and_named",
            &[Part::Root],
            limits::without_groups_a_tree_that_is_too_large_together_is_killed_and_named,
        )
        .test(
            "a_job_that_waits_for_its_limits_begins_like_any_other",
            &[Part::Root],
            limits::a_job_that_waits_for_its_limits_begins_like_any_other,
        )
        .test(
            "without_groups_a_process_that_is_too_large_alone_gets_no_more",
            &[Part::Root],
            limits::without_groups_a_process_that_is_too_large_alone_gets_no_more,
        )
        .test("skip_gives_way_and_says_to_whom", &[], overlap::skip_gives_way_and_says_to_whom)
        .test("wait_waits_for_one_run_at_a_time", &[], overlap::wait_waits_for_one_run_at_a_time)
        .test(
            "wait_fails_at_its_limit_and_ends_when_asked",
            &[],
            overlap::wait_fails_at_its_limit_and_ends_when_asked,
        )
        .test(
            "replace_ends_the_earlier_run_with_all_its_processes",
            &[],
            overlap::replace_ends_the_earlier_run_with_all_its_processes,
        )
        .test(
            "replace_ends_the_job_of_a_killed_watcher",
            &[],
            overlap::replace_ends_the_job_of_a_killed_watcher,
        )
        .test("allow_runs_both", &[], overlap::allow_runs_both)
        .test("flock_and_muster_share_a_lock_file", &[], overlap::flock_and_muster_share_a_lock_file)
        .test("nobody_survives_a_limit", &[], survivors::nobody_survives_a_limit)
        .test("nobody_survives_a_request_to_end", &[], survivors::nobody_survives_a_request_to_end)
        .test(
            "a_grandchild_gets_its_grace_after_the_job_has_ended",
            &[],
            survivors::a_grandchild_gets_its_grace_after_the_job_has_ended,
        )
        .test(
            "a_daemon_that_holds_the_pipe_is_named_and_holds_nobody_up",
            &[],
            survivors::a_daemon_that_holds_the_pipe_is_named_and_holds_nobody_up,
        )
        .test(
            "children_that_end_within_the_grace_are_not_named",
            &[],
            survivors::children_that_end_within_the_grace_are_not_named,
        )
        .test(
            "a_killed_watcher_leaves_a_start_without_a_living_process_and_the_job_goes_on",
            &[],
            survivors::a_killed_watcher_leaves_a_start_without_a_living_process_and_the_job_goes_on,
        )
        .test(
            "a_job_that_was_killed_for_memory_is_named_as_such",
            &[Part::Root, Part::MemoryCgroup],
            survivors::a_job_that_was_killed_for_memory_is_named_as_such,
        )
        .test("a_run_of_a_user_reaches_root", &[Part::Root], users::a_run_of_a_user_reaches_root)
        .run()
}
