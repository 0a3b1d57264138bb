//! The book of incidents: what follows from alerts, answers and the passing of time. A value without clock, store or
//! socket: alerts and the time go in, changed incidents and notices come out of [`Book::take`].
//!
//! Every timer is a field of an incident, so a book that is read back from the store goes on where it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use message::{Alert, AlertLetter, RaisedAlert, Severity};

use super::incident::{Call, Incident, State};
use super::plan::Plan;
use super::rule::{Rule, STORM};
use super::words::Saying;

/// Incidents that are not closed.
#[derive(Debug)]
pub(super) struct Book {
    plan: Arc<Plan>,
    incidents: BTreeMap<i64, Incident>,
    /// The live incident of a rule and what its alerts share.
    live: HashMap<(String, String), i64>,
    /// How many live incidents each rule has.
    next_row: i64,
    work: Work,
}

/// What is to be kept and done.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Rows of incidents that changed.
    changed: BTreeSet<i64>,
    /// Alerts and the incidents they belong to.
    pub(super) links: Vec<(i64, i64)>,
    /// What people are told.
    pub(super) notices: Vec<Notice>,
    /// The incidents as they are now.
    pub(super) incidents: Vec<(i64, Incident)>,
}

/// Something that somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The incident's row.
    pub(super) incident: i64,
    /// Which notice of the incident it is, from 1.
    pub(super) place: u32,
    /// The person of the rota that it calls.
    pub(super) calls: Option<String>,
    /// How and what.
    pub(super) way: Way,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// By SMS.
    Sms {
        /// The number.
        to: String,
        /// The text.
        text: String,
        /// Whether it shows at once and is not kept by the phone.
        flash: bool,
    },
    /// By mail.
    Mail {
        /// The addresses, for people.
        to: String,
        /// The mail.
        letter: Box<AlertLetter>,
    },
    /// Not at all: somebody should have been told.
    Nobody {
        /// Who, or which rota.
        to: String,
        /// Why not.
        problem: String,
    },
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// These are taken now: the number and what it is about.
    Taken(Vec<(i64, String)>),
    /// Somebody had taken it.
    Before {
        /// Its number.
        number: i64,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// There is nothing by this number, or it is not clear which one is meant; these can be taken.
    Unclear(Vec<i64>),
}

impl Work {
    /// Whether there is nothing to keep or do.
    pub(super) fn is_nothing(&self) -> bool {
        self.incidents.is_empty() && self.notices.is_empty() && self.links.is_empty()
    }
}

impl Book {
    /// The book with these incidents, which are not closed; `next_row` is the row of the next one.
    pub(super) fn new(plan: Arc<Plan>, incidents: Vec<(i64, Incident)>, next_row: i64) -> Self {
        let mut book = Self {
            plan,
            incidents: incidents.into_iter().collect(),
            live: HashMap::new(),
            next_row,
            work: Work::default(),
        };
        let live = book.incidents.iter().filter(|(_, incident)| incident.is_live());
        book.live = live
            .map(|(row, incident)| ((incident.rule.clone(), incident.fold.clone()), *row))
            .collect();
        book
    }

    /// Puts an alert before the rules.
    pub(super) fn receive(&mut self, alert: &RaisedAlert, now: Timestamp) {
        if alert.alert.ended {
            return self.end(alert, now);
        }
        let plan = Arc::clone(&self.plan);
        let fitting = plan
            .config
            .rules
            .iter()
            .filter(|rule| rule.why_not(&alert.alert, &plan.zone).is_none());
        for rule in fitting {
            if rule.tells() {
                self.join(rule, alert, now);
            }
            if !rule.also {
                break;
            }
        }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let due = |(row, incident): (&i64, &Incident)| incident.due().is_some_and(|due| due <= now).then_some(*row);
        let rows: Vec<i64> = self.incidents.iter().filter_map(due).collect();
        for row in rows {
            let incident = &self.incidents[&row];
            if incident.until.is_some_and(|until| until <= now) {
                self.look_again(row, now);
            }
            if self.incidents[&row].call.as_ref().is_some_and(|call| call.due <= now) {
                self.call_next(row, now);
            }
            self.settle(row, now);
        }
    }

    /// The clock was set by `by`, and shows `now`: what was to happen after a while still happens after that while. The end
    /// of quiet hours is a time of day, so it is looked at anew.
    pub(super) fn shift(&mut self, by: SignedDuration, now: Timestamp) {
        let plan = Arc::clone(&self.plan);
        for (row, incident) in &mut self.incidents {
            // Nothing waits longer than from now on: one that was opened after the clock was set would.
            let most = |wait: fn(&Rule) -> u32| {
                let rule = plan.config.rule(&incident.rule);
                rule.map_or(Timestamp::MAX, |rule| now + seconds(wait(rule)))
            };
            let (answer, cooldown) = (most(|rule| rule.answer_s), most(|rule| rule.cooldown_s));
            let moved = |at: Timestamp| at.checked_add(by).unwrap_or(now);
            incident.until = incident.until.map(|until| match incident.held {
                true => now,
                false => moved(until).min(cooldown),
            });
            if let Some(call) = &mut incident.call {
                call.due = moved(call.due).min(answer);
            }
            if let State::Unanswered { since } = &mut incident.state {
                *since = moved(*since).min(now);
            }
            self.work.changed.insert(*row);
        }
    }

    /// Somebody answers: takes the incidents of a number, or the only one that they were called for.
    pub(super) fn answer(&mut self, number: Option<i64>, by: &str, now: Timestamp) -> Answered {
        let called = |incident: &Incident| match number {
            Some(number) => incident.number == number,
            None => incident.called.iter().any(|called| called == by),
        };
        let mut rows: Vec<i64> = Vec::new();
        let mut before = None;
        for (row, incident) in self.incidents.iter().filter(|(_, incident)| called(incident)) {
            match &incident.state {
                State::Taken { by, at } if number.is_some() => {
                    before = Some(Answered::Before {
                        number: incident.number,
                        by: by.clone(),
                        at: *at,
                    });
                }
                _ if incident.can_be_taken() => rows.push(*row),
                _ => {}
            }
        }
        // Two rules may have an incident of the same number: what is still open counts first.
        if let Some(before) = before.filter(|_| rows.is_empty()) {
            return before;
        }
        if rows.is_empty() || (number.is_none() && rows.len() > 1) {
            let open = self.incidents.values().filter(|incident| incident.can_be_taken());
            let mut open: Vec<i64> = open.map(|incident| incident.number).collect();
            open.dedup();
            return Answered::Unclear(open);
        }
        let taken = rows.iter().map(|row| self.take_over(*row, by, now)).collect();
        Answered::Taken(taken)
    }

    /// Somebody could not be called at this number: the next one is at once.
    pub(super) fn unreachable(&mut self, row: i64, number: &str, now: Timestamp) {
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        if incident
            .called
            .last()
            .is_some_and(|last| self.plan.number(last) == number)
            && let Some(call) = &mut incident.call
        {
            call.due = now;
            self.work.changed.insert(row);
        }
    }

    /// The incidents that an alert would be counted into: the rule of each, and its number.
    pub(super) fn repeats(&self, alert: &RaisedAlert) -> Vec<(String, i64)> {
        let rules = self.plan.config.rules.iter();
        let repeats = |rule: &Rule| {
            let row = self.live.get(&(rule.name.clone(), rule.fold_key(&alert.alert)))?;
            Some((rule.name.clone(), self.incidents.get(row)?.number))
        };
        rules.filter_map(repeats).collect()
    }

    /// When [`Book::tick`] has something to do.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.incidents.values().filter_map(Incident::due).min()
    }

    /// All that are not closed.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// What is to be kept and done since the last call. Closed incidents leave the book with it.
    pub(super) fn take(&mut self) -> Work {
        let mut work = std::mem::take(&mut self.work);
        for row in std::mem::take(&mut work.changed) {
            if let Some(incident) = self.incidents.get(&row) {
                work.incidents.push((row, incident.clone()));
            }
        }
        self.incidents.retain(|_, incident| !incident.is_closed());
        work
    }

    /// Counts an alert into its incident, or opens one.
    fn join(&mut self, rule: &Rule, alert: &RaisedAlert, now: Timestamp) {
        let mut key = (rule.name.clone(), rule.fold_key(&alert.alert));
        if !self.live.contains_key(&key) && self.live_of(&rule.name) >= rule.storm as usize {
            key.1 = STORM.to_owned();
        }
        match self.live.get(&key) {
            Some(row) => self.count(*row, rule, alert, now),
            None => self.open(key, rule, alert, now),
        }
    }

    fn live_of(&self, rule: &str) -> usize {
        self.live.keys().filter(|(of, _)| of == rule).count()
    }

    fn open(&mut self, key: (String, String), rule: &Rule, alert: &RaisedAlert, now: Timestamp) {
        self.make_room();
        let row = self.next_row;
        self.next_row += 1;
        let incident = Incident::open(&rule.name, key.1.clone(), alert, now);
        self.incidents.insert(row, incident);
        self.live.insert(key, row);
        self.work.links.push((alert.number, row));
        match self.quiet_until(rule, alert.alert.severity, now) {
            Some(end) => self.hold(row, end),
            None => self.announce(row, rule, &alert.alert, now),
        }
    }

    /// Closes the oldest that nobody answered where there are very many of those: the memory is bounded.
    fn make_room(&mut self) {
        let parked = |(row, incident): (&i64, &Incident)| {
            let unanswered = matches!(incident.state, State::Unanswered { .. });
            (unanswered && !incident.is_live()).then_some(*row)
        };
        if self.incidents.len() < INCIDENTS_MOST {
            return;
        }
        let oldest = self.incidents.iter().find_map(parked);
        if let Some(incident) = oldest.and_then(|row| self.incidents.get_mut(&row)) {
            incident.state = State::Closed { by: None };
            self.work.changed.extend(oldest);
        }
    }

    fn count(&mut self, row: i64, rule: &Rule, alert: &RaisedAlert, now: Timestamp) {
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        let worse = alert.alert.severity > incident.worst;
        incident.add(alert);
        incident.ended_at = None;
        incident.until.get_or_insert(now + seconds(rule.cooldown_s));
        self.work.links.push((alert.number, row));
        self.work.changed.insert(row);
        if worse && self.quiet_until(rule, alert.alert.severity, now).is_none() {
            // What is worse than all before is new, whoever took those.
            if let Some(incident) = self.incidents.get_mut(&row) {
                incident.state = State::Open;
            }
            self.announce(row, rule, &alert.alert, now);
        }
    }

    /// The cooldown, or the quiet hours, are over.
    fn look_again(&mut self, row: i64, now: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        self.work.changed.insert(row);
        let rule = plan.config.rule(&incident.rule);
        let Some(rule) = rule.filter(|_| incident.waiting.total > 0) else {
            incident.until = None;
            incident.held = false;
            return;
        };
        let severity = incident.worst;
        let head = incident.head.clone();
        match self.quiet_until(rule, severity, now) {
            Some(end) => self.hold(row, end),
            None => self.announce(row, rule, &head, now),
        }
    }

    fn hold(&mut self, row: i64, end: Timestamp) {
        if let Some(incident) = self.incidents.get_mut(&row) {
            incident.until = Some(end);
            incident.held = true;
            self.work.changed.insert(row);
        }
    }

    /// Tells what waits, and begins to count anew.
    fn announce(&mut self, row: i64, rule: &Rule, alert: &Alert, now: Timestamp) {
        self.tell(row, rule, alert, Saying::Told);
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        incident.until = Some(now + seconds(rule.cooldown_s));
        incident.held = false;
        let calls = rule.rota.is_some() && incident.call.is_none() && incident.ended_at.is_none();
        if calls && !matches!(incident.state, State::Taken { .. }) {
            incident.state = State::Open;
            incident.called.clear();
            incident.call = Some(Call { step: 0, due: now });
            self.call_next(row, now);
        }
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        incident.waiting = super::incident::Tally::default();
        incident.pictures.clear();
    }

    /// Tells those whom the rule names without a rota.
    fn tell(&mut self, row: i64, rule: &Rule, alert: &Alert, saying: Saying) {
        let plan = Arc::clone(&self.plan);
        let incident = &self.incidents[&row];
        let mut ways = Vec::new();
        if !rule.mail.is_empty() {
            let to: Vec<String> = rule.mail.iter().map(|to| plan.address(to)).collect();
            let letter = AlertLetter {
                number: incident.number,
                subject: plan.words.subject(incident, alert, saying),
                body: plan.words.body(incident, alert, saying),
                pictures: match saying {
                    Saying::Over => Vec::new(),
                    _ => incident.pictures.clone(),
                },
                thread: incident.head.id.to_string(),
                to,
            };
            ways.push(Way::Mail {
                to: letter.to.join(", "),
                letter: Box::new(letter),
            });
        }
        let text = plan.words.sms(incident, alert, saying, None);
        for (list, flash) in [(&rule.sms, false), (&rule.flash, true)] {
            ways.extend(list.iter().map(|to| Way::Sms {
                to: plan.number(to),
                text: text.clone(),
                flash,
            }));
        }
        for way in ways {
            self.notify(row, None, way);
        }
    }

    /// Calls whoever is next on the rota.
    fn call_next(&mut self, row: i64, now: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        self.work.changed.insert(row);
        let step = incident.call.take().map_or(0, |call| call.step);
        let rule = plan.config.rule(&incident.rule);
        let Some((rule, rota)) = rule.and_then(|rule| Some((rule, plan.config.rota(rule.rota.as_ref()?)?))) else {
            // The configuration changed: there is nobody to call any more.
            return;
        };
        let order = rota.on_call(now, &plan.zone);
        let people = u32::try_from(order.len()).unwrap_or(u32::MAX);
        if step >= people.saturating_mul(rule.rounds) {
            incident.state = State::Unanswered { since: now };
            if people == 0 {
                let problem = "nobody is on call".to_owned();
                let to = rota.name.clone();
                self.notify(row, None, Way::Nobody { to, problem });
            }
            return;
        }
        let person = order[(step % people) as usize];
        incident.called.retain(|called| called != person);
        incident.called.push(person.to_owned());
        incident.call = Some(Call {
            step: step + 1,
            due: now + seconds(rule.answer_s),
        });
        let saying = if step == 0 { Saying::Told } else { Saying::Again };
        let word = plan.config.ack_words.first().map(String::as_str);
        let way = Way::Sms {
            to: plan.number(person),
            text: plan.words.sms(incident, &incident.head, saying, word),
            flash: rule.rota_flash,
        };
        let person = person.to_owned();
        self.notify(row, Some(person), way);
    }

    fn notify(&mut self, row: i64, calls: Option<String>, way: Way) {
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        incident.notices += 1;
        self.work.changed.insert(row);
        self.work.notices.push(Notice {
            incident: row,
            place: incident.notices,
            calls,
            way,
        });
    }

    /// The word that an alert is over ends the incidents that are about it alone.
    fn end(&mut self, alert: &RaisedAlert, now: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let fold = format!("k:{}", alert.alert.key);
        let about = |(row, incident): (&i64, &Incident)| {
            (incident.fold == fold && incident.ended_at.is_none() && !incident.is_closed()).then_some(*row)
        };
        let rows: Vec<i64> = self.incidents.iter().filter_map(about).collect();
        for row in rows {
            let Some(incident) = self.incidents.get_mut(&row) else {
                continue;
            };
            incident.ended_at = Some(alert.alert.received_at);
            incident.call = None;
            self.work.changed.insert(row);
            self.work.links.push((alert.number, row));
            let (held, called) = (incident.held, incident.called.clone());
            let rule = plan.config.rule(&incident.rule).filter(|rule| rule.ended && !held);
            if let Some(rule) = rule {
                self.tell(row, rule, &alert.alert, Saying::Over);
                let text = plan.words.sms(&self.incidents[&row], &alert.alert, Saying::Over, None);
                self.tell_called(row, &called, &text);
            }
            self.settle(row, now);
        }
    }

    /// Gives an incident to somebody, and tells the others that were called.
    fn take_over(&mut self, row: i64, by: &str, now: Timestamp) -> (i64, String) {
        let Some(incident) = self.incidents.get_mut(&row) else {
            return (row, String::new());
        };
        incident.state = State::Taken {
            by: by.to_owned(),
            at: now,
        };
        incident.call = None;
        let number = incident.number;
        let about = format!("{} - {}", incident.head.event, incident.head.camera);
        let others: Vec<String> = incident.called.iter().filter(|one| *one != by).cloned().collect();
        self.work.changed.insert(row);
        self.tell_called(row, &others, &format!("{by} took {number}: {about}"));
        self.settle(row, now);
        (number, about)
    }

    fn tell_called(&mut self, row: i64, people: &[String], text: &str) {
        let plan = Arc::clone(&self.plan);
        for person in people {
            let way = Way::Sms {
                to: plan.number(person),
                text: text.to_owned(),
                flash: false,
            };
            self.notify(row, None, way);
        }
    }

    /// Closes an incident where nothing is left to do, and lets alerts join it only as long as it lives.
    fn settle(&mut self, row: i64, now: Timestamp) {
        let Some(incident) = self.incidents.get_mut(&row) else {
            return;
        };
        incident.settle(now);
        if incident.is_closed() {
            self.work.changed.insert(row);
        }
        if !incident.is_live() {
            let key = (incident.rule.clone(), incident.fold.clone());
            if self.live.get(&key) == Some(&row) {
                self.live.remove(&key);
            }
        }
    }

    /// Until when nobody is told of something this bad; nothing where they may be told.
    fn quiet_until(&self, rule: &Rule, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        self.plan.quiet_until(rule, severity, now)
    }
}

/// How many incidents are held before the oldest that nobody answered is closed.
const INCIDENTS_MOST: usize = 1000;

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(seconds.into())
}

#[cfg(test)]
mod tests;
