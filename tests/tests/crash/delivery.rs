//! Deliveries: at least once, by id.

use end_to_end::{Manner, Sink};

use super::*;

#[test]
fn what_a_consumer_worked_and_could_not_mark_comes_again_under_its_id() {
    let rig = rig(120);
    let sink = Sink::open(&rig, "sink");
    sink.be(Manner::Slowly(Duration::from_secs(3)));
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let gateway = rig.start_ready();
    let told = rig.network.text(rig.modems[0].number(), "+4930123456", "once");
    told.expect("a text");
    let first = eventually("it is posted", Duration::from_secs(60), || {
        sink.posts().first().cloned()
    });
    // The answer comes, and nothing can be kept any more.
    let held = Hold::take(&rig);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(
        sink.posts().len(),
        1,
        "it waits for its mark, and works nothing twice meanwhile"
    );
    gateway.kill();
    drop(held);

    sink.be(Manner::Answer(200));
    let gateway = rig.start_ready();
    let again = eventually("it is posted again", Duration::from_secs(60), || {
        sink.taken().first().cloned()
    });
    assert_eq!((again.id(), again.body), (first.id(), first.body));
    assert!(gateway.stop().success());

    let gateway = rig.start_ready();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sink.posts().len(), 2, "what is marked does not come again");
    assert!(gateway.stop().success());
}
