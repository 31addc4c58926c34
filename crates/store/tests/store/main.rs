//! The contract over both engines, and what becomes of the file when the process, the disk or the file itself fails.

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

#[cfg(test)]
mod contract;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod made;
#[cfg(test)]
mod mailing;
#[cfg(test)]
mod old;
#[cfg(test)]
mod packed;

fn main() -> ExitCode {
    if let Some(path) = std::env::var_os(crash::CHILD) {
        return crash::child(path.as_ref());
    }
    Suite::new()
        .test("sqlite_keeps_the_contract", &[], contract::sqlite)
        .test("memory_keeps_the_contract", &[], contract::memory)
        .test("what_memory_held_goes_into_sqlite_as_one_commit", &[], contract::memory_into_sqlite)
        .test("sqlite_keeps_looks", &[], looks::sqlite)
        .test("memory_keeps_looks", &[], looks::memory)
        .test("a_day_of_300_checks_takes_few_megabytes", &[], packed::a_day)
        .test("a_commit_of_looks_is_a_page", &[], packed::a_page_each_second)
        .test("memory_keeps_a_bounded_number_of_looks", &[], looks::memory_bounds)
        .test("wherever_the_log_is_cut_off_each_look_counts_once", &[], packed::cut_off)
        .test("of_damaged_looks_the_rest_is_read_and_the_damage_said", &[], packed::damaged)
        .test("when_everything_fails_traces_stay_within_their_bound", &[], packed::many_traces)
        .test("the_last_slot_outlives_the_looks", &[], packed::names)
        .test("looks_give_way_to_the_bound_of_the_store", &[], packed::bounds)
        .test("sqlite_gives_way_to_its_bounds_and_keeps_working", &[], contract::bounds)
        .test("kill_9_in_the_middle_of_commits_tears_none", &[], crash::kill_9)
        .test("a_thousand_commits_at_once_share_their_flushes", &[], crash::group_commit)
        .test("a_damaged_file_is_set_aside_and_replaced", &[], disk::damaged)
        .test("a_damaged_page_in_the_middle_is_found_when_opening", &[], disk::damaged_page)
        .test("a_locked_file_is_an_error_of_its_own", &[], disk::locked)
        .test("the_file_is_readable_by_its_owner_only", &[], disk::private)
        .test("a_missing_folder_is_an_error_and_nothing_is_made", &[], disk::missing_folder)
        .test("a_full_disk_is_an_error_and_passes", &[Part::Root], disk::full)
        .test("everybody_who_was_on_the_list_gets_each_bulletin_once", &[], mailing::once_each)
        .test("a_bulletin_is_public_words_and_nothing_else", &[], mailing::public_words)
        .test("an_address_is_on_the_list_once_and_the_list_has_an_end", &[], mailing::the_list)
        .test("what_is_kept_off_the_page_is_mailed_to_nobody", &[], mailing::hidden)
        .test("mails_to_one_address_go_in_order", &[], mailing::order)
        .test("what_is_a_day_old_is_mailed_no_more", &[], mailing::too_late)
        .test("three_refusals_in_a_row_end_a_subscription", &[], mailing::refused)
        .test("the_queue_of_mails_is_bounded", &[], mailing::bounds)
        .test("what_goes_bad_and_good_all_the_time_fills_no_mailbox", &[], mailing::flapping)
        .test("a_clock_that_is_set_back_holds_up_no_mail", &[], mailing::clock_set_back)
        .test("a_store_of_schema_4_gets_a_list", &[], mailing::schema_4)
        .test("memory_has_no_list_and_keeps_what_was_said_for_the_disk", &[], mailing::memory)
        .test("a_store_of_schema_1_still_opens", &[], old::schema_1)
        .test("a_store_of_a_newer_muster_is_left_alone", &[], old::newer)
        .run()
}
