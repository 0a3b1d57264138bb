//! Applications that are called: where something waits for them, and they are not there.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use end_to_end::{eventually, free_port};
use smpp::{Bind, Body, Status};

use crate::esme::{Esme, sm};
use crate::{Centre, LONG};

fn bind(system_id: &str) -> Bind {
    Bind {
        system_id: system_id.into(),
        password: "secret".into(),
        interface_version: 0x34,
        ..Bind::default()
    }
}

/// The next call: what it says, on a connection over which somebody may bind.
fn called(listener: &TcpListener) -> Esme {
    let (stream, _) = listener.accept().expect("a call");
    stream.set_read_timeout(Some(LONG)).expect("a limit");
    let mut esme = Esme::over(stream);
    let Body::Outbind(outbind) = esme.given().body else {
        panic!("no outbind");
    };
    assert_eq!(
        (outbind.system_id.text(), outbind.password.text()),
        ("simrelay".to_owned(), "wakeup".to_owned())
    );
    esme
}

#[test]
fn an_application_that_something_waits_for_is_called_and_binds_to_receive() {
    let port = free_port();
    let other =
        "[[smpp.accounts]]\nsystem_id = \"desk\"\nhash = \"HASH\"\nreceive = false".replace("HASH", crate::HASH);
    let centre = Centre::new(&format!(
        "outbind = \"127.0.0.1:{port}\"\noutbind_password_file = \"shop.outbind\"\nreceive = false\n{other}"
    ));
    let secret = centre.rig.folder().join("shop.outbind");
    fs::write(&secret, "wakeup\n").expect("written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("set");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();

    let mut sender = Esme::connect(centre.port);
    assert_eq!(sender.call(Body::BindTransmitter(bind("shop"))).status, Status::OK);
    let mut message = sm(to, "x");
    message.registered_delivery = 1;
    let id = sender.submit(message);
    eventually("the call is in vain, and the log says so", LONG, || {
        let told = "an SMPP application does not come: it cannot be reached";
        gateway.log().contains(told).then_some(())
    });

    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let mut sending = called(&listener);
    let refused = sending.call(Body::BindTransmitter(bind("shop")));
    assert_eq!(refused.status, Status::BIND_FAILED, "it was called to receive");
    let mut another = called(&listener);
    assert_eq!(
        another.call(Body::BindReceiver(bind("desk"))).status,
        Status::BIND_FAILED
    );
    let mut receiver = called(&listener);
    assert_eq!(receiver.call(Body::BindReceiver(bind("shop"))).status, Status::OK);
    let (receipt, _) = receiver.delivered();
    assert!(receipt.short_message.text().starts_with(&format!("id:{id} ")));
    drop((sender, sending, another));
    receiver.unbinds();
    assert!(gateway.stop().success());
}
