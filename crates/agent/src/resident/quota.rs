//! A channel whose quota is spent is bad news: told once, on the others, and once more when there is room again.

use muster_core::effect::{Condition, Reason};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::outbox::Usage;
use muster_core::signal::Report;
use muster_core::time::{Now, Span};

use super::task::Resident;

/// How often it is looked at; also after each delivery.
const EVERY: Span = Span::seconds(10);

/// The name of a channel on the roll.
pub(super) fn on_roll(channel: &ChannelName) -> Option<ExpectationId> {
    ExpectationId::of("channel", channel.as_str()).ok()
}

impl Resident {
    /// Says which channels have nothing left, and which have room again.
    pub(super) fn mind_quotas(&mut self, now: Now) {
        if self.quotas_seen.is_some_and(|seen| now.uptime < seen + EVERY) {
            return;
        }
        self.quotas_seen = Some(now.uptime);
        let limited = self.outbox.usage(now.wall).filter(|(_, usage)| usage.quota.is_some());
        let channels: Vec<(ExpectationId, Usage)> =
            limited.filter_map(|(channel, usage)| Some((on_roll(channel)?, usage))).collect();
        for (about, usage) in channels {
            let Usage { messages: used, quota: Some(quota) } = usage else { continue };
            let signal = match self.roll.condition(&about) {
                _ if self.is_spent(&about) && usage.has_room() => {
                    self.say(about, Ok(format!("it took {used} of {quota} messages within a day")))
                }
                // One that does not work at all is worse news already.
                Some(Condition::Firing { .. }) | None => continue,
                Some(_) if usage.is_spent() => self.signal(about, Report::Spent { used, quota }),
                Some(_) => continue,
            };
            self.own.push(signal);
        }
    }

    /// True while people know that nothing is left: that a message got through all the same is no end of it.
    pub(super) fn is_spent(&self, channel: &ExpectationId) -> bool {
        matches!(self.roll.condition(channel), Some(Condition::Firing { reason: Reason::Spent { .. }, .. }))
    }
}
