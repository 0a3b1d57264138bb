//! Any text and parameters of a receipt: nothing fails, and what is written is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smpp::{Agreement, IdForm, Receipt, Tag, Tlvs};

fuzz_target!(|input: (&[u8], &[u8], u8, &[u8])| {
    let (text, id, state, error) = input;
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::RECEIPTED_MESSAGE_ID, id);
    tlvs.push_octet(Tag::MESSAGE_STATE, state);
    tlvs.push(Tag::NETWORK_ERROR_CODE, error);
    let receipt = Receipt::decode(text, &tlvs);
    let _ = (
        receipt.state(),
        receipt.error(),
        receipt.submitted(),
        receipt.done(),
        receipt.stat_name(),
    );
    let again = Receipt::decode(&receipt.to_text(), &tlvs);
    assert_eq!(
        (&again.id, &again.stat, &again.err),
        (&receipt.id, &receipt.stat, &receipt.err)
    );
    let _ = Agreement::of(id, text);
    for form in [IdForm::Text, IdForm::Decimal, IdForm::Hexadecimal] {
        let key = form.key(id);
        assert_eq!(IdForm::Text.key(&key), key, "a key is its own key");
    }
});
