//! An application on the crate rusmppc. It is to be run under a time limit: at a large window it was seen to stall.
#![forbid(unsafe_code)]

use std::time::Duration;

use futures::StreamExt;
use peer_crates::{Account, Wish, delivered, tell, work};
use rusmpp::pdus::{BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, DeliverSmResp, SubmitSm};
use rusmpp::tlvs::{MessageSubmissionRequestTlvValue, TlvValue};
use rusmpp::types::{AnyOctetString, COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, MessagePayload, Npi, RegisteredDelivery, Ton};
use rusmpp::{Command, Pdu};
use rusmppc::error::Error;
use rusmppc::{Client, ConnectionBuilder, Event};
use serde_json::json;

#[tokio::main]
async fn main() {
    let account = Account::from_args();
    let (client, events) = ConnectionBuilder::new()
        .response_timeout(RESPONSE)
        .connect(format!("smpp://{}:{}", account.host, account.port))
        .await
        .expect("a connection");
    tokio::spawn(listen(client.clone(), events));
    if let Err(error) = bind(&client, &account).await {
        tell(json!({ "refused": status(&error) }));
        std::process::exit(1);
    }
    tell(json!({ "bound": account.mode }));
    let sender = client.clone();
    work(account.window, move |wish| submit(sender.clone(), wish)).await;
    tell(json!({ "unbound": client.unbind().await.is_ok() }));
}

async fn bind(client: &Client, account: &Account) -> Result<(), Error> {
    let system_id = COctetString::from_string(account.system_id.clone()).expect("it fits");
    let password = COctetString::from_string(account.password.clone()).expect("it fits");
    match account.mode.as_str() {
        "transmitter" => {
            let bind = BindTransmitter::builder().system_id(system_id).password(password);
            client.bind_transmitter(bind.build()).await.map(drop)
        }
        "receiver" => {
            let bind = BindReceiver::builder().system_id(system_id).password(password);
            client.bind_receiver(bind.build()).await.map(drop)
        }
        _ => {
            let bind = BindTransceiver::builder().system_id(system_id).password(password);
            client.bind_transceiver(bind.build()).await.map(drop)
        }
    }
}

async fn listen(client: Client, mut events: impl futures::Stream<Item = Event> + Unpin) {
    while let Some(event) = events.next().await {
        match event {
            Event::Incoming(command) => heard(&client, &command).await,
            Event::Error(Error::ConnectionClosedByPeer) => tell(json!({ "lost": true })),
            Event::Error(error) => tell(json!({ "error": error.to_string() })),
        }
    }
}

async fn heard(client: &Client, command: &Command) {
    if let Some(Pdu::DeliverSm(sm)) = command.pdu() {
        say(sm);
        let answered = client
            .deliver_sm_resp(command.sequence_number(), DeliverSmResp::default())
            .await;
        if let Err(error) = answered {
            tell(json!({ "error": error.to_string() }));
        }
    }
}

fn say(sm: &DeliverSm) {
    let (mut receipted, mut state, mut octets) = (String::new(), 0, sm.short_message().as_ref());
    for tlv in sm.tlvs() {
        match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(id)) => receipted = id.as_str().trim_end_matches('\0').to_owned(),
            Some(TlvValue::MessageState(told)) => state = u8::from(*told),
            Some(TlvValue::MessagePayload(payload)) => octets = payload.value.as_ref(),
            _ => {}
        }
    }
    let form = [u8::from(sm.esm_class), u8::from(sm.data_coding)];
    let [from, to] = [&sm.source_addr, &sm.destination_addr].map(|address| address.as_str().trim_end_matches('\0'));
    delivered(from, to, form, octets, &receipted, state);
}

async fn submit(client: Client, wish: Wish) -> Result<String, i64> {
    let address = |text: &str| COctetString::from_string(text.to_owned()).expect("it fits");
    let mut sm = SubmitSm::builder()
        .source_addr_ton(Ton::from(wish.from_ton))
        .source_addr(address(&wish.from))
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(address(&wish.to))
        .esm_class(EsmClass::from(wish.esm_class))
        .registered_delivery(RegisteredDelivery::from(wish.receipt))
        .data_coding(DataCoding::from(wish.data_coding));
    if wish.payload {
        let payload = MessagePayload::new(AnyOctetString::from_vec(wish.octets));
        sm = sm.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(payload));
    } else {
        sm = sm.short_message(OctetString::from_vec(wish.octets).expect("it fits"));
    }
    let answer = client.submit_sm(sm.build()).await.map_err(|error| status(&error))?;
    Ok(answer.message_id().as_str().trim_end_matches('\0').to_owned())
}

/// The status of a refusal; -1 is no answer.
fn status(error: &Error) -> i64 {
    match error {
        Error::UnexpectedResponse { response } => u32::from(response.status()).into(),
        _ => -1,
    }
}

/// How long an answer may take.
const RESPONSE: Duration = Duration::from_secs(30);
