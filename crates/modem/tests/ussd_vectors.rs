//! USSD against every row of the vectors, through a whole modem.

mod bench;

use bench::transcript::{rows, vectors};
use bench::{Bench, Partner};
use message::{SlotState, UssdReply};
use modem::{Config, Event, Job, UssdAction};

fn ready(maker: &str) -> Bench<Partner> {
    let mut partner = Partner::new();
    partner.model(maker, "E1550");
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(bench::secs(2));
    bench
}

fn heard(bench: &mut Bench<Partner>) -> UssdReply {
    bench.wait_for("a USSD answer", |event| match event {
        Event::UssdReplied { reply, .. } => Some(reply.clone()),
        _ => None,
    })
}

#[test]
fn every_answer_of_the_vectors_is_read() {
    let Some(folder) = vectors() else { return };
    for row in rows(&folder.join("ussd.jsonl")) {
        let raw = row["raw"].as_str().unwrap();
        let status = u8::try_from(row["status"].as_i64().unwrap()).unwrap();
        let maker = if row["modem"].as_str().unwrap_or_default().contains("Huawei") {
            "huawei"
        } else {
            "Acme"
        };
        let mut bench = ready(maker);
        bench
            .submit(Job::Ussd(UssdAction::Start {
                code: String::from("*100#"),
            }))
            .unwrap();
        bench.run(bench::millis(20));
        bench.says(format!("\r\n{raw}\r\n"));
        let expected = row["text_without_padding"].as_str().or(row["text"].as_str()).unwrap();
        if matches!(status, 4 | 5) {
            bench.wait_for("a failure", |event| {
                matches!(event, Event::UssdFailed { .. }).then_some(())
            });
            continue;
        }
        let reply = heard(&mut bench);
        assert_eq!(reply.text, expected, "{raw}");
        assert_eq!(reply.status, status, "{raw}");
        assert_eq!(reply.open, status == 1, "{raw}");
    }
}

#[test]
fn every_request_of_the_vectors_is_written() {
    let Some(folder) = vectors() else { return };
    for row in rows(&folder.join("ussd_requests.jsonl")) {
        let code = row["code"].as_str().unwrap();
        let (maker, charset) = match row["encoding_on_wire"].as_str().unwrap() {
            "gsm7packedhex" => ("huawei", None),
            "ucs2hex" => ("Acme", Some("UCS2")),
            _ => ("Acme", None),
        };
        let mut partner = Partner::new();
        partner.model(maker, "E1550");
        let config = Config {
            charset: charset.map(str::to_owned),
            ..Config::default()
        };
        let mut bench = Bench::new(config, partner);
        bench.until_state(SlotState::Ready);
        bench
            .submit(Job::Ussd(UssdAction::Start { code: code.to_owned() }))
            .unwrap();
        bench.run(bench::secs(2));
        // The scheme is always 15 here: 240 and 0 mean the same alphabet.
        let wanted = row["command"].as_str().unwrap().to_uppercase();
        let wanted = wanted.rsplit_once(',').unwrap().0.to_owned();
        let written = bench
            .lines()
            .into_iter()
            .find(|line| line.starts_with("AT+CUSD=1"))
            .unwrap();
        assert_eq!(written.rsplit_once(',').unwrap().0.to_uppercase(), wanted, "{code}");
    }
}
