//! The spool on real file systems: a good one, a full one, a read-only one, and those of hostile users; crontabs of
//! every shape.

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

#[cfg(test)]
mod crontabs;
#[cfg(test)]
mod spool;
#[cfg(test)]
mod users;

fn main() -> ExitCode {
    Suite::new()
        .test("signals_come_out_once_and_in_order", &[], spool::signals_come_out_once_and_in_order)
        .test("an_absent_spool_is_an_empty_one", &[], spool::an_absent_spool_is_an_empty_one)
        .test("hostile_records_are_told_and_set_aside", &[], spool::hostile_records_are_told_and_set_aside)
        .test(
            "a_record_of_another_user_is_set_aside",
            &[Part::Root],
            spool::a_record_of_another_user_is_set_aside,
        )
        .test(
            "a_full_disk_uses_the_reserve_and_then_memory",
            &[Part::Root],
            spool::a_full_disk_uses_the_reserve_and_then_memory,
        )
        .test("a_read_only_disk_uses_memory", &[Part::Root], spool::a_read_only_disk_uses_memory)
        .test("records_of_users_are_read_and_removed", &[Part::Root], users::read_and_removed)
        .test("records_of_users_in_memory_are_read", &[Part::Root], users::in_memory)
        .test("a_hostile_user_leads_root_nowhere", &[Part::Root], users::hostile_files)
        .test("a_link_on_the_way_to_a_spool_is_not_followed", &[Part::Root], users::links_on_the_way)
        .test("a_spool_that_others_may_write_is_not_read", &[Part::Root], users::open_to_others)
        .test("a_users_record_says_only_what_it_may", &[Part::Root], users::forbidden)
        .test("a_flood_is_read_in_parts", &[Part::Root], users::flood)
        .test("a_user_with_an_agent_is_left_alone", &[Part::Root], users::own_agent)
        .test("crontabs_come_back_to_the_byte", &[], crontabs::come_back_to_the_byte)
        .test("crontabs_keep_everything_but_the_command", &[], crontabs::keep_everything_but_the_command)
        .test("crontabs_meanwhile_edited_keep_the_edits", &[], crontabs::meanwhile_edited_keep_the_edits)
        .test("crontabs_of_every_rule_are_there", &[], crontabs::of_every_rule_are_there)
        .run()
}
