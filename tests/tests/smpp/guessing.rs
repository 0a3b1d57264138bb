//! Guessing passwords.

use smpp::{Bind, Body, Status};

use crate::esme::Esme;
use crate::{Centre, HASH};

#[test]
fn whoever_guesses_is_locked_out_of_the_account_and_of_no_other() {
    let centre = Centre::new(&format!("[[smpp.accounts]]\nsystem_id = \"other\"\nhash = \"{HASH}\""));
    let gateway = centre.rig.start_ready();
    let bind = |system_id: &str, password: &str| {
        let bind = Bind {
            system_id: system_id.into(),
            password: password.into(),
            interface_version: 0x34,
            ..Bind::default()
        };
        Esme::connect(centre.port).call(Body::BindTransceiver(bind)).status
    };
    for _ in 0..=TRIES {
        assert_eq!(bind("shop", "wrong"), Status::INVALID_PASSWORD);
    }
    assert_eq!(
        bind("shop", "secret"),
        Status::INVALID_PASSWORD,
        "the right one is not looked at"
    );
    assert_eq!(bind("other", "secret"), Status::OK);
    assert!(gateway.stop().success());
}

/// How many may be wrong in a minute.
const TRIES: usize = 10;
