//! The front with the real nginx: private ones on loopback, each with files of its own.

use muster_testkit::suite::{Part, Suite};

mod app;
mod bed;
mod failures;
mod files;
mod load;
mod requests;
mod trouble;

pub(crate) fn tests(suite: Suite) -> Suite {
    let nginx = &[Part::Nginx];
    suite
        .test("twenty_switches_under_load_lose_nothing", nginx, load::twenty_switches_lose_nothing)
        .test("the_request_after_a_switch_is_led_by_it", nginx, load::the_very_next_request_is_led_by_it)
        .test("a_second_install_changes_nothing", nginx, files::a_second_install_changes_nothing)
        .test("what_was_written_and_never_read_is_read", nginx, files::what_was_never_read_is_read)
        .test("a_reload_that_fails_in_silence_is_taken_back", nginx, files::a_silent_failure_is_taken_back)
        .test("what_the_front_made_is_removed", nginx, files::what_was_made_is_removed)
        .test("files_that_are_refused_are_taken_back", nginx, files::refused_files_are_taken_back)
        .test("two_services_share_one_nginx", nginx, files::two_services_share_one_nginx)
        .test("a_tls_block_of_somebody_else_leads_to_the_sides", nginx, files::a_tls_block_leads_to_the_sides)
        .test("the_token_stays_with_nginx", nginx, requests::the_token_stays_with_nginx)
        .test("a_flag_is_seen_whatever_nginx_remembers", nginx, requests::a_flag_is_seen_at_once)
        .test("without_an_if_a_switch_is_a_reload", nginx, requests::without_an_if_a_switch_is_a_reload)
        .test("an_upgraded_connection_outlives_a_switch", nginx, requests::an_upgrade_outlives_a_switch)
        .test("an_upload_ends_where_it_began", nginx, requests::an_upload_ends_where_it_began)
        .test("an_app_that_is_away_is_told_with_its_side", nginx, requests::an_app_that_is_away_is_told)
        .test("every_request_that_fails_is_counted", nginx, failures::every_request_that_fails_is_counted)
        .test("what_the_log_cannot_tell_is_unknown", nginx, failures::what_the_log_cannot_tell_is_unknown)
        .test("a_log_that_was_moved_away_is_unknown", nginx, failures::a_log_that_was_moved_away_is_unknown)
        .test("a_good_host_has_no_objections", nginx, trouble::a_good_host_has_none)
        .test("a_domain_of_somebody_else_is_told", nginx, trouble::a_claimed_domain_is_told)
        .test("what_stands_beside_our_line_is_told", nginx, trouble::what_stands_beside_our_line_is_told)
        .test("files_that_nginx_does_not_read_are_told", nginx, trouble::unread_files_are_told)
        .test("an_nginx_that_is_broken_or_away_is_told", nginx, trouble::broken_or_away_is_told)
        .test("a_taken_port_is_told_with_who_has_it", nginx, trouble::a_taken_port_is_told)
        .test(
            "a_folder_that_nginx_may_not_pass_is_told",
            &[Part::Nginx, Part::Root],
            trouble::a_barred_folder_is_told,
        )
}
