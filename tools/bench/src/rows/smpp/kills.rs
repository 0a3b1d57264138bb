//! kill -9 while an application submits: what becomes of what was acknowledged, and of its receipts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use smpp::session::{Answer, Event};
use smpp::{Body, Receipt, Sm, Tlvs};

use super::super::{Figure, Measuring};
use super::application::{Application, refused};
use super::{TEXT, centre_with};
use crate::Error;
use crate::client::Client;
use crate::rig::{Setup, is_settled, recipient, until};
use crate::simulator::{Plan, Simulator};

/// Messages with receipts, and kills spread over their submitting.
pub(in super::super) fn receipts(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let count = if scene.quick { 1_000 } else { 10_000 };
    let setup = Setup {
        slots: MODEMS,
        reports: true,
        journal: false,
    };
    let (mut rig, address) = centre_with(measuring, "kill-smpp", WINDOW, setup)?;
    let _simulator = Simulator::start(&scene.programs, &rig.modems(), &plan())?;
    let mut told = Told::default();
    for kill in 1..=KILLS {
        rig.start()?;
        submit(address, count * kill / KILLS, &mut told)?;
        rig.kill();
    }
    rig.start()?;
    listen(address, &mut told)?;
    let mut client = rig.door.open()?;
    let ids: Vec<&String> = told.taken.iter().collect();
    let open = unsettled(&mut client, &ids)?;
    let silent = ids.iter().filter(|id| !told.finals.contains_key(**id)).count();
    let torn = told.finals.values().filter(|states| states.len() != 1).count();
    let repeated = told.receipts - told.finals.len();
    Ok(Figure {
        measured: format!(
            "{KILLS} kills, {} acknowledged: {open} without an end, {silent} without a receipt, {torn} with two ends; \
             {repeated} receipts came again",
            ids.len()
        ),
        reached: open + silent + torn == 0,
    })
}

/// What the application was told, through all kills.
#[derive(Default)]
struct Told {
    /// The ids of what was acknowledged.
    taken: BTreeSet<String>,
    asked: usize,
    /// The final states by id.
    finals: BTreeMap<String, BTreeSet<u8>>,
    /// Receipts of final states.
    receipts: usize,
}

impl Told {
    /// Works what happened, and answers what was delivered.
    fn hear(&mut self, application: &mut Application, limit: Duration) -> Result<(), Error> {
        for event in application.hear(limit)? {
            match event {
                Event::Answered { status, body, .. } if status.is_ok() => self.taken.extend(id_of(&body)),
                Event::Answered { status, .. } => return Err(Error::Refused(format!("submit_sm: {status}"))),
                Event::Request { owed, body, tlvs } => {
                    self.receipt(&body, &tlvs);
                    let answered = application.session.respond(owed, Answer::taken(""), Instant::now());
                    answered.map_err(refused)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn receipt(&mut self, body: &Body, tlvs: &Tlvs) {
        let Some(receipt) = Receipt::of(body, tlvs) else {
            return;
        };
        let state = receipt.state().filter(|state| state.is_final());
        if let Some((id, state)) = receipt.message_id().zip(state) {
            self.receipts += 1;
            self.finals.entry(id.text()).or_default().insert(state.number());
        }
    }

    /// Whether everything acknowledged has its receipt.
    fn is_complete(&self) -> bool {
        self.taken.iter().all(|id| self.finals.contains_key(id))
    }
}

/// Submits until so many are acknowledged. Their receipts come meanwhile.
fn submit(address: SocketAddr, count: usize, told: &mut Told) -> Result<(), Error> {
    let mut application = Application::bind(address, WINDOW)?;
    while told.taken.len() < count {
        while application.session.may_submit().is_ok() {
            let sm = Sm {
                destination_addr: recipient(told.asked).trim_start_matches('+').into(),
                dest_addr_ton: 1,
                dest_addr_npi: 1,
                registered_delivery: 1,
                short_message: TEXT.into(),
                ..Sm::default()
            };
            let submitted = application
                .session
                .submit(&Body::SubmitSm(sm), &Tlvs::NONE, 0, Instant::now());
            submitted.map_err(refused)?;
            told.asked += 1;
        }
        told.hear(&mut application, Duration::from_secs(10))?;
    }
    Ok(())
}

/// Hears receipts until there is one for everything.
fn listen(address: SocketAddr, told: &mut Told) -> Result<(), Error> {
    let mut application = Application::bind(address, WINDOW)?;
    let end = Instant::now() + SETTLING;
    while !told.is_complete() && Instant::now() < end {
        told.hear(&mut application, Duration::from_millis(100))?;
    }
    Ok(())
}

/// How many have no end, after a while.
fn unsettled(client: &mut Client, ids: &[&String]) -> Result<usize, Error> {
    let mut open: Vec<&String> = ids.to_vec();
    until(SETTLING, || {
        let mut still = Vec::new();
        for batch in open.chunks(BATCH) {
            let found = client.batch("sms.status", batch.iter().map(|id| json!({ "id": id })))?;
            // A state that is sent waits for its report.
            let over = found
                .iter()
                .map(|status| is_settled(status) && status["state"] != "sent");
            still.extend(batch.iter().zip(over).filter(|(_, over)| !over).map(|(id, _)| *id));
        }
        open = still;
        Ok(open.is_empty())
    })?;
    Ok(open.len())
}

fn id_of(body: &Body) -> Option<String> {
    match body {
        Body::SubmitSmResp(answer) => Some(answer.message_id.text()),
        _ => None,
    }
}

fn plan() -> Plan {
    Plan {
        modems: MODEMS,
        latency: Duration::ZERO,
        record: "counts",
        sim_places: 200,
    }
}

const KILLS: usize = 4;
const MODEMS: usize = 8;
const WINDOW: usize = 50;
/// The longest wait for the last receipt, and for the last end.
const SETTLING: Duration = Duration::from_secs(90);
/// The gateway's own limit of calls in a batch is 100.
const BATCH: usize = 100;
