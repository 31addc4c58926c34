//! Plans and their ends, case by case; the boundaries are swept in `sim`.

use super::*;
use crate::time::Span;

pub(super) fn goal(release: u64) -> Goal {
    Goal {
        release,
        is_return: false,
        even_if_irreversible: false,
        flow: Flow::Beside,
        has_front: true,
        is_public: false,
        once: false,
        before: false,
        after: false,
        hook: Span::minutes(5),
        canary: None,
        hold: Span::ZERO,
        rolling: false,
        fetch: Span::minutes(5),
        once_within: Span::minutes(5),
        probation: Span::seconds(60),
        drain: Span::seconds(30),
        stop: Span::seconds(10),
    }
}

fn serving(release: u64) -> Observed {
    Observed {
        side: Some(Side::Blue),
        blue: Some(Stand { release, running: true, proven: true }),
        confirmed: Some(Attempt { number: release, release }),
        highest: release,
        ..Observed::default()
    }
}

fn words(plan: &Plan) -> Vec<(&'static str, Vec<usize>)> {
    plan.steps.iter().map(|step| (step.act.word(), step.hosts.clone())).collect()
}

#[test]
fn a_canary_is_led_and_watched_before_the_others() {
    let goal = Goal { canary: Some(1), hold: Span::seconds(10), once: true, is_public: true, ..goal(2) };
    let plan = plan(&goal, &[serving(1), serving(1), serving(1)]).unwrap();
    let all = vec![0, 1, 2];
    assert_eq!(
        words(&plan),
        [
            ("preflight", all.clone()),
            ("fetch", all.clone()),
            ("once", vec![0]),
            ("start", all.clone()),
            ("probation", all.clone()),
            ("flip", vec![1]),
            ("verify", vec![1]),
            ("watch", vec![1]),
            ("flip", vec![0, 2]),
            ("verify", vec![0, 2]),
            ("public", vec![]),
            ("confirm", all.clone()),
            ("drain", all.clone()),
            ("finish", all),
        ]
    );
}

#[test]
fn going_back_over_a_release_that_cannot_be_undone_needs_a_word() {
    let back = |release| Goal { is_return: true, ..goal(release) };
    let seen = |irreversible: &[u64]| Observed { irreversible: irreversible.to_vec(), ..serving(4) };
    let of = |goal: &Goal, irreversible: &[u64]| plan(goal, &[serving(4), seen(irreversible)]).map(drop);
    assert_eq!(of(&back(3), &[4]), Err(Objection::Irreversible { release: 4 }));
    assert_eq!(
        of(&back(1), &[2, 3]),
        Err(Objection::Irreversible { release: 3 }),
        "not only the one in front"
    );
    assert_eq!(of(&back(3), &[3, 2]), Ok(()), "what it goes back to changed the data itself");
    assert_eq!(of(&back(3), &[7]), Ok(()), "one that is no more in front");
    assert_eq!(of(&Goal { even_if_irreversible: true, ..back(3) }, &[4]), Ok(()));
    assert_eq!(of(&goal(5), &[4]), Ok(()), "it goes forward");
}

#[test]
fn hooks_come_before_any_change_and_after_all_of_them() {
    let goal = Goal { before: true, after: true, once: true, ..goal(2) };
    let cold = plan(&goal, &[serving(1)]).unwrap();
    let acts: Vec<_> = words(&cold).into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts[..3], ["preflight", "before", "fetch"]);
    assert_eq!(acts.last(), Some(&"after"));
    let mut seen = serving(2);
    seen.green = Some(Stand { release: 1, running: true, proven: true });
    let warm = plan(&Goal { is_return: true, release: 1, ..goal }, &[seen]).unwrap();
    let acts: Vec<_> = words(&warm).into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts, ["before", "flip", "verify", "confirm", "drain", "finish", "after"]);
    assert!(
        warm.steps
            .iter()
            .filter(|step| matches!(step.act, Act::Before | Act::After))
            .all(|step| { step.hosts.is_empty() && step.within == Span::minutes(5) })
    );
}

#[test]
fn a_hook_that_fails_before_touches_nothing_and_one_after_is_told() {
    let goal = Goal { before: true, after: true, ..goal(2) };
    let mut deploy = Deploy::new(plan(&goal, &[serving(1)]).unwrap());
    let mut given = Vec::new();
    while deploy.end().is_none() {
        for order in deploy.orders(Span::ZERO) {
            given.push(order.act);
            let reply = if order.act == Act::Before { Reply::Failed("exit 1".into()) } else { Reply::Done };
            deploy.heard(order.host, order.act, reply, Span::ZERO);
        }
    }
    assert_eq!(given, [Act::Preflight, Act::Before], "no host was asked for anything else");
    assert!(matches!(deploy.end(), Some(End::Old { failed: (None, Act::Before), .. })));

    let mut deploy = Deploy::new(plan(&goal, &[serving(1)]).unwrap());
    while deploy.end().is_none() {
        for order in deploy.orders(Span::ZERO) {
            let reply = if order.act == Act::After { Reply::Failed("exit 1".into()) } else { Reply::Done };
            deploy.heard(order.host, order.act, reply, Span::ZERO);
        }
    }
    let told = vec![(None, Act::After, "exit 1".to_owned())];
    assert_eq!(deploy.end(), Some(&End::New { complaints: told }));
}

#[test]
fn a_release_that_is_still_warm_is_only_led_to() {
    let mut seen = serving(2);
    seen.green = Some(Stand { release: 1, running: true, proven: true });
    let goal = Goal { is_return: true, once: true, canary: Some(0), rolling: true, ..goal(1) };
    let acts = words(&plan(&goal, &[seen.clone(), seen]).unwrap());
    assert!(acts.iter().all(|(_, hosts)| *hosts == [0, 1]), "all at once: {acts:?}");
    let acts: Vec<_> = acts.into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts, ["flip", "verify", "confirm", "drain", "finish"]);
}

#[test]
fn what_may_not_run_twice_is_proven_in_its_place() {
    let goal = Goal { flow: Flow::StopFirst, has_front: false, rolling: true, ..goal(2) };
    let acts = words(&plan(&goal, &[serving(1), serving(1)]).unwrap());
    let acts: Vec<_> = acts.into_iter().map(|(act, hosts)| format!("{act} {hosts:?}")).collect();
    assert_eq!(
        acts,
        [
            "preflight [0, 1]",
            "fetch [0, 1]",
            "swap [0]",
            "probation [0]",
            "flip [0]",
            "swap [1]",
            "probation [1]",
            "flip [1]",
            "confirm [0, 1]",
            "finish [0, 1]"
        ]
    );
}

#[test]
fn a_deploy_that_was_left_in_the_middle_is_settled_first() {
    let mut seen = serving(1);
    seen.pending = Some(Attempt { number: 2, release: 2 });
    let objection = plan(&goal(3), &[serving(1), seen]).unwrap_err();
    assert_eq!(objection, Objection::Unsettled { host: 1, release: 2 });
    assert_eq!(plan(&goal(3), &[]).unwrap_err(), Objection::Nowhere);
}

/// Carries a deploy out with a reply for each order; the acts in the order in which they were given.
fn carry(
    mut deploy: Deploy,
    mut reply: impl FnMut(Option<usize>, Act, Span) -> Reply,
) -> (End, Vec<(Option<usize>, Act)>) {
    let mut now = Span::ZERO;
    let mut given = Vec::new();
    for _ in 0..10_000 {
        if let Some(end) = deploy.end() {
            return (end.clone(), given);
        }
        for order in deploy.orders(now) {
            given.push((order.host, order.act));
            let said = reply(order.host, order.act, now);
            deploy.heard(order.host, order.act, said, now);
        }
        now = deploy.next_due().unwrap_or(now).max(now);
    }
    panic!("it does not end: {:?}", &given[..given.len().min(40)]);
}

fn two_hosts() -> Deploy {
    Deploy::new(plan(&goal(2), &[serving(1), serving(1)]).unwrap())
}

#[test]
fn a_release_that_is_not_well_is_stopped_and_nobody_was_led_to_it() {
    let (end, given) = carry(two_hosts(), |host, act, _| match (host, act) {
        (Some(1), Act::Probation) => Reply::Failed("status 500".into()),
        _ => Reply::Done,
    });
    let End::Old { failed, why, unheard } = end else { panic!("{end:?}") };
    assert_eq!((failed, why.as_str(), unheard), ((Some(1), Act::Probation), "status 500", vec![]));
    assert!(!given.iter().any(|(_, act)| *act == Act::Flip));
    assert!(given.contains(&(Some(0), Act::Withdraw)) && given.contains(&(Some(1), Act::Withdraw)));
}

#[test]
fn one_host_that_fails_after_the_flip_takes_all_back() {
    let (end, given) = carry(two_hosts(), |host, act, _| match (host, act) {
        (Some(1), Act::Verify) => Reply::Failed("the front leads to blue".into()),
        _ => Reply::Done,
    });
    assert!(matches!(end, End::Old { .. }), "{end:?}");
    let back: Vec<_> = given.iter().filter(|(_, act)| *act == Act::Back).map(|(host, _)| *host).collect();
    assert_eq!(back, [Some(0), Some(1)]);
}

#[test]
fn a_host_that_is_not_heard_while_all_go_back_is_named_and_left_alone() {
    let (end, given) = carry(two_hosts(), |host, act, _| match (host, act) {
        (Some(1), Act::Flip | Act::Back) => Reply::Lost("no route".into()),
        _ => Reply::Done,
    });
    let End::Old { unheard, .. } = end else { panic!("{end:?}") };
    assert_eq!(unheard, [1]);
    assert!(!given.contains(&(Some(1), Act::Withdraw)), "it may still lead there");
    assert!(given.contains(&(Some(0), Act::Withdraw)));
}

#[test]
fn a_host_that_went_back_before_it_heard_of_the_decision_is_led_forward_again() {
    let (end, given) = carry(two_hosts(), |host, act, now| match (host, act) {
        (Some(1), Act::Confirm) if now < Span::seconds(70) => Reply::Lost("no route".into()),
        (Some(1), Act::Confirm) if now < Span::seconds(72) => Reply::Failed("it went back".into()),
        _ => Reply::Done,
    });
    assert!(matches!(end, End::New { .. }), "{end:?}");
    let later = given.iter().skip_while(|(_, act)| *act != Act::Confirm);
    let flips = later.filter(|(host, act)| *host == Some(1) && *act == Act::Flip).count();
    assert_eq!(flips, 2);
}

#[test]
fn a_host_that_never_hears_of_the_decision_is_named() {
    let (end, _) = carry(two_hosts(), |host, act, _| match (host, act) {
        (Some(1), Act::Confirm) => Reply::Lost("no route".into()),
        _ => Reply::Done,
    });
    assert!(matches!(&end, End::Unsure { unheard, .. } if unheard == &[1]), "{end:?}");
}

#[test]
fn what_goes_wrong_after_the_decision_is_told_and_changes_nothing() {
    let (end, given) = carry(two_hosts(), |_, act, _| match act {
        Act::Drain | Act::Finish => Reply::Failed("disk full".into()),
        _ => Reply::Done,
    });
    let End::New { complaints } = end else { panic!("{end:?}") };
    assert_eq!(complaints.len(), 4);
    assert!(!given.iter().any(|(_, act)| *act == Act::Back));
}

#[test]
fn who_interrupts_before_the_decision_gets_the_old_release_and_after_it_the_new_one() {
    for stop_at in [Act::Fetch, Act::Start, Act::Flip, Act::Verify, Act::Confirm, Act::Drain] {
        let mut deploy = two_hosts();
        let mut now = Span::ZERO;
        while deploy.end().is_none() {
            let orders = deploy.orders(now);
            if orders.iter().any(|order| order.act == stop_at) {
                deploy.interrupt("Ctrl-C", now);
            }
            for order in orders {
                deploy.heard(order.host, order.act, Reply::Done, now);
            }
            now = deploy.next_due().unwrap_or(now).max(now);
        }
        let stays = matches!(stop_at, Act::Confirm | Act::Drain);
        assert_eq!(matches!(deploy.end(), Some(End::New { .. })), stays, "{stop_at:?}");
    }
}

fn confirmed(attempt: Attempt, also: Option<u64>) -> Observed {
    let mut seen = serving(attempt.release);
    seen.confirmed = Some(attempt);
    seen.green = also.map(|release| Stand { release, running: true, proven: true });
    seen
}

#[test]
fn what_was_confirmed_anywhere_is_put_in_front_everywhere() {
    let (old, new) = (Attempt { number: 1, release: 1 }, Attempt { number: 2, release: 2 });
    let mut waits = confirmed(old, Some(2));
    waits.pending = Some(new);
    let settling = settle(&[Some(confirmed(new, Some(1))), Some(waits), Some(confirmed(old, Some(2))), None]);
    let acts = vec![(1, vec![Act::Confirm]), (2, vec![Act::Flip, Act::Confirm])];
    assert_eq!(settling, Settling::Forward { release: 2, acts });
    let without = settle(&[Some(confirmed(new, Some(1))), Some(confirmed(old, None))]);
    assert_eq!(without, Settling::Torn { release: 2, without: vec![1] });
}

#[test]
fn what_nobody_confirmed_goes_back_also_when_it_is_a_rollback() {
    let last = Attempt { number: 5, release: 4 };
    let back = Attempt { number: 6, release: 3 };
    let mut waits = confirmed(last, Some(3));
    waits.pending = Some(back);
    let settling = settle(&[Some(waits), Some(confirmed(last, Some(3)))]);
    assert_eq!(settling, Settling::Back { release: 3, acts: vec![(0, vec![Act::Back, Act::Withdraw])] });
    assert_eq!(settle(&[Some(confirmed(last, None)), None]), Settling::Settled);
    assert_eq!(settle(&[Some(Observed::default())]), Settling::Settled);
}
