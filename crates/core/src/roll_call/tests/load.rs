//! A thousand expectations. Run under `time` for a number; the assertion is that nothing is told.

use super::scene::{direct, every, job, success};
use crate::ids::SignalId;
use crate::roll_call::{Answer, RollCall};
use crate::signal::Signal;
use crate::time::{Now, Span, Timestamp};

#[test]
fn an_hour_of_ticks_over_a_thousand_expectations_tells_nothing() {
    let plan: Vec<_> = (0..1000).map(|n| direct(job(&format!("beat{n:04}"), every("5m")))).collect();
    let names: Vec<_> = plan.iter().map(|spec| spec.id.clone()).collect();
    let mut now = Now { wall: Timestamp::from_seconds(1_795_219_200), uptime: Span::hours(1) };
    let mut roll = RollCall::new();
    roll.expect(plan, now);
    let mut stored = 0;
    for second in 0..3600_usize {
        now = Now { wall: now.wall + Span::seconds(1), uptime: now.uptime + Span::seconds(1) };
        for place in (second % 250..1000).step_by(250) {
            let id = SignalId::new(format!("s{second}-{place}")).expect("valid");
            let signal =
                Signal { id, about: names[place].clone(), at: now.wall, run: None, report: success() };
            assert_eq!(roll.hear(&signal, now), Answer::Heard);
        }
        roll.tick(now);
        stored += roll.changed().len();
        for effect in roll.drain() {
            assert!(!matches!(effect, crate::effect::Effect::Page(_)), "{effect:?}");
        }
    }
    assert_eq!(stored, 1000 + 3600 * 4 - 4);
}
