//! HTTP and mail: curl in the place of cameras and scripts, and Alertmanager itself.

use std::fs;
use std::process::{Child, Command, Stdio};

use end_to_end::{eventually, free_port};

use crate::site::{LONG, Site, run};

/// Alertmanager, in a folder; it ends with this value.
struct Alertmanager(Child);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// curl, which fails where it is answered 400 or more.
fn curl() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30"]);
    curl
}

/// Whether a program is there. Where it is not, says so; in CI that is an error.
fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "{program} is missing: run `tools/peers install`");
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[test]
fn alertmanager_tells_of_an_alert_and_of_its_end() {
    if !is_there("prometheus-alertmanager") || !is_there("curl") {
        return;
    }
    let site = Site::new("", "secret = \"correct horse\"");
    let gateway = site.rig.start();
    let (folder, port) = (site.rig.folder().join("alertmanager"), free_port());
    fs::create_dir(&folder).expect("a folder");
    let config = format!(
        "route:\n  receiver: sms\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n- name: sms\n  webhook_configs:\n  - url: http://127.0.0.1:{}/alertmanager\n    send_resolved: true\n    \
         http_config:\n      authorization:\n        credentials: correct horse\n",
        site.http
    );
    fs::write(folder.join("config.yml"), config).expect("written");
    let mut command = Command::new("prometheus-alertmanager");
    command.current_dir(&folder).args([
        "--config.file=config.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
    ]);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let log = fs::File::create(folder.join("log")).expect("a log");
    let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
    let _alertmanager = Alertmanager(child);
    let tell = |more: &str| {
        let body = format!(
            "[{{\"labels\":{{\"alertname\":\"DiskFull\",\"instance\":\"db1:9100\",\"severity\":\"critical\"}},\
             \"annotations\":{{\"summary\":\"disk is full\"}}{more}}}]"
        );
        let url = format!("http://127.0.0.1:{port}/api/v2/alerts");
        let output = curl()
            .args(["-H", "Content-Type: application/json", "-d", &body, &url])
            .output();
        output.is_ok_and(|output| output.status.success()).then_some(())
    };
    eventually("Alertmanager takes alerts", LONG, || tell(""));
    let kept = site.kept(1);
    let alert = &kept[0].alert;
    assert_eq!(
        (&alert["event"], &alert["camera"]),
        (&"DiskFull".into(), &"db1:9100".into())
    );
    assert_eq!(
        (&alert["severity"], &alert["text"]),
        (&"critical".into(), &"disk is full".into())
    );
    eventually("it takes the end", LONG, || {
        tell(",\"endsAt\":\"2026-01-31T08:00:00Z\"")
    });
    let kept = site.kept(2);
    assert_eq!(
        (&kept[1].alert["ended"], &kept[1].alert["key"]),
        (&true.into(), &kept[0].alert["key"])
    );
    assert!(gateway.stop().success());
}

#[test]
fn a_camera_posts_parts_and_a_script_posts_a_form() {
    if !is_there("curl") {
        return;
    }
    let site = Site::new("", "secret = \"correct horse\"\nopen = [\"/hikvision\"]");
    let gateway = site.rig.start();
    let (picture, octets) = site.picture(30_000);
    let xml = site.rig.folder().join("notice.xml");
    let notice = "<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.isapi.org/ver20/XMLSchema\">\
        <macAddress>44:19:b6:00:00:01</macAddress><channelID>1</channelID><eventType>linedetection</eventType>\
        <eventState>active</eventState><channelName>Gate</channelName></EventNotificationAlert>";
    fs::write(&xml, notice).expect("written");
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", site.http);
    for _ in 0..3 {
        let notice = format!("linedetection=@{};type=application/xml", xml.display());
        let picture = format!("image=@{};type=image/jpeg", picture.display());
        assert!(run(curl().args(["-F", &notice, "-F", &picture, &url("/hikvision")])));
    }
    let fields = [
        "host=web1",
        "service=disk",
        "state=CRITICAL",
        "type=PROBLEM",
        "output=97 % full",
    ];
    let mut form = curl();
    for field in fields {
        form.args(["--data-urlencode", field]);
    }
    assert!(run(form.args(["-u", "icinga:correct horse", &url("/icinga")])));
    assert!(
        !run(curl().args(["-d", "host=web1", &url("/icinga")])),
        "without a token it is refused"
    );
    let kept = site.kept(2);
    assert_eq!(
        (&kept[0].alert["camera"], &kept[0].pictures),
        (&"Gate".into(), &vec![octets])
    );
    assert_eq!(
        (&kept[1].alert["event"], &kept[1].alert["text"]),
        (&"disk".into(), &"CRITICAL: 97 % full".into())
    );
    assert!(
        gateway.log().contains("a post to /icinga is refused with 401"),
        "{}",
        gateway.log()
    );
    assert!(gateway.stop().success());
}

#[test]
fn an_alarm_mail_with_its_picture_is_an_alert() {
    if !is_there("curl") {
        return;
    }
    let site = Site::new("", "");
    let gateway = site.rig.start();
    let (picture, octets) = site.picture(30_000);
    let text = "EVENT TYPE:   Motion Detected\r\nEVENT TIME:   2026-01-31,08:00:00\r\nCAMERA NAME(NUM):   Gate(A1)\r\n";
    let mail = [
        "--mail-from",
        "nvr@example.org",
        "--mail-rcpt",
        "alerts@sms.example.org",
        "-H",
        "Subject: Motion",
        "-F",
    ];
    let mut send = curl();
    send.args(mail).arg(format!("={text};type=text/plain"));
    send.arg("-F")
        .arg(format!("file=@{};type=image/jpeg;encoder=base64", picture.display()));
    assert!(run(send.arg(format!("smtp://127.0.0.1:{}", site.smtp))));
    let kept = site.kept(1);
    let alert = &kept[0].alert;
    assert_eq!(
        (&alert["event"], &alert["camera"]),
        (&"Motion Detected".into(), &"Gate(A1)".into())
    );
    assert_eq!(
        (&alert["source"], &alert["claimed_at"]),
        (&"mail".into(), &"2026-01-31,08:00:00".into())
    );
    assert_eq!(kept[0].pictures, [octets]);
    assert!(gateway.stop().success());
}
