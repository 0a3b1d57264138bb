//! How much codec and sessions alone can do: `cargo test --release -p smpp --test speed -- --ignored --nocapture`.

mod link;

use std::time::Instant;

use link::{Link, sm};
use smpp::{
    Body, Octets, Tlvs,
    session::{Answer, BindMode, Config, Event, Session},
};

const COUNT: u64 = 1_000_000;

#[test]
#[ignore = "a measurement, for a release build on a quiet machine"]
fn submits_a_second_between_two_sessions_in_memory() {
    for window in [1, 10, 64] {
        let config = Config {
            window_in: window,
            window_out: window,
            ..Config::default()
        };
        let mut link = Link::bound(BindMode::Transceiver, config);
        let body = Body::SubmitSm(smpp::Sm {
            short_message: Octets::from("60 octets, as in the peers' figures: 0123456789 0123456789 .."),
            ..sm("")
        });
        let (start, mut sent, mut answered) = (Instant::now(), 0, 0);
        while answered < COUNT {
            while sent < COUNT && link.esme.submit(&body, &Tlvs::NONE, sent, link.now).is_ok() {
                sent += 1;
            }
            carry(&mut link.esme, &mut link.smsc, link.now);
            while let Some(event) = link.smsc.poll() {
                let Event::Request { owed, .. } = event else {
                    panic!("{event:?}")
                };
                link.smsc
                    .respond(owed, Answer::taken("0123456789"), link.now)
                    .expect("an answer");
            }
            carry(&mut link.smsc, &mut link.esme, link.now);
            while let Some(event) = link.esme.poll() {
                assert!(matches!(event, Event::Answered { .. }), "{event:?}");
                answered += 1;
            }
        }
        let rate = COUNT as f64 / start.elapsed().as_secs_f64();
        println!("window {window}: {rate:.0} submit_sm/s, both ends on one thread");
        assert_eq!(link.esme.windows(), (0, 0));
    }
}

fn carry(from: &mut Session, to: &mut Session, now: Instant) {
    let taken = to.receive(from.outgoing(), now);
    from.written(taken);
}
