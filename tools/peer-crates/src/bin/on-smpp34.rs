//! An application on the crate smpp34.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use peer_crates::{Account, Wish, delivered, tell, work};
use serde_json::json;
use smpp34::client::{BIND_TYPE, SMSC, SmppClient, SmppClientListener};
use smpp34::{SmppConnectionInformation, Tlv, TlvTag, deliver_sm, deliver_sm_resp, submit_sm};
use tokio::sync::oneshot;

struct Listener(Mutex<Option<oneshot::Sender<SMSC>>>);

#[async_trait]
impl SmppClientListener for Listener {
    async fn on_smsc_bound(&self, smsc: SMSC, _: &String) {
        if let Some(bound) = self.0.lock().expect("nobody panics with it").take() {
            let _ = bound.send(smsc);
        }
    }

    async fn on_deliver_sm(&self, sm: deliver_sm, _: &SmppConnectionInformation, _: &String) -> deliver_sm_resp {
        let value = |tag: TlvTag| sm.tlvs.iter().find(|tlv| tlv.tag == tag as u16);
        let receipted = value(TlvTag::ReceiptedMessageId)
            .and_then(Tlv::as_string)
            .unwrap_or_default();
        let state = value(TlvTag::MessageStateTlv).and_then(Tlv::as_u8).unwrap_or_default();
        let octets = match value(TlvTag::MessagePayload) {
            Some(payload) => &payload.value,
            None => &sm.short_message,
        };
        let form = [sm.esm_class, sm.data_coding];
        delivered(&sm.source_addr, &sm.destination_addr, form, octets, &receipted, state);
        sm.accept()
    }

    async fn on_smsc_unbound(&self, _: &String) {
        tell(json!({ "lost": true }));
    }
}

#[tokio::main]
async fn main() {
    let account = Account::from_args();
    let (bound, binding) = oneshot::channel();
    let mode = match account.mode.as_str() {
        "transmitter" => BIND_TYPE::TX,
        "receiver" => BIND_TYPE::RX,
        _ => BIND_TYPE::TRX,
    };
    let mut client = SmppClient::new(
        account.host,
        account.port,
        false,
        mode,
        account.system_id,
        account.password,
        String::new(),
        0,
        0,
        String::new(),
        Arc::new(Listener(Mutex::new(Some(bound)))),
        account.window,
    );
    client.start().await;
    // A bind that is refused is told to nobody.
    let Ok(Ok(smsc)) = tokio::time::timeout(REFUSED, binding).await else {
        tell(json!({ "refused": -1 }));
        std::process::exit(1);
    };
    tell(json!({ "bound": account.mode }));
    let smsc = Arc::new(smsc);
    let sender = Arc::clone(&smsc);
    work(account.window, move |wish| submit(Arc::clone(&sender), wish)).await;
    tell(json!({ "unbound": smsc.send_unbind().await.is_ok() }));
}

async fn submit(smsc: Arc<SMSC>, wish: Wish) -> Result<String, i64> {
    let (short, payload) = match wish.payload {
        true => (Vec::new(), Some(wish.octets)),
        false => (wish.octets, None),
    };
    let none = String::new;
    let sm = submit_sm::new(
        0,
        none(),
        wish.from_ton,
        0,
        wish.from,
        1,
        1,
        wish.to,
        wish.esm_class,
        0,
        0,
        none(),
        none(),
        wish.receipt,
        0,
        wish.data_coding,
        0,
        short,
    );
    let payload = payload.map(|payload| Tlv::from_tag(TlvTag::MessagePayload, payload));
    match smsc.send_submit_sm_pdu(sm.with_tlvs(payload)).await {
        Ok(answer) if answer.is_success() => Ok(answer.message_id.unwrap_or_default()),
        Ok(answer) => Err(answer.command_status().into()),
        Err(error) => Err(error as i64),
    }
}

/// How long a bind may take.
const REFUSED: Duration = Duration::from_secs(5);
