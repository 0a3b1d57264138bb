//! The network between the SIMs: who has which number, what waits for whom, rules, reports. It knows octets and times, no lines.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::clock::{Clock, Nanos, Stamps, nanos};
use crate::device::{Fail, Plan};
use crate::dice::Dice;
use crate::fault::Rule;
use crate::incoming;
use crate::record::{Sent, Stats};
use crate::settings::{Record, Settings, Sink};
use crate::wire::{self, Submit};

/// Subscribers, rules and what was sent.
#[derive(Debug)]
pub(crate) struct Exchange {
    settings: Settings,
    clock: Arc<Clock>,
    stamps: Stamps,
    lines: Vec<Line>,
    numbers: HashMap<String, usize>,
    rules: Vec<Rule>,
    sent: Vec<SentRecord>,
    dice: Dice,
    pub(crate) stats: Stats,
}

/// A subscriber: a number, the modem that has its SIM, and what waits for it.
#[derive(Debug)]
struct Line {
    address: Vec<u8>,
    smsc: Vec<u8>,
    waiting: VecDeque<Item>,
    /// The item at the front was routed and waits for its acknowledgement.
    routed: bool,
    /// Further copies of the next message.
    duplicates: u32,
}

/// Something that is to reach a modem.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) tpdu: Vec<u8>,
    /// The report that is due once it has arrived.
    report: Option<Ticket>,
    /// When the network no longer tries.
    expires: Option<Nanos>,
}

/// What a status report needs (TS 23.040 9.2.2.3).
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    line: usize,
    reference: u8,
    to: Vec<u8>,
    scts: [u8; 7],
    /// TP-ST of each report, in order.
    statuses: Vec<u8>,
    delay: Nanos,
}

/// What the world is to do after some time.
#[derive(Debug)]
pub(crate) enum Event {
    /// Put an item into a subscriber's queue.
    Arrive { line: usize, item: Item },
    /// Make the next report of a ticket.
    Report(Ticket),
    /// Try a subscriber's queue again.
    Retry { line: usize },
    /// Something in a subscriber's queue may have waited for too long.
    Expire { line: usize },
}

#[derive(Debug)]
struct SentRecord {
    line: usize,
    reference: u8,
    tpdu: Vec<u8>,
    asked: Nanos,
    replied: Nanos,
}

/// How a submission is to be treated.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) latency: Nanos,
    pub(crate) refusal: Option<Fail>,
    rule: Option<usize>,
}

impl Exchange {
    pub(crate) fn new(settings: Settings, clock: Arc<Clock>) -> Self {
        Self {
            settings,
            stamps: Stamps::new(Arc::clone(&clock)),
            clock,
            lines: Vec::new(),
            numbers: HashMap::new(),
            rules: Vec::new(),
            sent: Vec::new(),
            dice: Dice::default(),
            stats: Stats::default(),
        }
    }

    /// A new subscriber; subscribers have the places of their modems.
    pub(crate) fn subscribe(&mut self, number: &str, smsc: &str) {
        self.numbers.insert(number.into(), self.lines.len());
        self.lines.push(Line {
            address: wire::address(number),
            smsc: if smsc.is_empty() {
                vec![0]
            } else {
                wire::smsc_part(smsc)
            },
            waiting: VecDeque::new(),
            routed: false,
            duplicates: 0,
        });
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn line_of(&self, number: &str) -> Option<usize> {
        self.numbers.get(number).copied()
    }

    pub(crate) fn set_rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    pub(crate) fn set_latency(&mut self, latency: std::time::Duration) {
        self.settings.latency = latency;
    }

    pub(crate) fn duplicate_next(&mut self, line: usize, times: u32) {
        self.lines[line].duplicates = times;
    }

    /// How long a submission takes and whether it is refused.
    pub(crate) fn judge(&mut self, from: &str, tpdu: &[u8], plan: &Plan) -> Verdict {
        let mut verdict = Verdict {
            latency: nanos(self.settings.latency),
            refusal: None,
            rule: None,
        };
        if let Plan::Fail {
            fail,
            delay,
            sent: false,
        } = plan
        {
            verdict.latency += delay;
            verdict.refusal = Some(fail.clone());
            return verdict;
        }
        if self.rules.is_empty() && self.settings.sink != Sink::Unassigned {
            return verdict;
        }
        let to = Submit::decode(tpdu).map(|submit| submit.number()).unwrap_or_default();
        let unassigned = self.settings.sink == Sink::Unassigned && !self.numbers.contains_key(&to);
        verdict.refusal = unassigned.then_some(Fail::Cms(1));
        let chance = self.dice.percent();
        let fits = |rule: &Rule| rule.fits(from, &to) && rule.percent.is_none_or(|percent| chance < percent);
        let Some(at) = self.rules.iter().position(fits) else {
            return verdict;
        };
        let rule = &mut self.rules[at];
        rule.count = rule.count.map(|count| count - 1);
        verdict.latency = rule.latency_ms.map_or(verdict.latency, |ms| ms * MILLISECOND);
        verdict.refusal = rule.cms.map(Fail::Cms).or(verdict.refusal);
        verdict.rule = Some(at);
        verdict
    }

    /// Takes a message from the subscriber `line`: records it, and gives what follows from it and when. The number in the record is
    /// for [`Exchange::replied`].
    pub(crate) fn accept(
        &mut self,
        line: usize,
        tpdu: Vec<u8>,
        reference: u8,
        verdict: &Verdict,
        asked: Nanos,
        now: Nanos,
    ) -> (Vec<(Nanos, Event)>, u64) {
        let rule = verdict
            .rule
            .and_then(|at| self.rules.get(at))
            .cloned()
            .unwrap_or_default();
        let events = self.follow_ups(line, &tpdu, reference, &rule, now);
        let sequence = self.stats.sent;
        self.stats.sent += 1;
        if self.stats.first_asked_us == 0 {
            self.stats.first_asked_us = self.clock.unix_us(asked);
        }
        if self.settings.record != Record::Counts {
            let tpdu = if self.settings.record == Record::Everything {
                tpdu
            } else {
                Vec::new()
            };
            self.sent.push(SentRecord {
                line,
                reference,
                tpdu,
                asked,
                replied: 0,
            });
        }
        (events, sequence)
    }

    /// `+CMGS` for a message was written.
    pub(crate) fn replied(&mut self, sequence: u64, asked: Nanos, now: Nanos) {
        self.stats.latency_sum_us += (now - asked) / 1000;
        self.stats.latency_count += 1;
        self.stats.last_replied_us = self.clock.unix_us(now);
        if let Some(record) = usize::try_from(sequence).ok().and_then(|at| self.sent.get_mut(at)) {
            record.replied = now;
        }
    }

    /// What follows from an event of the network; queues that grew are named.
    pub(crate) fn happen(&mut self, event: Event, now: Nanos) -> (Option<usize>, Option<(Nanos, Event)>) {
        match event {
            Event::Retry { line } => (Some(line), self.expire(line, now)),
            Event::Expire { line } => (None, self.expire(line, now)),
            Event::Arrive { line, item } => {
                self.lines[line].waiting.push_back(item);
                self.stats.waiting += 1;
                (Some(line), None)
            }
            Event::Report(mut ticket) => {
                let status = ticket.statuses.remove(0);
                let done = self.stamps.scts(now);
                let tpdu = wire::status_report(ticket.reference, &ticket.to, ticket.scts, done, status);
                let line = ticket.line;
                self.lines[line].waiting.push_back(Item::lasting(tpdu));
                self.stats.waiting += 1;
                let next = (!ticket.statuses.is_empty()).then_some((ticket.delay, Event::Report(ticket)));
                (Some(line), next)
            }
        }
    }

    /// When the item that came last has waited for too long, where it waits and will not do so for ever.
    pub(crate) fn expiry_of_last(&self, line: usize, now: Nanos) -> Option<(Nanos, Event)> {
        let expires = self.lines[line].waiting.back()?.expires?;
        Some((expires.saturating_sub(now), Event::Expire { line }))
    }

    /// Gives up an item that waited for longer than it is good, with a report that says so. One that the modem has and has
    /// not acknowledged yet is still on its way.
    fn expire(&mut self, line: usize, now: Nanos) -> Option<(Nanos, Event)> {
        let subscriber = &mut self.lines[line];
        let on_its_way = usize::from(subscriber.routed);
        let is_old = |item: &Item| item.expires.is_some_and(|expires| expires <= now);
        let old = subscriber.waiting.iter().skip(on_its_way).position(is_old)?;
        let item = subscriber.waiting.remove(old + on_its_way)?;
        self.stats.waiting -= 1;
        self.stats.expired += 1;
        let ticket = Ticket {
            statuses: vec![VALIDITY_EXPIRED],
            ..item.report?
        };
        Some((ticket.delay, Event::Report(ticket)))
    }

    /// The item that is to be handed to a subscriber's modem next, with the SMSC part before it.
    pub(crate) fn next_for(&self, line: usize) -> Option<(&[u8], &[u8])> {
        let line = &self.lines[line];
        let item = line.waiting.front().filter(|_| !line.routed)?;
        Some((&line.smsc, &item.tpdu))
    }

    /// The item at the front was routed: it stays until it is acknowledged.
    pub(crate) fn routed(&mut self, line: usize) {
        self.lines[line].routed = true;
    }

    /// The item at the front arrived; a report may follow from it.
    pub(crate) fn arrived(&mut self, line: usize) -> Option<(Nanos, Event)> {
        let subscriber = &mut self.lines[line];
        subscriber.routed = false;
        let mut item = subscriber.waiting.pop_front()?;
        self.stats.waiting -= 1;
        if item.tpdu.first().is_some_and(|first| first & 0x03 == 0x02) {
            self.stats.reported += 1;
            return None;
        }
        self.stats.delivered += 1;
        if subscriber.duplicates > 0 {
            subscriber.duplicates -= 1;
            self.stats.waiting += 1;
            subscriber.waiting.push_front(Item::lasting(item.tpdu.clone()));
        }
        item.report.take().map(|ticket| (ticket.delay, Event::Report(ticket)))
    }

    /// The routed item was not acknowledged, or its modem went away: it is tried again later.
    pub(crate) fn not_arrived(&mut self, line: usize) -> (Nanos, Event) {
        self.lines[line].routed = false;
        (nanos(self.settings.redelivery), Event::Retry { line })
    }

    pub(crate) fn was_routed(&self, line: usize) -> bool {
        self.lines[line].routed
    }

    /// Messages accepted so far, from a place in their row on.
    pub(crate) fn sent(&self, from: usize) -> Vec<Sent> {
        let records = self.sent.iter().enumerate().skip(from);
        records.map(|(at, record)| self.shown(at, record)).collect()
    }

    /// Ctrl-Z and `+CMGS` of each message, in microseconds of Unix time.
    pub(crate) fn times(&self) -> Vec<(u64, u64)> {
        let shown = |at| if at == 0 { 0 } else { self.clock.unix_us(at) };
        self.sent
            .iter()
            .map(|record| (shown(record.asked), shown(record.replied)))
            .collect()
    }

    /// Forgets what was sent and starts counting anew.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.stats = Stats {
            waiting: self.stats.waiting,
            ..Stats::default()
        };
    }

    /// A DELIVER from outside, stamped by this network.
    pub(crate) fn stamp(&mut self, now: Nanos) -> [u8; 7] {
        self.stamps.scts(now)
    }

    /// Puts a DELIVER from outside into a subscriber's queue.
    pub(crate) fn push(&mut self, line: usize, tpdu: Vec<u8>) {
        self.stats.waiting += 1;
        self.lines[line].waiting.push_back(Item::lasting(tpdu));
    }

    fn shown(&self, at: usize, record: &SentRecord) -> Sent {
        let submit = Submit::decode(&record.tpdu).ok();
        Sent {
            sequence: at as u64,
            modem: record.line,
            from: wire::number_of(&self.lines[record.line].address),
            to: submit.map(|submit| submit.number()).unwrap_or_default(),
            reference: record.reference,
            tpdu: hex::encode_upper(&record.tpdu),
            text: incoming::text_of(&record.tpdu),
            asked_us: self.clock.unix_us(record.asked),
            replied_us: if record.replied == 0 {
                0
            } else {
                self.clock.unix_us(record.replied)
            },
        }
    }

    fn follow_ups(&mut self, line: usize, tpdu: &[u8], reference: u8, rule: &Rule, now: Nanos) -> Vec<(Nanos, Event)> {
        let Ok(submit) = Submit::decode(tpdu) else {
            return Vec::new();
        };
        let scts = self.stamps.scts(now);
        let second = i64::try_from(self.clock.unix_us(now) / 1_000_000).unwrap_or(i64::MAX);
        let expires = submit.lifetime(second).map(|span| now.saturating_add(nanos(span)));
        let delivery = rule
            .delivery_ms
            .map_or(nanos(self.settings.delivery_delay), |ms| ms * MILLISECOND);
        let delay = rule
            .report_ms
            .map_or(nanos(self.settings.report_delay), |ms| ms * MILLISECOND);
        let statuses = rule.reports.clone().unwrap_or_else(|| vec![0]);
        let wanted = submit.wants_report() && !rule.no_report && !rule.lost && !statuses.is_empty();
        let reaches = !rule.lost && (statuses.is_empty() || statuses.iter().any(|&status| status < 0x20));
        let ticket = wanted.then(|| Ticket {
            line,
            reference,
            to: submit.to().to_vec(),
            scts,
            statuses,
            delay,
        });
        let Some(&to) = self.numbers.get(&submit.number()) else {
            self.stats.sunk += 1;
            let report = ticket.filter(|_| self.settings.sink == Sink::Delivered || rule.reports.is_some());
            return report
                .map(|ticket| (delivery + delay, Event::Report(ticket)))
                .into_iter()
                .collect();
        };
        if !reaches {
            return ticket
                .map(|ticket| (delivery + delay, Event::Report(ticket)))
                .into_iter()
                .collect();
        }
        let deliver = submit.to_deliver(&self.lines[line].address, scts);
        // Reports that tell of trouble first do not wait for the recipient.
        let early = rule.reports.is_some();
        let (with_item, apart) = if early { (None, ticket) } else { (ticket, None) };
        let arrive = |report| {
            let item = Item {
                tpdu: deliver.clone(),
                report,
                expires,
            };
            (delivery, Event::Arrive { line: to, item })
        };
        let mut events = vec![arrive(with_item)];
        events.extend((0..rule.duplicates).map(|_| arrive(None)));
        events.extend(apart.map(|ticket| (delivery + delay, Event::Report(ticket))));
        events
    }
}

impl Item {
    /// An item without a report that waits for as long as it takes.
    fn lasting(tpdu: Vec<u8>) -> Self {
        Self {
            tpdu,
            report: None,
            expires: None,
        }
    }
}

const MILLISECOND: Nanos = 1_000_000;
/// TP-ST "SM validity period expired" (TS 23.040 9.2.3.15).
const VALIDITY_EXPIRED: u8 = 0x46;
