//! Webhooks and rules: what no type can say of them, and the secrets that lie in files of their own.

use std::io;
use std::path::Path;

use consumers::webhook::Secret;
use message::RouteId;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::source;

/// Checks `[[webhooks]]` and `[[rules]]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    let known = |sim: &RouteId| settings.has_route(sim);
    for (index, hook) in settings.webhooks.iter().enumerate() {
        let key = |name: &str| format!("webhooks[{index}].{name}");
        for problem in hook.problems() {
            reader.wrong(&key(&problem.key), problem.problem, format!("write {}", problem.right));
        }
        if settings.webhooks[..index].iter().any(|other| other.name == hook.name) {
            reader.wrong(&key("name"), "is there twice", "choose another name");
        }
        let sims = hook.sims.iter().flatten().enumerate();
        for (place, sim) in sims.filter(|(_, sim)| !known(sim)) {
            reader.wrong(&key(&format!("sims[{place}]")), format!("there is no slot {sim}"), SLOT);
        }
        if let Some(error) = hook.ca_file.as_ref().and_then(|file| source::open(file).err()) {
            let right = "name a PEM file that the gateway may read";
            reader.wrong(&key("ca_file"), format!("cannot be read: {error}"), right);
        }
        if let Some(named) = &hook.secret_file {
            secret_file(&key("secret_file"), named, reader);
        }
    }
    check_rules(settings, reader);
}

fn check_rules(settings: &Settings, reader: &mut Reader<'_>) {
    let consumers = settings.consumers();
    let known = match consumers.is_empty() {
        true => "configure a consumer first: [mail] or [[webhooks]]".to_owned(),
        false => format!("known here: {}", consumers.join(", ")),
    };
    for (index, rule) in settings.rules.iter().enumerate() {
        if !consumers.contains(&rule.consumer) {
            let key = format!("rules[{index}].consumer");
            reader.wrong(&key, "there is no such consumer", known.as_str());
        }
        if let Some(sim) = rule.sim.as_ref().filter(|sim| !settings.has_route(sim)) {
            reader.wrong(&format!("rules[{index}].sim"), format!("there is no slot {sim}"), SLOT);
        }
    }
}

fn secret_file(key: &str, named: &Path, reader: &mut Reader<'_>) {
    let Some(file) = reader.secret_file(named) else { return };
    let told = match secrets::open_to_others(&file) {
        Ok(Some(problem)) => Some((problem, format!("chmod 600 {}", file.display()))),
        Ok(None) => read_secret(&file)
            .err()
            .map(|error| (error.to_string(), SECRET.to_owned())),
        Err(error) => Some((error.to_string(), SECRET.to_owned())),
    };
    if let Some((problem, right)) = told {
        reader.wrong(key, format!("{}: {problem}", file.display()), right);
    }
}

/// Gives each hook the secret that lies in a file of its own.
pub(super) fn read_secrets(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    for hook in &mut settings.webhooks {
        let named = hook
            .secret_file
            .as_ref()
            .filter(|named| !settings.unseen.contains(*named));
        let Some(named) = named else { continue };
        let lies = secrets::find(named, file);
        let told = |error: io::Error| vec![Fault::of_file(&lies, error.to_string(), SECRET)];
        hook.secret = Some(read_secret(&lies).map_err(told)?);
    }
    Ok(())
}

fn read_secret(file: &Path) -> io::Result<Secret> {
    let text = Zeroizing::new(source::read(file)?);
    let secret = Secret::new(text.trim());
    match secret.is_long_enough() {
        true => Ok(secret),
        false => Err(io::Error::other("it holds fewer than 16 characters")),
    }
}

const SLOT: &str = "name a slot: [slots.NAME]";
const SECRET: &str = "name a file that holds the secret alone, 16 characters or more";
