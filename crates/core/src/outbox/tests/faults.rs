//! All of it under random faults: restarts, clocks set back, receivers that refuse, hang or die.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Open(u8),
    Remind(u8),
    Climb(u8),
    End(u8),
    Wait(u16),
    ClockBack(u16),
    Answer(u8, Answer),
    Restart,
    Prune,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Accept,
    AcceptAndDie,
    NotNow,
    Refuse,
    Nothing,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![
        4 => Just(Answer::Accept),
        1 => Just(Answer::AcceptAndDie),
        4 => Just(Answer::NotNow),
        1 => Just(Answer::Refuse),
        1 => Just(Answer::Nothing),
    ];
    let step = prop_oneof![
        6 => (0..40u8).prop_map(Step::Open),
        3 => (0..40u8).prop_map(Step::Remind),
        2 => (0..40u8).prop_map(Step::Climb),
        4 => (0..40u8).prop_map(Step::End),
        5 => (0..90u16).prop_map(Step::Wait),
        1 => (0..20_000u16).prop_map(Step::Wait),
        1 => (0..4000u16).prop_map(Step::ClockBack),
        12 => (any::<u8>(), answer).prop_map(|(which, answer)| Step::Answer(which, answer)),
        1 => Just(Step::Restart),
        1 => Just(Step::Prune),
    ];
    proptest::collection::vec(step, 1..250)
}

const TO: [&[&str]; 4] = [&["ops"], &["chat", "phone"], &["ops", "phone"], &["lone"]];

/// The world around the outbox: what is stored, what is under way, and what people have really heard.
struct World {
    outbox: Outbox,
    stored: BTreeMap<String, Entry>,
    forgotten: BTreeSet<String>,
    flying: Vec<Dispatch>,
    heard: BTreeMap<ChannelName, Vec<(IncidentId, u32, bool)>>,
    receipts: BTreeMap<String, u32>,
    deaths: BTreeMap<String, u32>,
    /// Heard on that channel in a moment that the outbox did not live to see.
    unsure: BTreeSet<(ChannelName, IncidentId)>,
    opened: BTreeMap<u8, u32>,
    climbed: BTreeSet<String>,
    ended: BTreeSet<u8>,
    pages: Vec<Page>,
    generation: BTreeMap<u8, u32>,
    now: Timestamp,
}

fn routes() -> Vec<Route> {
    let mut routes = vec![
        route("ops", Some("phone")),
        route("chat", Some("ops")),
        route("phone", None),
        route("lone", None),
    ];
    routes[0].quota = Some(12);
    routes[3].quota = Some(10);
    routes
}

impl World {
    fn new() -> Self {
        Self {
            outbox: Outbox::new(routes()),
            stored: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            flying: Vec::new(),
            heard: BTreeMap::new(),
            receipts: BTreeMap::new(),
            deaths: BTreeMap::new(),
            unsure: BTreeSet::new(),
            opened: BTreeMap::new(),
            climbed: BTreeSet::new(),
            ended: BTreeSet::new(),
            pages: Vec::new(),
            generation: BTreeMap::new(),
            now: at(0),
        }
    }

    fn commit(&mut self) {
        for entry in self.outbox.changes() {
            self.stored.insert(entry.key(), entry);
        }
    }

    fn name(&self, n: u8) -> String {
        format!("i{n}-{}", self.generation.get(&n).copied().unwrap_or(0))
    }

    fn put(&mut self, mut page: Page) {
        // Some have a cause in common.
        let host = page.incident.as_str().len() + usize::from(page.incident.as_str().ends_with('0'));
        page.causes = vec![Cause::Target(host.to_string())];
        self.outbox.enqueue(&page, self.now);
        self.pages.push(page);
        self.commit();
    }

    fn fetch(&mut self) {
        let fresh = self.outbox.due(self.now);
        for one in &fresh {
            // What the outbox gave up as lost is no longer under way.
            self.flying.retain(|old| old.entry.channel != one.entry.channel);
        }
        self.flying.extend(fresh);
        let channels: BTreeSet<&ChannelName> = self.flying.iter().map(|one| &one.entry.channel).collect();
        assert_eq!(channels.len(), self.flying.len(), "two in flight on one channel");
        self.commit();
    }

    fn hear(&mut self, one: &Dispatch, in_time: bool) {
        if !in_time {
            for entry in one.folded.iter().chain([&one.entry]) {
                self.unsure.insert((entry.channel.clone(), entry.page.incident.clone()));
            }
            *self.deaths.entry(one.key.clone()).or_default() += 1;
        }
        *self.receipts.entry(one.key.clone()).or_default() += 1;
        let mut told: Vec<&Entry> = one.folded.iter().chain([&one.entry]).collect();
        told.sort_by_key(|entry| entry.page.number);
        for entry in told {
            self.heard.entry(entry.channel.clone()).or_default().push((
                entry.page.incident.clone(),
                entry.page.number,
                entry.page.news.is_end(),
            ));
        }
    }

    fn restart(&mut self) {
        self.flying.clear();
        self.outbox = Outbox::restore(self.stored.values().cloned().collect(), routes());
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Open(n) => {
                if self.ended.remove(n) {
                    *self.generation.entry(*n).or_default() += 1;
                    self.opened.remove(n);
                }
                if !self.opened.contains_key(n) {
                    self.opened.insert(*n, 0);
                    let page = opened(&self.name(*n), TO[usize::from(*n) % TO.len()]);
                    self.put(page);
                }
            }
            Step::Remind(n) | Step::Climb(n) | Step::End(n) => {
                let end = matches!(step, Step::End(_));
                if self.ended.contains(n) {
                    return;
                }
                let Some(number) = self.opened.get_mut(n) else { return };
                *number += 1;
                let number = *number;
                let mut to = TO[usize::from(*n) % TO.len()].to_vec();
                let name = self.name(*n);
                if matches!(step, Step::Climb(_)) {
                    self.climbed.insert(name.clone());
                    self.put(super::tests::step(&name, number, &["phone"]));
                    return;
                }
                if self.climbed.contains(&name) && !to.contains(&"phone") {
                    to.push("phone");
                }
                let to = to.as_slice();
                if end {
                    self.ended.insert(*n);
                    self.put(resolved(&name, number, to));
                } else {
                    self.put(reminder(&name, number, to));
                }
            }
            Step::Wait(seconds) => {
                self.now = self.now + Span::seconds(u64::from(*seconds));
                self.fetch();
            }
            Step::ClockBack(seconds) => self.now = self.now - Span::seconds(u64::from(*seconds)),
            Step::Answer(which, answer) => {
                self.fetch();
                if self.flying.is_empty() {
                    return;
                }
                let one = self.flying.swap_remove(usize::from(*which) % self.flying.len());
                self.answer(one, *answer);
            }
            Step::Restart => self.restart(),
            Step::Prune => {
                for key in self.outbox.prune(self.now - Span::minutes(10)) {
                    self.stored.remove(&key);
                    self.forgotten.insert(key);
                }
                self.commit();
            }
        }
    }

    fn answer(&mut self, one: Dispatch, answer: Answer) {
        match answer {
            Answer::Accept => {
                let lane = &self.outbox.lanes[&one.entry.channel];
                let in_time = lane.in_flight.is_some_and(|flight| {
                    self.outbox.entries.get(&flight.id).is_some_and(|entry| entry.key() == one.entry.key())
                });
                self.hear(&one, in_time);
                self.outbox.report(&one.key, accepted(), self.now);
            }
            Answer::AcceptAndDie => {
                self.hear(&one, false);
                self.restart();
            }
            Answer::NotNow => self.outbox.report(&one.key, not_now(), self.now),
            Answer::Refuse => self.outbox.report(&one.key, refused(), self.now),
            // The worker is lost; the outbox finds out by itself.
            Answer::Nothing => self.flying.push(one),
        }
        self.commit();
    }

    /// Everything works from now on, until nothing is left to do.
    fn calm_down(&mut self) {
        for _ in 0..100_000 {
            self.fetch();
            while let Some(one) = self.flying.pop() {
                self.answer(one, Answer::Accept);
            }
            match self.outbox.next_try() {
                Some(next) => self.now = self.now.max(next),
                None => return,
            }
        }
        panic!("it never comes to rest");
    }

    fn verify(&self) {
        assert_eq!(self.outbox.oldest_undelivered(self.now + Span::days(1)), None);
        let stored: BTreeMap<String, Entry> =
            self.outbox.entries().map(|entry| (entry.key(), entry.clone())).collect();
        assert_eq!(stored, self.stored, "what is stored is what is known");
        for page in &self.pages {
            for name in &page.to {
                let key = format!("{}/{}/{}", page.incident, page.number, name);
                assert!(self.stored.contains_key(&key) || self.forgotten.contains(&key), "{key} was dropped");
            }
        }
        for entry in self.stored.values() {
            let mut last = entry;
            while let EntryState::Folded { into, .. } = &last.state {
                last = self.stored.get(into).expect("the carrier is known");
            }
            match &last.state {
                EntryState::Delivered { .. } => {
                    let meant = entry.fallback_for.is_none();
                    assert!(!meant || last.channel == entry.channel, "{} was told to others", entry.key());
                }
                EntryState::Refused { .. } => self.verify_fallback_was_tried(last),
                other => panic!("{} is {other:?}", last.key()),
            }
        }
        for (name, heard) in &self.heard {
            self.verify_order(name, heard);
        }
        for (key, times) in &self.receipts {
            let deaths = self.deaths.get(key).copied().unwrap_or(0);
            assert!(*times <= 1 + deaths, "{key} was told {times} times after {deaths} deaths");
        }
    }

    fn verify_fallback_was_tried(&self, refused: &Entry) {
        let fallback =
            routes().into_iter().find(|route| route.name == refused.channel).and_then(|route| route.fallback);
        if let Some(fallback) = fallback {
            let there =
                self.stored.values().map(Entry::key).chain(self.forgotten.iter().cloned()).any(|key| {
                    key == format!("{}/{}/{fallback}", refused.page.incident, refused.page.number)
                });
            assert!(there, "{} was refused and not passed on", refused.key());
        }
    }

    fn verify_order(&self, name: &ChannelName, heard: &[(IncidentId, u32, bool)]) {
        let mut over: BTreeSet<&IncidentId> = BTreeSet::new();
        let mut known: BTreeSet<&IncidentId> = BTreeSet::new();
        for (incident, number, end) in heard {
            let key = format!("{incident}/{number}/{name}");
            if *end {
                over.insert(incident);
            } else {
                let unsure = self.unsure.contains(&(name.clone(), incident.clone()));
                assert!(unsure || !over.contains(incident), "{key}: bad news after the end");
                known.insert(incident);
            }
        }
        for page in self.pages.iter().filter(|page| page.news.is_end() && known.contains(&page.incident)) {
            let key = format!("{}/{}/{}", page.incident, page.number, name);
            let refused = self.stored.get(&key).is_some_and(|entry| {
                let mut last = entry;
                while let EntryState::Folded { into, .. } = &last.state {
                    last = self.stored.get(into).expect("the carrier is known");
                }
                matches!(last.state, EntryState::Refused { .. })
            });
            let told = over.contains(&page.incident) || refused || self.forgotten.contains(&key);
            let unsure = self.unsure.contains(&(name.clone(), page.incident.clone()));
            let entries = self.stored.values().filter(|entry| entry.page.incident == page.incident);
            let states: Vec<String> =
                entries.map(|entry| format!("{} {:?}", entry.key(), entry.state)).collect();
            assert!(told || unsure, "{name} was told of {} and not of its end: {states:#?}", page.incident);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_page_ends_told_refused_or_told_with_another(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.calm_down();
        world.verify();
    }
}
