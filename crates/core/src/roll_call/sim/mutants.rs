//! Each bug that was brought back must be noticed within as many lives as the promises are proved by.

use super::post::Bug;
use super::sweep::live;
use super::world::Setting;
use crate::roll_call::mutant::Mutant;

fn is_noticed(setting: Setting, by: &str) {
    let mut told = Vec::new();
    for seed in 1..=256 {
        if let Err(what) = live(seed, 3_000, setting) {
            if what.contains(by) {
                return;
            }
            told.push(what);
        }
    }
    panic!("{setting:?} was not noticed by {by:?} but by {told:?}");
}

macro_rules! mutants {
    ($($name:ident: $setting:expr, $by:literal;)*) => {$(
        #[test]
        fn $name() {
            is_noticed($setting, $by);
        }
    )*};
}

fn core(mutant: Mutant) -> Setting {
    Setting { mutant: Some(mutant), ..Setting::default() }
}

fn post(bug: Bug) -> Setting {
    Setting { bug: Some(bug), ..Setting::default() }
}

mutants! {
    bug_01_a_failed_notification_is_forgotten: post(Bug::ForgetsFailures), "never arrived";
    bug_02_a_hanging_receiver_stops_the_watch: post(Bug::BlocksTheWatch), "silent for";
    bug_03_a_pause_eats_the_end: core(Mutant::PauseEatsResolve), "do not know";
    bug_03_own_absence_counts_as_well: core(Mutant::UnknownIsGreen), "ok";
    bug_04_a_start_takes_up_the_rows_one_by_one: core(Mutant::StaggeredStart), "";
    bug_05_a_few_hold_all_slots: core(Mutant::CrowdedTick), "";
    bug_06_own_failures_are_a_sign_of_life: core(Mutant::OwnFailureIsLife), "silent for";
    bug_06_a_restart_begins_the_deadline_anew: core(Mutant::RestartPostpones), "silent for";
    bug_07_the_end_is_dropped_when_the_receiver_errs: post(Bug::DropsEnds), "never arrived";
    bug_08_what_was_accepted_is_lost_by_a_kill: post(Bug::ForgetsOnKill), "never arrived";
    bug_09_a_hold_eats_the_end: core(Mutant::SilenceEatsResolve), "do not know";
    bug_10_only_the_whole_is_told: core(Mutant::OnlyGlobalStatus), "nobody was told";
    bug_10_what_never_reported_is_well: core(Mutant::NewMeansHealthy), "";
    bug_11_one_that_hangs_holds_up_the_rest: core(Mutant::HungBlocksRest), "";
    bug_12_nobody_is_asked_again: core(Mutant::EndlessAcknowledgement), "nobody was told";
    an_escalation_ends_with_an_acknowledgement: core(Mutant::StepsStopAtAcknowledgement), "nobody was told";
    who_is_told_by_a_later_step_does_not_hear_the_end: core(Mutant::StepForgetsWhomItTold), "the end went to";
    bug_13_every_bad_verdict_is_a_page: core(Mutant::PageStorm), "opened twice";
    bug_14_what_is_retried_lives_in_memory: post(Bug::RetriesInMemory), "never arrived";
    what_was_folded_into_a_digest_is_not_in_it: post(Bug::ForgetsTheFolded), "never arrived";
    what_lasts_too_long_is_said_at_its_end: core(Mutant::LongOnlyAtEnd), "";
    the_first_page_is_lost: core(Mutant::ResolveOnly), "nobody";
    a_good_one_forgives_all_bad_ones: core(Mutant::GoodOnesForgiveAll), "were bad, and it is";
    nobody_looks_when_a_maintenance_ends: core(Mutant::MaintenanceEndsUnseen), "";
    a_maintenance_outlives_its_end: core(Mutant::MaintenanceOutlivesItsEnd), "nobody was told";
    a_pause_without_end: core(Mutant::EndlessPause), "nobody was told";
}
