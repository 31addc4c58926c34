//! What a new service begins as: every language in both ways, judged by the tools that will read it, and run.

use muster_testkit::suite::{Part, Suite};

mod apps;
mod files;
mod linters;

pub(crate) fn tests(suite: Suite) -> Suite {
    suite
        .test("every_template_is_filled_for_every_language", &[], files::every_template_is_filled)
        .test("a_second_run_changes_nothing", &[], files::a_second_run_changes_nothing)
        .test("what_differs_is_seen_and_left_alone", &[], files::what_differs_is_seen)
        .test("the_entries_read_back_and_are_added_once", &[], files::the_entries_read_back)
        .test("a_text_that_is_not_plain_is_refused", &[], files::odd_texts_are_refused)
        .test("the_folder_belongs_to_the_user_of_the_service", &[Part::Root], files::whose_it_is)
        .test("dockerfiles_keep_the_rules_of_hadolint", &[], linters::dockerfiles)
        .test("the_pipeline_keeps_secrets_and_never_overlaps", &[], linters::pipelines)
        .test("nginx_takes_the_site_before_and_after_the_first_deploy", &[Part::Nginx], linters::nginx)
        .test("systemd_takes_the_unit", &[Part::SystemdAnalyze], linters::systemd)
        .test("logrotate_takes_the_snippet", &[Part::Logrotate], linters::logrotate)
        .test("the_shell_takes_the_scripts", &[], linters::shell)
        .test("the_python_app_is_well_and_ends_in_order", &[Part::Python], apps::python)
        .test("the_node_app_is_well_and_ends_in_order", &[Part::Node], apps::node)
        .test("the_rust_app_is_well_and_ends_in_order", &[], apps::rust)
}
