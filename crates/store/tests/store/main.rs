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
mod old;

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
        .test("sqlite_gives_way_to_its_bounds_and_keeps_working", &[], contract::bounds)
        .test("kill_9_in_the_middle_of_commits_tears_none", &[], crash::kill_9)
        .test("a_thousand_commits_at_once_share_their_flushes", &[], crash::group_commit)
        .test("a_damaged_file_is_set_aside_and_replaced", &[], disk::damaged)
        .test("a_damaged_page_in_the_middle_is_found_when_opening", &[], disk::damaged_page)
        .test("a_locked_file_is_an_error_of_its_own", &[], disk::locked)
        .test("the_file_is_readable_by_its_owner_only", &[], disk::private)
        .test("a_missing_folder_is_an_error_and_nothing_is_made", &[], disk::missing_folder)
        .test("a_full_disk_is_an_error_and_passes", &[Part::Root], disk::full)
        .test("a_store_of_schema_1_still_opens", &[], old::schema_1)
        .test("a_store_of_a_newer_muster_is_left_alone", &[], old::newer)
        .run()
}
