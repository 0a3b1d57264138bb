//! A peer that says anything at any time: a session never panics, its turns end, and what it holds stays bounded.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use smpp::{
    Bind, Body, Sm, Status, Tlvs,
    session::{Answer, BindMode, Config, Event, Overflow, Owed, Rebind, Role, Session},
};

fuzz_target!(|input: (bool, bool, bool, Vec<(u16, u8, Vec<u8>)>)| {
    let (esme, throttle, ask, turns) = input;
    let mut now = Instant::now();
    let config = Config {
        window_in: 3,
        window_out: 3,
        overflow: if throttle { Overflow::Throttle } else { Overflow::Wait },
        rebind: if ask { Rebind::Ask } else { Rebind::Refuse },
        ..Config::default()
    };
    let role = if esme { Role::Esme } else { Role::Smsc };
    let mut session = Session::new(role, config, now);
    let mut owed = Vec::new();
    for (ticket, (pause, act, octets)) in (0..).zip(turns) {
        now += Duration::from_millis(u64::from(pause) * 10);
        session.tick(now);
        session.receive(&octets, now);
        turn(&mut session, &mut owed, now);
        match act % 8 {
            0 => _ = session.bind(BindMode::Transceiver, Bind::default(), now),
            1 => _ = session.submit(&Body::SubmitSm(Sm::default()), &Tlvs::NONE, ticket, now),
            2 => _ = session.submit(&Body::DeliverSm(Sm::default()), &Tlvs::NONE, ticket, now),
            3 => session.unbind(now),
            4 => session.written(usize::from(pause)),
            5 => answer(&mut session, &mut owed, &Answer::taken("1"), now),
            6 => answer(&mut session, &mut owed, &Answer::refused(Status(8)), now),
            _ => {}
        }
        turn(&mut session, &mut owed, now);
        let (ours, theirs) = session.windows();
        assert!(ours <= 3 && theirs <= 3);
        assert!(session.outgoing().len() < 400_000);
    }
});

fn answer(session: &mut Session, owed: &mut Vec<Owed>, answer: &Answer, now: Instant) {
    for owed in owed.drain(..) {
        session
            .respond(owed, answer.clone(), now)
            .expect("an answer that can be written");
    }
}

fn turn(session: &mut Session, owed: &mut Vec<Owed>, now: Instant) {
    for _ in 0..10_000 {
        match session.poll() {
            Some(Event::BindRequested { owed, .. }) => session.accept(owed, now),
            Some(Event::Request { owed: one, .. }) => owed.push(one),
            Some(_) => {}
            None => return,
        }
    }
    panic!("a turn ends");
}
