//! SMPP: what no type can say of it, and passwords that lie in files of their own.

use std::path::Path;

use super::fault::Fault;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::source;
use super::upstreams::{check_password, password_of};

/// Checks `[smpp]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for problem in settings.smpp.problems() {
        let key = format!("smpp.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    for (index, account) in settings.smpp.accounts.iter().enumerate() {
        let sims = account.sims.iter().flatten().enumerate();
        for (place, sim) in sims.filter(|(_, sim)| !settings.has_route(sim)) {
            let key = format!("smpp.accounts[{index}].sims[{place}]");
            reader.wrong(&key, format!("there is no slot {sim}"), "name a slot: [slots.NAME]");
        }
        let numbers = account.numbers.iter().enumerate();
        for (place, number) in numbers.filter(|(_, number)| !settings.may_have_number(number)) {
            let key = format!("smpp.accounts[{index}].numbers[{place}]");
            let right = "write the number of a slot or upstream, as it stands there";
            reader.wrong(&key, format!("nobody here has {number}"), right);
        }
        if let Some(error) = account
            .outbind_ca_file
            .as_ref()
            .and_then(|file| source::open(file).err())
        {
            let key = format!("smpp.accounts[{index}].outbind_ca_file");
            let right = "name a PEM file that the gateway may read";
            reader.wrong(&key, format!("cannot be read: {error}"), right);
        }
        let named = account.outbind_password_file.as_ref();
        if let Some(file) = named.and_then(|named| reader.secret_file(named)) {
            let key = format!("smpp.accounts[{index}].outbind_password_file");
            check_password(&key, &file, reader);
        }
    }
}

/// Gives each account the password of its outbind.
pub(super) fn read_secrets(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    for account in &mut settings.smpp.accounts {
        let named = account.outbind_password_file.as_ref();
        if let Some(named) = named.filter(|named| !settings.unseen.contains(*named)) {
            account.outbind_password = password_of(&secrets::find(named, file))?;
        }
    }
    Ok(())
}
