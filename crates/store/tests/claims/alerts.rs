//! Alerts: kept with their pictures, and told to those who want them.

use message::{Event, NewAlert, RawAlert, RawImage};
use store::Config;

use crate::common::{Bench, t};

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 1, 2, 3];

fn alert(camera: &str, images: usize) -> NewAlert {
    let image = RawImage {
        name: "a.jpg".into(),
        octets: JPEG.to_vec(),
    };
    let raw = RawAlert {
        source: "test".into(),
        event: "MOTION_DETECTED".into(),
        camera: camera.into(),
        images: vec![image; images],
        ..RawAlert::default()
    };
    NewAlert::clean(raw, t(1))
}

#[tokio::test]
async fn an_alert_that_was_answered_survives_a_power_cut_with_its_pictures() {
    let bench = Bench::new();
    let alerts = vec![alert("cam1", 2), alert("cam2", 0)];
    let kept = bench.store.raise(alerts.clone()).await.expect("kept").into_inner();
    assert_eq!(kept.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(*bench.store.alerts().borrow(), 2);
    let cut = bench.after_power_cut();
    let found = cut.store.alerts_after(0, 10).await.expect("read");
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].number, &found[0].alert, found[0].alert.id),
        (1, &alerts[0].alert, kept[0].id)
    );
    assert_eq!(cut.store.alert_images(1).await.expect("read"), [JPEG, JPEG]);
    assert!(cut.store.alert_images(2).await.expect("read").is_empty());
    assert_eq!(cut.store.alerts_after(1, 10).await.expect("read").len(), 1);
    let next = cut.store.raise(vec![alert("cam3", 0)]).await.expect("kept");
    assert_eq!(next.get()[0].number, 3);
    cut.sound().await;
}

#[tokio::test]
async fn only_consumers_of_alerts_have_rows_for_them() {
    let config = Config {
        consumers: vec!["mail".into(), "hook".into()],
        alert_consumers: vec!["hook".into()],
        ..Config::default()
    };
    let bench = Bench::with(config);
    bench.store.raise(vec![alert("cam1", 1)]).await.expect("kept");
    assert!(bench.store.deliveries("mail", t(1), 10).await.expect("read").is_empty());
    let told = bench.store.deliveries("hook", t(1), 10).await.expect("read");
    let Event::Alert { alert } = &told[0].event else {
        panic!("{:?}", told[0].event)
    };
    assert_eq!((alert.number, alert.alert.camera.as_str()), (1, "cam1"));
    bench.sound().await;
}
