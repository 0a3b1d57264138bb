//! What holds for sessions whatever is said and whenever it is said.

mod link;

use std::{collections::BTreeMap, time::Duration};

use link::{Link, bind, sm};
use proptest::prelude::*;
use smpp::{
    Body, Status, Tlvs,
    session::{Answer, BindMode, Config, Event, Role, Session},
};

/// Something that happens to two sessions.
#[derive(Debug, Clone)]
enum Step {
    Submit,
    Deliver,
    Pass(u64),
    Answer,
    Keep,
    AnswerWith(u32),
    Unbind(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Submit),
        6 => Just(Step::Deliver),
        3 => (0..90_u64).prop_map(Step::Pass),
        3 => Just(Step::Answer),
        2 => Just(Step::Keep),
        2 => prop::sample::select(vec![0, 8, 0x14, 0x58, 0x45]).prop_map(Step::AnswerWith),
        1 => any::<bool>().prop_map(Step::Unbind),
    ]
}

fn apply(link: &mut Link, step: &Step, ticket: u64) -> bool {
    let now = link.now;
    let mut submitted = false;
    match step {
        Step::Submit => {
            submitted = link
                .esme
                .submit(&Body::SubmitSm(sm("up")), &Tlvs::NONE, ticket, now)
                .is_ok()
        }
        Step::Deliver => {
            submitted = link
                .smsc
                .submit(&Body::DeliverSm(sm("down")), &Tlvs::NONE, ticket, now)
                .is_ok()
        }
        Step::Pass(seconds) => link.pass(Duration::from_secs(*seconds)),
        Step::Answer => link.answer_kept(),
        Step::Keep => link.keep_answers = true,
        Step::AnswerWith(0) => link.answer_with = Answer::taken("id"),
        Step::AnswerWith(status) => link.answer_with = Answer::refused(Status(*status)),
        Step::Unbind(true) => link.esme.unbind(now),
        Step::Unbind(false) => link.smsc.unbind(now),
    }
    link.run();
    submitted
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_request_ends_once_as_answered_or_unanswered(
        steps in prop::collection::vec(step(), 1..60),
        piece in 1_usize..200,
        window in 1_usize..5,
    ) {
        let config = Config { window_out: window, window_in: window, ..Config::default() };
        let mut link = Link::bound(BindMode::Transceiver, config);
        link.piece = piece;
        let mut tickets = BTreeMap::new();
        for (ticket, step) in (0..).zip(&steps) {
            if apply(&mut link, step, ticket) {
                tickets.insert(ticket, 0);
            }
            for side in [&link.smsc, &link.esme] {
                let (ours, theirs) = side.windows();
                prop_assert!(ours <= window && theirs <= window);
            }
        }
        link.answer_kept();
        link.esme.unbind(link.now);
        link.pass(Duration::from_secs(300));
        for event in &link.heard {
            match event {
                Event::Answered { ticket, late: false, .. } | Event::Unanswered { ticket, .. } => {
                    *tickets.get_mut(ticket).expect("a ticket of ours") += 1;
                }
                _ => {}
            }
        }
        prop_assert!(tickets.values().all(|ends| *ends == 1), "{:?}", tickets);
        prop_assert_eq!(link.ends().len(), 2);
        prop_assert!(link.smsc.due().is_none() && link.esme.due().is_none());
    }

    #[test]
    fn garbage_in_any_pieces_never_panics_and_stays_bounded(
        bound in any::<bool>(),
        esme in any::<bool>(),
        turns in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), 0..40_u64, 0..0x120_u32), 0..60),
    ) {
        let now = std::time::Instant::now();
        let mut session = if bound {
            let link = Link::bound(BindMode::Transceiver, Config::default());
            if esme { link.esme } else { link.smsc }
        } else {
            Session::new(if esme { Role::Esme } else { Role::Smsc }, Config::default(), now)
        };
        let mut now = now;
        for (body, seconds, command) in turns {
            now += Duration::from_secs(seconds);
            let length = 16 + u32::try_from(body.len()).unwrap_or_default();
            let header = [length, command, 0, 7].map(u32::to_be_bytes).concat();
            session.receive(&[header, body].concat(), now);
            session.tick(now);
            for _ in 0..1000 {
                match session.poll() {
                    Some(Event::Request { owed, .. }) => { let _ = session.respond(owed, Answer::taken("x"), now); }
                    Some(Event::BindRequested { owed, .. }) => session.accept(owed, now),
                    Some(_) => {}
                    None => break,
                }
            }
            prop_assert!(session.poll().is_none(), "a turn ends");
            prop_assert!(session.outgoing().len() < 300_000);
        }
        let _ = bind();
    }
}
