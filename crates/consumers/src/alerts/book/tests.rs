//! The book through virtual time.

use super::super::config::Config;
use super::super::samples::{alert, at, bad, config, over, with_picture};
use super::super::words::Template;
use super::*;

/// A book, and what came out of it.
struct Bench {
    book: Book,
    told: Vec<Notice>,
    links: Vec<(i64, i64)>,
    kept: BTreeMap<i64, Incident>,
    plan: Arc<Plan>,
}

impl Bench {
    fn new(config: Config) -> Self {
        assert_eq!(config.problems(), []);
        let plan = Arc::new(Plan::new(config));
        Self {
            book: Book::new(Arc::clone(&plan), Vec::new(), 1),
            told: Vec::new(),
            links: Vec::new(),
            kept: BTreeMap::new(),
            plan,
        }
    }

    fn keep(&mut self) {
        let work = self.book.take();
        self.told.extend(work.notices);
        self.links.extend(work.links);
        self.kept.extend(work.incidents);
    }

    /// As after a kill: what was kept is read back, in the form it is kept in.
    fn restart(&mut self) {
        let open = self.kept.iter().filter(|(_, incident)| !incident.is_closed());
        let read = |incident: &Incident| serde_json::from_value(serde_json::to_value(incident).unwrap()).unwrap();
        let open = open.map(|(row, incident)| (*row, read(incident))).collect();
        let next = self.kept.keys().max().map_or(1, |row| row + 1);
        self.book = Book::new(Arc::clone(&self.plan), open, next);
    }

    fn receive(&mut self, alert: &RaisedAlert) {
        self.book.receive(alert, alert.alert.received_at);
        self.keep();
    }

    /// Lets time pass up to a second, from due time to due time.
    fn until(&mut self, second: i64) {
        while let Some(due) = self.book.due().filter(|due| *due <= at(second)) {
            self.restart();
            self.book.tick(due);
            self.keep();
        }
    }

    /// Who was told what since the last call: `anna: text`.
    fn said(&mut self) -> Vec<String> {
        let name = |to: &str| {
            let person = self
                .plan
                .config
                .people
                .iter()
                .find(|one| one.sms.as_deref() == Some(to));
            person.map_or(to.to_owned(), |person| person.name.clone())
        };
        let said = |notice: Notice| match notice.way {
            Way::Sms { to, text, flash } => format!("{}{}: {text}", name(&to), if flash { "!" } else { "" }),
            Way::Mail { to, letter } => format!("{to}: {}", letter.subject),
            Way::Nobody { to, problem } => format!("{to}: {problem}"),
        };
        std::mem::take(&mut self.told).into_iter().map(said).collect()
    }
}

fn mailing(cooldown_s: u32) -> Config {
    let mut config = config();
    config.rules = vec![Rule {
        mail: vec!["ops@example.org".into()],
        cooldown_s,
        ..Rule::named("mail")
    }];
    config
}

#[test]
fn whoever_is_on_call_is_told_and_an_answer_ends_the_call() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    assert_eq!(
        bench.said(),
        ["anna: warning: MOTION_DETECTED - cam1 12:00 Answer ACK 17."]
    );
    bench.until(200);
    let answered = bench.book.answer(Some(17), "anna", at(200));
    assert_eq!(
        answered,
        Answered::Taken(vec![(17, "MOTION_DETECTED - cam1".to_owned())])
    );
    bench.keep();
    bench.until(100_000);
    assert_eq!(bench.said(), Vec::<String>::new());
    assert_eq!(bench.book.incidents().count(), 0);
    assert_eq!(
        bench.kept[&1].state,
        State::Closed {
            by: Some("anna".into())
        }
    );
}

#[test]
fn without_an_answer_the_next_is_called_round_by_round_through_restarts() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.until(299);
    assert_eq!(bench.said().len(), 1);
    bench.until(300);
    assert_eq!(
        bench.said(),
        ["ben: Nobody answered: warning: MOTION_DETECTED - cam1 12:00 Answer ACK 17."]
    );
    bench.until(1500);
    let names: Vec<String> = bench.said().iter().map(|said| said[..4].to_owned()).collect();
    assert_eq!(names, ["cleo", "anna", "ben:", "cleo"]);
    assert!(bench.book.incidents().all(|incident| incident.state == State::Open));
    bench.until(1800);
    assert!(bench.said().is_empty());
    let unanswered = State::Unanswered { since: at(1800) };
    assert_eq!(bench.book.incidents().next().unwrap().state, unanswered);
    // It can still be taken, and those who were called before are told.
    let answered = bench.book.answer(None, "ben", at(2000));
    assert!(matches!(answered, Answered::Taken(_)), "{answered:?}");
    bench.keep();
    assert_eq!(
        bench.said(),
        [
            "anna: ben took 17: MOTION_DETECTED - cam1",
            "cleo: ben took 17: MOTION_DETECTED - cam1"
        ]
    );
    assert_eq!(bench.book.due(), None);
}

#[test]
fn a_clock_that_is_set_moves_what_waits_and_lets_nothing_wait_longer() {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    for by in [days(70), days(-70)] {
        let mut bench = Bench::new(config());
        bench.receive(&alert(1, "DOOR", "gate", 0));
        let due = bench.book.due().expect("the next one is called");
        bench.book.shift(by, at(100) + by);
        bench.keep();
        bench.restart();
        assert_eq!(bench.book.due(), Some(due + by), "{by:?}");
    }
    // One that came after the clock was set, before that was seen.
    let mut bench = Bench::new(config());
    let by = days(365);
    let mut late = alert(2, "DOOR", "gate", 1);
    late.alert.received_at = at(1) + by;
    bench.receive(&late);
    let due = bench.book.due().expect("the next one is called");
    bench.book.shift(by, at(1) + by);
    bench.keep();
    assert_eq!(bench.book.due(), Some(due));
}

#[test]
fn quiet_hours_are_a_time_of_day_however_the_clock_is_set() {
    let mut config = config();
    config.quiet = Some("11:00-13:00".parse().unwrap());
    let mut bench = Bench::new(config);
    bench.receive(&alert(1, "DOOR", "gate", 0));
    let by = SignedDuration::from_hours(-24 * 365);
    let now = at(60) + by;
    bench.book.shift(by, now);
    bench.book.tick(now);
    bench.keep();
    assert_eq!(bench.said(), Vec::<String>::new());
    assert_eq!(bench.book.due(), Some(at(3600) + by));
}

#[test]
fn what_nobody_answered_keeps_no_new_alert_from_being_told() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.until(1800);
    bench.said();
    bench.receive(&alert(18, "MOTION_DETECTED", "cam1", 2000));
    assert_eq!(
        bench.said(),
        ["anna: warning: MOTION_DETECTED - cam1 12:33 Answer ACK 18."]
    );
    bench.until(2000 + 100_000);
    assert_eq!(bench.book.incidents().count(), 0);
}

#[test]
fn an_answer_that_is_not_clear_tells_what_can_be_taken() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.receive(&alert(18, "MOTION_DETECTED", "cam2", 0));
    assert_eq!(bench.book.answer(None, "anna", at(1)), Answered::Unclear(vec![17, 18]));
    assert_eq!(
        bench.book.answer(Some(99), "anna", at(1)),
        Answered::Unclear(vec![17, 18])
    );
    assert!(matches!(bench.book.answer(Some(18), "anna", at(2)), Answered::Taken(_)));
    let before = Answered::Before {
        number: 18,
        by: "anna".into(),
        at: at(2),
    };
    assert_eq!(bench.book.answer(Some(18), "ben", at(3)), before);
    assert!(matches!(bench.book.answer(None, "anna", at(4)), Answered::Taken(_)));
}

#[test]
fn repetitions_are_counted_and_told_when_the_cooldown_is_over() {
    let mut bench = Bench::new(mailing(300));
    bench.receive(&alert(1, "MOTION_DETECTED", "cam1", 0));
    for number in 2..=121 {
        bench.receive(&alert(number, "MOTION_DETECTED", "cam1", number));
    }
    bench.until(299);
    assert_eq!(bench.said(), ["ops@example.org: [warning] MOTION_DETECTED - cam1"]);
    bench.until(300);
    let Way::Mail { letter, .. } = &bench.told[0].way else {
        panic!("{:?}", bench.told)
    };
    let AlertLetter { subject, body, .. } = letter.as_ref();
    assert_eq!(subject, "[warning] MOTION_DETECTED - cam1 (120 times)");
    let digest = "120 times MOTION_DETECTED from cam1 between 12:00:02 and 12:02:01.\nAll in all 121 times";
    assert!(body.contains(digest), "{body}");
    assert_eq!(bench.said().len(), 1);
    assert_eq!(bench.links.len(), 121);
    assert!(bench.links.iter().all(|(_, incident)| *incident == 1));
    bench.until(10_000);
    assert!(bench.said().is_empty());
    bench.receive(&alert(122, "MOTION_DETECTED", "cam1", 10_000));
    assert_eq!(bench.said(), ["ops@example.org: [warning] MOTION_DETECTED - cam1"]);
}

#[test]
fn ten_thousand_alerts_of_many_cameras_make_a_few_mails_with_the_right_counts() {
    let mut bench = Bench::new(mailing(300));
    for number in 0..10_000 {
        let camera = format!("cam{}", number % 50);
        bench.receive(&alert(number + 1, "VIDEO_LOST", &camera, number / 1000));
    }
    // Ten cameras by themselves, and the rest as one.
    assert_eq!(bench.said().len(), 11);
    assert_eq!(bench.book.incidents().count(), 11);
    bench.until(400);
    let bodies = bench.told.iter().map(|notice| match &notice.way {
        Way::Mail { letter, .. } => letter.body.clone(),
        other => panic!("{other:?}"),
    });
    let bodies: Vec<String> = bodies.collect();
    assert_eq!(bodies.len(), 11);
    let own = |body: &&String| body.contains("199 times VIDEO_LOST from cam");
    assert_eq!(bodies.iter().filter(own).count(), 10);
    let rest = bodies.iter().find(|body| body.contains("7999 alerts between")).unwrap();
    assert!(
        rest.contains("200 times VIDEO_LOST from cam") && rest.contains("others."),
        "{rest}"
    );
    let counted: u64 = bench.kept.values().map(|incident| incident.count).sum();
    assert_eq!(counted, 10_000);
    assert_eq!(bench.links.len(), 10_000);
}

#[test]
fn what_is_worse_is_told_at_once() {
    let mut bench = Bench::new(mailing(300));
    bench.receive(&bad(1, Severity::Warning, 0));
    bench.receive(&bad(2, Severity::Info, 1));
    bench.receive(&bad(3, Severity::Critical, 2));
    bench.receive(&bad(4, Severity::Critical, 3));
    assert_eq!(
        bench.said(),
        [
            "ops@example.org: [warning] MOTION_DETECTED - cam1",
            "ops@example.org: [critical] MOTION_DETECTED - cam1 (2 times)"
        ]
    );
}

#[test]
fn quiet_hours_hold_what_is_not_critical_until_they_end() {
    let mut config = config();
    config.quiet = Some("11:00-13:00".parse().unwrap());
    let mut bench = Bench::new(config.clone());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.receive(&alert(18, "MOTION_DETECTED", "cam1", 60));
    bench.until(3599);
    assert!(bench.said().is_empty());
    bench.until(3600);
    let digest = "anna: 2 times MOTION_DETECTED from cam1 between 12:00:00 and 12:01:00. Answer ACK 17.";
    assert_eq!(bench.said(), [digest]);

    let mut bench = Bench::new(config.clone());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.receive(&bad(18, Severity::Critical, 60));
    assert_eq!(bench.said().len(), 1);

    config.rules[0].loud = true;
    let mut bench = Bench::new(config);
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    assert_eq!(bench.said().len(), 1);
}

#[test]
fn the_end_stops_the_call_and_is_told_where_that_is_wished() {
    for wished in [false, true] {
        let mut config = config();
        config.rules[0].ended = wished;
        let mut bench = Bench::new(config);
        bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
        bench.said();
        bench.receive(&over(18, 10));
        bench.receive(&over(19, 11));
        bench.until(100_000);
        let expected: &[&str] = if wished {
            &["anna: Over: MOTION_DETECTED - cam1"]
        } else {
            &[]
        };
        assert_eq!(bench.said(), expected);
        assert_eq!(bench.book.incidents().count(), 0);
    }
}

#[test]
fn what_comes_back_after_its_end_calls_again_when_the_cooldown_is_over() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.receive(&over(18, 10));
    bench.receive(&alert(19, "MOTION_DETECTED", "cam1", 20));
    bench.said();
    bench.until(299);
    assert!(bench.said().is_empty());
    bench.until(300);
    assert_eq!(
        bench.said(),
        ["anna: warning: MOTION_DETECTED - cam1 12:00 Answer ACK 17."]
    );
}

#[test]
fn a_storm_that_somebody_took_calls_nobody_again() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.book.answer(Some(17), "anna", at(10));
    bench.keep();
    bench.said();
    for number in 18..60 {
        bench.receive(&alert(number, "MOTION_DETECTED", "cam1", number * 20));
        bench.until(number * 20);
    }
    assert!(bench.said().is_empty());
    bench.until(100_000);
    assert_eq!(bench.book.incidents().count(), 0);
}

#[test]
fn somebody_who_cannot_be_reached_holds_nobody_up() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.book.unreachable(1, "+491710000001", at(1));
    bench.keep();
    bench.until(1);
    let said = bench.said();
    assert!(said[0].starts_with("anna") && said[1].starts_with("ben"), "{said:?}");
    // Of those before it is not news.
    bench.book.unreachable(1, "+491710000001", at(2));
    bench.keep();
    bench.until(2);
    assert!(bench.said().is_empty());
}

#[test]
fn a_rule_that_tells_nobody_silences_and_one_with_also_lets_the_next_one_see() {
    let mut config = mailing(300);
    let silence = Rule {
        cameras: vec![super::super::rule::Glob::new("cam1")],
        ..Rule::named("silence")
    };
    let flash = Rule {
        flash: vec!["cleo".into()],
        also: true,
        ..Rule::named("flash")
    };
    config.rules = vec![silence, flash, config.rules.remove(0)];
    let mut bench = Bench::new(config);
    bench.receive(&alert(1, "MOTION_DETECTED", "cam1", 0));
    assert!(bench.said().is_empty());
    bench.receive(&alert(2, "MOTION_DETECTED", "cam2", 0));
    assert_eq!(
        bench.said(),
        [
            "cleo!: warning: MOTION_DETECTED - cam2 12:00",
            "ops@example.org: [warning] MOTION_DETECTED - cam2"
        ]
    );
}

#[test]
fn what_is_still_open_is_taken_although_another_rule_s_incident_of_that_number_is() {
    let mut config = config();
    let first = config.rules.remove(0);
    let also = Rule {
        name: "also".into(),
        also: true,
        ..first.clone()
    };
    config.rules = vec![also, first];
    let mut bench = Bench::new(config);
    bench.receive(&bad(17, Severity::Info, 0));
    let taken = bench.book.answer(Some(17), "anna", at(1));
    assert!(
        matches!(&taken, Answered::Taken(taken) if taken.len() == 2),
        "{taken:?}"
    );
    bench.book.incidents.values_mut().next().unwrap().state = State::Open;
    let again = bench.book.answer(Some(17), "anna", at(2));
    assert!(
        matches!(&again, Answered::Taken(taken) if taken.len() == 1),
        "{again:?}"
    );
    let again = bench.book.answer(Some(17), "anna", at(3));
    assert!(matches!(again, Answered::Before { number: 17, .. }), "{again:?}");
}

#[test]
fn a_mail_of_the_dvr_template_is_that_of_the_alert_server() {
    let mut config = mailing(300);
    config.template = super::super::config::Shipped::Dvr;
    let mut bench = Bench::new(config);
    let mut alert = with_picture(1, 0);
    alert.alert.claimed_at = "2026-01-05T11:59:58.123456Z".into();
    alert.alert.meta = serde_json::json!({"zone": [1, "ü"], "score": 0.5});
    bench.receive(&alert);
    let Way::Mail { letter, .. } = &bench.told[0].way else {
        panic!("{:?}", bench.told)
    };
    let AlertLetter {
        subject,
        body,
        pictures,
        ..
    } = letter.as_ref();
    assert_eq!(subject, "DVR ALERT: MOTION_DETECTED - cam1");
    assert_eq!(
        body,
        "Event: MOTION_DETECTED\nCamera: cam1\nTimestamp: 2026-01-05T11:59:58.123456Z\n\
         Meta: {\"score\": 0.5, \"zone\": [1, \"\\u00fc\"]}\nImage attached: cam1.jpg"
    );
    assert_eq!(pictures, &[1]);
}

#[test]
fn an_incident_of_a_rule_that_is_gone_ends_by_itself() {
    let mut bench = Bench::new(config());
    bench.receive(&alert(17, "MOTION_DETECTED", "cam1", 0));
    bench.plan = Arc::new(Plan::new(mailing(300)));
    bench.said();
    bench.restart();
    bench.until(1000);
    assert!(bench.said().is_empty());
    assert_eq!(bench.book.incidents().count(), 0);
}

#[test]
fn templates_say_what_is_wrong_with_them() {
    for wrong in ["{", "}", "{event", "{whom}"] {
        assert!(Template::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Template::parse("{{{event}}}").is_ok());
}

#[test]
fn what_nobody_answers_for_hours_is_bounded() {
    let mut config = config();
    config.rules[0].answer_s = 10;
    config.rules[0].rounds = 1;
    config.rules[0].cooldown_s = 1;
    config.rules[0].storm = 10_000;
    let mut bench = Bench::new(config);
    for number in 0..1500 {
        bench.receive(&alert(number + 1, "DOOR_OPENED", &format!("cam{number}"), number * 40));
        bench.book.tick(at(number * 40 + 10));
        bench.book.tick(at(number * 40 + 20));
        bench.book.tick(at(number * 40 + 30));
        bench.keep();
    }
    assert_eq!(bench.book.incidents().count(), INCIDENTS_MOST);
}

/// What may happen to a book.
#[derive(Debug, Clone)]
enum Happening {
    Alert(u8, Severity),
    Over(u8),
    Answer(Option<i64>),
    Wait(i64),
    Restart,
}

fn happening() -> impl proptest::strategy::Strategy<Value = Happening> {
    use proptest::prelude::*;
    let severity = prop_oneof![Just(Severity::Info), Just(Severity::Warning), Just(Severity::Critical)];
    prop_oneof![
        6 => (0..6u8, severity).prop_map(|(camera, severity)| Happening::Alert(camera, severity)),
        1 => (0..6u8).prop_map(Happening::Over),
        1 => proptest::option::of(1..40i64).prop_map(Happening::Answer),
        3 => (0..4000i64).prop_map(Happening::Wait),
        1 => Just(Happening::Restart),
    ]
}

proptest::proptest! {
    #[test]
    fn whatever_happens_every_alert_is_told_once(happenings in proptest::collection::vec(happening(), 0..80), calls: bool) {
        let mut config = mailing(300);
        config.quiet = Some("13:00-14:00".parse().unwrap());
        config.rules[0].storm = 3;
        config.rules[0].rota = calls.then(|| "night".to_owned());
        let mut bench = Bench::new(config);
        let (mut now, mut number, mut alerts) = (0, 0, 0);
        for happening in happenings {
            match happening {
                Happening::Alert(camera, severity) => {
                    (number, alerts) = (number + 1, alerts + 1);
                    let mut alert = alert(number, "MOTION_DETECTED", &format!("cam{camera}"), now);
                    alert.alert.severity = severity;
                    bench.receive(&alert);
                }
                Happening::Over(camera) => {
                    number += 1;
                    let mut alert = alert(number, "MOTION_DETECTED", &format!("cam{camera}"), now);
                    alert.alert.ended = true;
                    bench.receive(&alert);
                }
                Happening::Answer(number) => {
                    bench.book.answer(number, "anna", at(now));
                    bench.keep();
                }
                Happening::Wait(seconds) => {
                    now += seconds;
                    bench.until(now);
                }
                Happening::Restart => bench.restart(),
            }
        }
        bench.until(now + 200_000);
        let told = |notice: &Notice| match &notice.way {
            Way::Mail { letter, .. } => {
                let times = letter.subject.rsplit_once('(').map(|(_, times)| times);
                times.and_then(|times| times.strip_suffix(" times)")?.parse().ok()).unwrap_or(1)
            }
            _ => 0,
        };
        proptest::prop_assert_eq!(bench.told.iter().map(told).sum::<u64>(), alerts);
        proptest::prop_assert_eq!(bench.book.incidents().count(), 0);
        proptest::prop_assert_eq!(bench.book.due(), None);
        let counted: u64 = bench.kept.values().map(|incident| incident.count).sum();
        proptest::prop_assert_eq!(counted, alerts);
    }
}
