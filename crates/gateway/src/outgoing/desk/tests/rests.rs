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

/// Tries two messages for two minutes over a SIM that says it is ready and is refused each time; when each try was.
fn tries(ahead: Ahead) -> Vec<i64> {
    let mut desk = desk(&["a"]);
    let route = RouteId::new("a");
    let said = |obstacle| RouteStatus {
        ahead,
        ..status("a", obstacle, Level::Ok)
    };
    desk.facts(&said(None), t(0));
    let both = || vec![part(1, 1, 1, 1), part(2, 1, 1, 1)];
    desk.arrive(both(), t(0));
    let mut tries = Vec::new();
    for second in 0..120 {
        let now = t(second);
        desk.tick(now);
        let mut handed = Vec::new();
        while let Some(action) = desk.poll() {
            match action {
                Action::Record { route, hand, progress } => {
                    let proof = progress.attempt.map(attempted);
                    desk.recorded(&route, hand, Committed::witnessed(proof), now);
                }
                Action::Reload(_) => desk.reloaded(both(), true, now),
                Action::Submit(handover) => handed.push(handover.ticket),
                _ => {}
            }
        }
        let Some((first, behind)) = handed.split_first() else {
            continue;
        };
        tries.push(second);
        desk.settled(&route, *first, not_allowed(), now);
        // It reads its SIM again, which gives back what stood behind, and finds nothing wrong.
        desk.facts(&said(Some("it is set up")), now);
        for ticket in behind {
            let reason = "the modem is set up".into();
            desk.settled(&route, *ticket, Outcome::NotBegun { reason }, now);
        }
        desk.facts(&said(None), now);
    }
    tries
}

#[test]
fn a_sim_that_says_it_is_ready_and_is_refused_each_time_is_tried_ever_more_seldom() {
    for ahead in [Ahead::None, Ahead::OneMore] {
        let tries = tries(ahead);
        let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]), "{ahead:?}: {tries:?}");
        assert!((6..=9).contains(&tries.len()), "{ahead:?}: {tries:?}");
    }
}
