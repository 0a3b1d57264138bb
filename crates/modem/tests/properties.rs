//! What holds whatever a modem says and whenever it says it.

mod bench;

use std::time::{Duration, Instant};

use bench::partner::framed;
use bench::{Answers, Bench, Partner, kept, millis, part};
use modem::{Config, Event, Job, Modem, Output, Pin, UssdAction};
use proptest::prelude::*;

/// What the world does to the machine.
#[derive(Debug, Clone)]
enum Act {
    Octets(Vec<u8>),
    Line(usize),
    Time(u64),
    Send,
    Withdraw,
    Ussd,
    Sweep,
    Delete(u16),
    Acknowledge,
    Unlock,
    Reset(bool),
    Open,
    Lose,
}

/// Lines that drive the machine deep into its tasks.
const LINES: &[&str] = &[
    "OK",
    "ERROR",
    "> ",
    "+CME ERROR: 10",
    "+CME ERROR: 11",
    "+CME ERROR: 14",
    "+CME ERROR: 16",
    "+CMS ERROR: 500",
    "+CMS ERROR: 330",
    "+CMS ERROR: 512",
    "+CMS ERROR: 332",
    "+CPIN: READY",
    "+CPIN: SIM PIN",
    "+CPIN: SIM PUK",
    "+CPINR: SIM PIN,3,3",
    "+CPINR: SIM PIN,1,3",
    "+CGMI: huawei",
    "490154203237518",
    "+CCID: 8949000000000000001",
    "+CSCA: \"+491710760000\",145",
    "+CPMS: (\"SM\",\"ME\"),(\"SM\"),(\"SM\")",
    "+CPMS: 2,10,2,10,2,10",
    "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",
    "+CREG: 2,1",
    "+CREG: 2",
    "+CMGS: 5",
    "+CMGW: 3",
    "+CMSS: 4",
    "+CMTI: \"SM\",1",
    "+CDSI: \"SR\",0",
    "+CMTI: ",
    "+CMGR: 0,,28",
    bench::DELIVER,
    "+CMGL: 1,0,,28",
    "+CMT: ,28",
    "+CDS: 28",
    "+CUSD: 1,\"menu\",15",
    "+CUSD: 2",
    "RING",
    "+CLIP: \"+4917\",145",
    "NO CARRIER",
    "RDY",
    "^SYSSTART",
    "^SHUTDOWN",
    "^SMMEMFULL: \"SM\"",
    "+CPIN: NOT INSERTED",
    "^SIMST: 0",
    "^RSSI: 3",
];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0..LINES.len()).prop_map(Act::Line),
        2 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Act::Octets),
        6 => prop_oneof![0u64..50, 0u64..5_000, 0u64..200_000].prop_map(Act::Time),
        6 => Just(Act::Line(0)),
        2 => Just(Act::Send),
        1 => Just(Act::Withdraw),
        1 => Just(Act::Ussd),
        1 => Just(Act::Sweep),
        1 => (0u16..4).prop_map(Act::Delete),
        1 => Just(Act::Acknowledge),
        1 => Just(Act::Unlock),
        1 => any::<bool>().prop_map(Act::Reset),
        1 => Just(Act::Open),
        1 => Just(Act::Lose),
    ]
}

/// Watches what is written and what is told.
struct Watch {
    modem: Modem,
    now: Instant,
    /// When the PDU went out that is not settled yet.
    handed: Option<Instant>,
    /// The part that began last and is not settled yet.
    begun: Option<u64>,
    given: u64,
    open: Vec<u64>,
    uncertain: Vec<u64>,
    /// PIN entries since the last release or acceptance.
    entries: u32,
    proofs: u32,
}

impl Watch {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        Self {
            modem: Modem::new(config, now),
            now,
            handed: None,
            begun: None,
            given: 0,
            open: Vec::new(),
            uncertain: Vec::new(),
            entries: 0,
            proofs: 0,
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.modem.poll() {
            match output {
                Output::Write(octets) => self.wrote(&octets),
                Output::Begins { ticket } => self.begun = Some(ticket),
                Output::Event(event) => self.told(event),
                Output::Reopen { .. } | Output::Close { .. } => self.handed = None,
            }
        }
    }

    fn wrote(&mut self, octets: &[u8]) {
        assert!(
            self.handed.is_none(),
            "written after Ctrl-Z: {}",
            String::from_utf8_lossy(octets)
        );
        if octets.ends_with(b"\x1a") {
            assert!(
                self.begun.is_some(),
                "a PDU of a part of which nobody was told that it begins"
            );
            self.handed = Some(self.now);
        }
        if octets.starts_with(b"AT+CPIN=") {
            self.entries += 1;
            assert!(self.entries <= 1, "a second PIN entry");
            assert!(self.entries <= self.proofs, "a PIN entry without its record");
        }
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Settled { ticket, outcome, .. } => {
                let had_begun = self.begun == Some(ticket);
                if had_begun {
                    (self.handed, self.begun) = (None, None);
                }
                let not_begun = matches!(outcome, message::Outcome::NotBegun { .. });
                assert!(!(had_begun && not_begun), "told that it begins, and that it has not");
                let late = matches!(outcome, message::Outcome::Uncertain { .. });
                if let Some(at) = self.open.iter().position(|open| *open == ticket) {
                    self.open.remove(at);
                    self.uncertain.extend(late.then_some(ticket));
                } else {
                    let at = self.uncertain.iter().position(|open| *open == ticket);
                    self.uncertain
                        .remove(at.expect("only an uncertain part is settled twice"));
                }
            }
            Event::PinWanted(wanted) => {
                assert!(wanted.tries_left.is_none_or(|tries| tries > 1));
                self.proofs += 1;
                self.modem
                    .submit(Job::EnterPin { proof: kept(wanted) }, self.now)
                    .expect("a PIN that was asked for is taken");
            }
            Event::PinVerdict {
                verdict: modem::PinVerdict::Accepted,
                ..
            } => self.entries = 0,
            _ => {}
        }
    }

    fn does(&mut self, act: Act) {
        match act {
            Act::Octets(octets) => {
                // Whatever ends the exchange, it is not for the watch to know.
                self.modem.receive(&octets, self.now);
            }
            Act::Line(line) => {
                if self.handed.is_some() && (LINES[line] == "OK" || LINES[line].contains("ERROR")) {
                    self.handed = None;
                }
                if matches!(LINES[line], "RDY" | "^SYSSTART" | "^SHUTDOWN") {
                    self.handed = None;
                }
                self.modem.receive(&framed(LINES[line]), self.now);
            }
            Act::Time(millis) => self.pass(Duration::from_millis(millis)),
            Act::Send => {
                self.given += 1;
                if self.modem.submit(Job::Send(part(self.given)), self.now).is_ok() {
                    self.open.push(self.given);
                }
            }
            Act::Withdraw => self.try_to(Job::Withdraw { ticket: self.given }),
            Act::Ussd => {
                let code = String::from("*100#");
                self.try_to(Job::Ussd(UssdAction::Start { code }));
            }
            Act::Sweep => self.try_to(Job::Sweep { again: true }),
            Act::Delete(index) => {
                let place = message::Memory { name: *b"SM", index };
                self.try_to(Job::Delete { proof: kept(place) });
            }
            Act::Acknowledge => self.try_to(Job::Acknowledge { proof: kept(()) }),
            Act::Unlock => {
                self.entries = 0;
                self.try_to(Job::Unlock);
            }
            Act::Reset(radio) => self.try_to(Job::Reset { radio }),
            Act::Open => {
                self.handed = None;
                self.modem.opened(self.now);
            }
            Act::Lose => {
                self.handed = None;
                self.modem.lost(self.now, "unplugged");
            }
        }
        self.drain();
    }

    /// Taken or not is all the same here.
    fn try_to(&mut self, job: Job) {
        let _ = self.modem.submit(job, self.now);
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..100_000 {
            let Some(due) = self.modem.due().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            assert!(due >= self.now || due + Duration::from_secs(1) > self.now);
            self.now = due.max(self.now);
            if self
                .handed
                .is_some_and(|handed| self.now - handed >= Duration::from_secs(180))
            {
                self.handed = None;
            }
            self.modem.tick(self.now);
            self.drain();
        }
        panic!("time does not pass");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_every_exchange_ends_and_nothing_is_written_out_of_turn(
        acts in proptest::collection::vec(act(), 0..120),
        flash in any::<bool>(),
    ) {
        let config = Config { pin: Pin::new("1234"), flash, ..Config::default() };
        let mut watch = Watch::new(config);
        watch.drain();
        for act in acts {
            // Random octets may hold an answer by chance; then the watch cannot tell and looks away.
            if matches!(act, Act::Octets(_)) {
                watch.handed = None;
            }
            watch.does(act);
        }
        watch.pass(Duration::from_secs(3600));
        prop_assert!(watch.open.is_empty(), "parts without end: {:?}", watch.open);
    }

    #[test]
    fn bytes_cut_anywhere_and_delayed_anyhow_set_the_modem_up(
        cuts in proptest::collection::vec(1usize..20, 1..40),
        delays in proptest::collection::vec(0u64..60, 1..40),
    ) {
        let partner = Chopped { partner: Partner::new(), cuts, delays, at: 0 };
        let mut bench = Bench::new(Config::default(), partner);
        bench.in_order = true;
        bench.until_state(message::SlotState::Ready);
        bench.send(1);
        let (_, outcome, _) = bench.wait_settled();
        prop_assert!(matches!(outcome, message::Outcome::Sent { .. }), "{:?}", outcome);
    }

    #[test]
    fn lost_octets_never_lose_a_part(
        losses in proptest::collection::vec(0usize..200, 1..30),
    ) {
        let partner = Lossy { partner: Partner::new(), losses, at: 0, count: 0 };
        let mut bench = Bench::new(Config::default(), partner);
        let mut given = 0;
        for _ in 0..10 {
            bench.run(Duration::from_secs(400));
            if bench.submit(Job::Send(part(given))).is_ok() {
                given += 1;
            }
        }
        bench.run(Duration::from_secs(1000));
        let settled: std::collections::HashSet<u64> = bench.events.iter().filter_map(|event| match event {
            Event::Settled { ticket, .. } => Some(*ticket),
            _ => None,
        }).collect();
        prop_assert_eq!(settled.len() as u64, given);
    }
}

/// A partner whose octets come in pieces.
struct Chopped {
    partner: Partner,
    cuts: Vec<usize>,
    delays: Vec<u64>,
    at: usize,
}

impl Answers for Chopped {
    fn take(&mut self, octets: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut pieces = Vec::new();
        for (after, answer) in self.partner.take(octets) {
            let mut when = after;
            let mut rest = answer.as_slice();
            while !rest.is_empty() {
                let cut = self.cuts[self.at % self.cuts.len()].min(rest.len());
                when += millis(self.delays[self.at % self.delays.len()]);
                self.at += 1;
                pieces.push((when, rest[..cut].to_vec()));
                rest = &rest[cut..];
            }
        }
        pieces
    }
}

/// A partner that loses octets.
struct Lossy {
    partner: Partner,
    losses: Vec<usize>,
    at: usize,
    count: usize,
}

impl Answers for Lossy {
    fn take(&mut self, octets: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut answers = self.partner.take(octets);
        for (_, answer) in &mut answers {
            answer.retain(|_| {
                self.count += 1;
                let lost = self.count > self.losses[self.at % self.losses.len()] + 50;
                if lost {
                    self.count = 0;
                    self.at += 1;
                }
                !lost
            });
        }
        answers
    }
}
