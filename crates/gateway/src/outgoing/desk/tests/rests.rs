//! How long a route rests that could not send.

use super::*;

/// What a network says that does not take the SIM, whatever the modem says of it.
fn not_allowed() -> Outcome {
    Outcome::Failed(Failure {
        class: ErrorClass::Hold,
        cause: Cause::Cms(317),
        reason: "SIM PIN2 required".into(),
    })
}

#[test]
fn a_modem_that_says_it_is_ready_and_cannot_send_is_tried_ever_more_seldom() {
    let mut desk = desk(&["a"]);
    let route = RouteId::new("a");
    desk.arrive([part(1, 1, 1, 1)], t(0));
    let mut tries = Vec::new();
    for second in 0..120 {
        desk.tick(t(second));
        while let Some(action) = desk.poll() {
            match action {
                Action::Record { route, hand, progress } => {
                    let proof = progress.attempt.map(attempted);
                    desk.recorded(&route, hand, Committed::witnessed(proof), t(second));
                }
                Action::Reload(_) => desk.reloaded(vec![part(1, 1, 1, 1)], true, t(second)),
                Action::Submit(handover) => {
                    tries.push(second);
                    assert!(tries.len() < 20, "{tries:?}");
                    desk.settled(&route, handover.ticket, not_allowed(), t(second));
                    // It reads its SIM again, and finds nothing wrong.
                    desk.facts(&status("a", Some("it is set up"), Level::Ok), t(second));
                    desk.facts(&status("a", None, Level::Ok), t(second));
                }
                _ => {}
            }
        }
    }
    let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]), "{tries:?}");
    assert!((6..=9).contains(&tries.len()), "{tries:?}");
}
