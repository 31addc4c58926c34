//! Runs the chains of one hook over a packet.
//!
//! An accept ends its own base chain and no other of the same hook; a drop ends the packet. Translating chains run for
//! the first packet of a connection only, all at one place among the filtering ones, and the first that translates wins.
//! Source: nft(8), and the order of priorities in the kernel's `netfilter_ipv4.h`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Network;
use super::oracle::Oracle;
use super::packet::{Connection, Found, Passing};
use super::rule::{Action, Hook, Purpose, Rule, Step, Table};
use super::rules::{Attached, Rules};
use super::verdict::{Cause, Decision, Reach};

/// Deepest nesting of chains; the kernel refuses 16 in nftables.
const DEPTH: usize = 64;
/// Most rules that one walk may look at.
const LOOKS: usize = 2_000_000;

/// Why a packet went no further.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) reach: Reach,
    pub(crate) by: Decision,
}

impl Stop {
    pub(crate) fn closed(by: Decision) -> Self {
        Self { reach: Reach::Closed, by }
    }

    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { by: Decision::told(Cause::Unseen, why.clone()), reach: Reach::Unknown { why } }
    }
}

/// One run over the rules.
pub(crate) struct Runner<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) network: &'a Network<'a>,
    pub(crate) oracle: &'a mut Oracle,
    pub(crate) looks: usize,
    /// For each hook, once it mattered: whether chains of one priority run in reverse.
    pub(crate) orders: [Option<bool>; 5],
}

/// How a chain ended.
enum End {
    /// Nothing was decided.
    Back,
    Accept(Decision),
    Stop(Stop),
}

/// What one rule says.
enum Said {
    Nothing,
    /// The rest of the rule does not apply.
    Skip,
    Return,
    Goto(String),
    Jump(String),
    End(End),
}

/// What a hook did to a packet that passed.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Who accepted, for each chain that filters.
    pub(crate) by: Vec<Decision>,
    pub(crate) translated: Option<Decision>,
}

impl<'a> Runner<'a> {
    /// All that is attached to a hook, for one packet.
    pub(crate) fn hook(
        &mut self,
        hook: Hook,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Result<Passed, Stop> {
        let rules = self.rules;
        let mut passed = Passed::default();
        let targets = matches!(hook, Hook::Prerouting | Hook::Output);
        let place = if targets { -100 } else { 100 };
        let mut translated = hook == Hook::Forward;
        let tracks = targets;
        for attached in self.in_order(hook, passing.target.is_ipv6()) {
            if !tracks || attached.priority > -200 {
                passing.tracked = true;
            }
            if !translated && attached.priority >= place {
                translated = true;
                passed.translated = self.translate(hook, passing, connection)?;
            }
            let table = &rules.tables[attached.table];
            passed.by.push(self.base(table, attached.chain, passing, connection)?);
        }
        passing.tracked = true;
        if !translated {
            passed.translated = self.translate(hook, passing, connection)?;
        }
        Ok(passed)
    }

    /// The chains that filter on a hook. Which of one priority runs first nobody can see; it matters if one of them
    /// changes what another may test.
    fn in_order(&mut self, hook: Hook, v6: bool) -> Vec<Attached<'a>> {
        let rules = self.rules;
        let mut attached = rules.attached(hook, Purpose::Filter, v6);
        for equals in attached.chunk_by_mut(|one, other| one.priority == other.priority) {
            if equals.len() > 1 && equals.iter().any(|one| rules.marks[one.table]) {
                let question =
                    || format!("which of the chains of priority {} runs first", equals[0].priority);
                let order = &mut self.orders[hook as usize];
                if *order.get_or_insert_with(|| self.oracle.ask(question())) {
                    equals.reverse();
                }
            }
        }
        attached
    }

    /// One base chain: who let the packet pass.
    fn base(
        &mut self,
        table: &Table,
        chain: &str,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Result<Decision, Stop> {
        match self.run(table, chain, 0, passing, connection) {
            End::Accept(by) => Ok(by),
            End::Stop(stop) => Err(stop),
            End::Back => {
                let drops = table
                    .chains
                    .get(chain)
                    .and_then(|chain| chain.base.as_ref())
                    .is_some_and(|base| base.drops);
                let by = Decision {
                    cause: Cause::Policy,
                    table: table.name.clone(),
                    chain: chain.to_owned(),
                    number: 0,
                    text: if drops { "drop" } else { "accept" }.to_owned(),
                };
                if drops { Err(Stop::closed(by)) } else { Ok(by) }
            }
        }
    }

    fn translate(
        &mut self,
        hook: Hook,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Result<Option<Decision>, Stop> {
        if connection.untracked {
            return Ok(None);
        }
        let targets = matches!(hook, Hook::Prerouting | Hook::Output);
        let mut by = None;
        let sought = if targets { connection.target_sought } else { connection.source_sought };
        if !passing.reply && !sought {
            let rules = self.rules;
            let chains = rules.attached(hook, Purpose::Translate, passing.target.is_ipv6());
            for equals in chains.chunk_by(|one, other| one.priority == other.priority) {
                by = self.first_of(equals, passing, connection)?;
                if by.is_some() {
                    break;
                }
            }
            if targets { connection.target_sought = true } else { connection.source_sought = true }
        }
        match (passing.reply, targets) {
            (false, true) => {
                if let Some((address, port)) = connection.new_target {
                    (passing.target, passing.port) = (address, port);
                }
            }
            (false, false) => {
                if let Some(address) = connection.new_source {
                    passing.source = address;
                }
            }
            (true, true) if connection.new_source.is_some() => passing.target = connection.source,
            (true, false) if connection.new_target.is_some() => {
                (passing.source, passing.source_port) = (connection.target, connection.port);
            }
            (true, _) => {}
        }
        Ok(by)
    }

    /// Chains of one priority: the one that was attached last runs first, and nobody can see which that was. It matters
    /// only if they translate differently.
    fn first_of(
        &mut self,
        equals: &[Attached<'_>],
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Result<Option<Decision>, Stop> {
        let rules = self.rules;
        let before = (connection.new_target, connection.new_source);
        let mut found: Option<(Decision, Passing, Connection)> = None;
        for attached in equals {
            let (mut p, mut c) = (passing.clone(), connection.clone());
            let by = self.base(&rules.tables[attached.table], attached.chain, &mut p, &mut c)?;
            let to = (c.new_target, c.new_source);
            match &found {
                _ if to == before => (passing.mark, connection.mark) = (p.mark, c.mark),
                None => found = Some((by, p, c)),
                Some((_, _, other)) if (other.new_target, other.new_source) == to => {}
                Some((other, ..)) => {
                    if self
                        .oracle
                        .ask(format!("which of two chains of one priority runs first: {other}, or {by}"))
                    {
                        found = Some((by, p, c));
                    }
                }
            }
        }
        Ok(found.map(|(by, p, c)| {
            (*passing, *connection) = (p, c);
            by
        }))
    }

    fn run(
        &mut self,
        table: &Table,
        name: &str,
        depth: usize,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> End {
        let Some(chain) = table.chains.get(name) else {
            return End::Stop(Stop::unknown(format!("{}: nobody here knows what {name} does", table.name)));
        };
        for rule in &chain.rules {
            self.looks += 1;
            if self.looks > LOOKS || depth > DEPTH {
                return End::Stop(Stop::unknown("the rules are too many to follow"));
            }
            let decision = || Decision {
                cause: Cause::Rule,
                table: table.name.clone(),
                chain: name.to_owned(),
                number: rule.number,
                text: rule.text.clone(),
            };
            match self.rule(rule, &decision, passing, connection) {
                Said::Nothing | Said::Skip => {}
                Said::Return => return End::Back,
                Said::Goto(to) => return self.run(table, &to, depth + 1, passing, connection),
                Said::Jump(to) => match self.run(table, &to, depth + 1, passing, connection) {
                    End::Back => {}
                    end => return end,
                },
                Said::End(end) => return end,
            }
        }
        End::Back
    }

    fn rule(
        &mut self,
        rule: &Rule,
        decision: &impl Fn() -> Decision,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Said {
        let mut doubt = false;
        for step in &rule.steps {
            match step {
                Step::Test(test) => match passing.test(test, connection, self.network) {
                    Found::Yes => {}
                    Found::No => return Said::Nothing,
                    Found::Maybe(_) => doubt = true,
                },
                Step::Act(Action::Watch) => {}
                Step::Act(action) => {
                    // Only now does it matter.
                    if std::mem::take(&mut doubt)
                        && !self.oracle.ask(format!("whether this matches: {}", decision()))
                    {
                        return Said::Nothing;
                    }
                    match self.act(action, decision, passing, connection) {
                        Said::Nothing => {}
                        Said::Skip => return Said::Nothing,
                        said => return said,
                    }
                }
            }
        }
        Said::Nothing
    }

    fn act(
        &mut self,
        action: &Action,
        decision: &impl Fn() -> Decision,
        passing: &mut Passing,
        connection: &mut Connection,
    ) -> Said {
        match action {
            Action::Accept => return Said::End(End::Accept(decision())),
            Action::Drop | Action::Reject => return Said::End(End::Stop(Stop::closed(decision()))),
            Action::Return => return Said::Return,
            Action::Jump(to) => return Said::Jump(to.clone()),
            Action::Goto(to) => return Said::Goto(to.clone()),
            Action::Mark { keep, flip } => passing.mark = (passing.mark & keep) ^ flip,
            // What is not known yet cannot be marked.
            Action::ConnectionMark { .. } | Action::SaveMark { .. } | Action::RestoreMark { .. }
                if !passing.tracked || connection.untracked => {}
            Action::ConnectionMark { keep, flip } => connection.mark = (connection.mark & keep) ^ flip,
            Action::SaveMark { keep, take } => {
                connection.mark = (connection.mark & keep) ^ (passing.mark & take);
            }
            Action::RestoreMark { keep, take } => {
                passing.mark = (passing.mark & keep) ^ (connection.mark & take);
            }
            Action::Untrack => {
                if !passing.tracked {
                    connection.untracked = true;
                }
            }
            Action::Watch => {}
            Action::Unclear(what) => {
                let text = format!("{}: not understood: {what}", decision());
                return Said::End(End::Stop(Stop::unknown(text)));
            }
            Action::Choose { fields, entries } => {
                let chosen = passing.choose(fields, entries, connection, self.network);
                return match chosen {
                    Some(action) => self.act(action, decision, passing, connection),
                    // A missing entry ends the rule like a test that fails.
                    None => Said::Skip,
                };
            }
            Action::Target { address, port, here } => {
                let v6 = passing.target.is_ipv6();
                let address = match (address, here) {
                    (Some(address), _) => Some(*address),
                    (None, false) => Some(passing.target),
                    (None, true) if passing.enters.is_empty() => Some(if v6 {
                        IpAddr::V6(Ipv6Addr::LOCALHOST)
                    } else {
                        IpAddr::V4(Ipv4Addr::LOCALHOST)
                    }),
                    (None, true) => self.network.first_address(&passing.enters, v6),
                };
                let Some(address) = address else { return Said::End(End::Stop(Stop::closed(decision()))) };
                let target = (address, port.unwrap_or(passing.port));
                if target != (passing.target, passing.port) {
                    connection.new_target = Some(target);
                }
                return Said::End(End::Accept(decision()));
            }
            Action::Source { address } => {
                let address = address.or_else(|| self.network.masquerade(&passing.leaves, passing.target));
                let Some(address) = address else { return Said::End(End::Stop(Stop::closed(decision()))) };
                if address != passing.source {
                    connection.new_source = Some(address);
                }
                return Said::End(End::Accept(decision()));
            }
        }
        Said::Nothing
    }
}
