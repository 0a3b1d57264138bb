//! Mail: what no type can say of it, its password in a file of its own, and the environment of the alert server that
//! its users had before.

use std::io;
use std::path::Path;

use config::{Value, ValueKind};
use consumers::mail::Password;
use message::RouteId;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::source;

/// Checks `[mail]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    let mail = &settings.mail;
    for problem in mail.problems() {
        let key = format!("mail.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    let known = |sim: &RouteId| settings.has_route(sim);
    for sim in mail.sims.keys().filter(|sim| !known(sim)) {
        reader.wrong(&format!("mail.sims.{sim}"), format!("there is no slot {sim}"), SLOT);
    }
    for (index, rule) in mail.rules.iter().enumerate() {
        let sims = rule.sims.iter().flatten().enumerate();
        for (place, sim) in sims.filter(|(_, sim)| !known(sim)) {
            let key = format!("mail.rules[{index}].sims[{place}]");
            reader.wrong(&key, format!("there is no slot {sim}"), SLOT);
        }
    }
    if let Some(error) = mail.ca_file.as_ref().and_then(|file| source::open(file).err()) {
        let right = "name a PEM file that the gateway may read";
        reader.wrong("mail.ca_file", format!("cannot be read: {error}"), right);
    }
    let password = mail.password_file.as_ref();
    if let Some(file) = password.and_then(|named| reader.secret_file(named))
        && let Err((problem, right)) = check_password(&file)
    {
        reader.wrong("mail.password_file", format!("{}: {problem}", file.display()), right);
    }
}

/// Reads the password that lies in a file of its own.
pub(super) fn read_password(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    let named = settings.mail.password_file.as_ref();
    let Some(named) = named.filter(|named| !settings.unseen.contains(*named)) else {
        return Ok(());
    };
    let lies = secrets::find(named, file);
    let told = |error: io::Error| vec![Fault::of_file(&lies, error.to_string(), FILE)];
    settings.mail.password = Some(password(&lies).map_err(told)?);
    Ok(())
}

/// The settings that the variables of the alert server mean, below the file: `SMTP_HOST` and `SMTP_PORT` count only
/// together, and `SMTP_USE_TLS` (true unless it says otherwise) is STARTTLS on 587 and 25, TLS on 465, else nothing.
pub(super) fn seeds(variable: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, Value)> {
    let said = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut seeds: Vec<(&'static str, Value)> = Vec::new();
    if let (Some(host), Some(port)) = (said("SMTP_HOST"), said("SMTP_PORT")) {
        let on = |value: String| ["1", "true", "yes"].contains(&value.to_lowercase().as_str());
        let security = match (said("SMTP_USE_TLS").is_none_or(on), port.as_str()) {
            (true, "587" | "25") => "starttls",
            (true, "465") => "tls",
            _ => "plain",
        };
        seeds.push(("mail.host", host.into()));
        seeds.push(("mail.port", port.into()));
        seeds.push(("mail.security", security.into()));
    }
    if let Some(user) = said("SMTP_USER") {
        seeds.push(("mail.user", user.into()));
        seeds.extend(said("SMTP_PASS").map(|password| ("mail.password", password.into())));
    }
    if let Some(to) = said("ALERT_RECIPIENT") {
        let to = vec![Value::from(to)];
        seeds.push(("mail.to", Value::new(None, ValueKind::Array(to))));
    }
    seeds
}

fn check_password(file: &Path) -> Result<(), (String, String)> {
    let told = |error: io::Error| (error.to_string(), FILE.to_owned());
    match secrets::open_to_others(file).map_err(told)? {
        Some(problem) => Err((problem, format!("chmod 600 {}", file.display()))),
        None => password(file).map(drop).map_err(told),
    }
}

fn password(file: &Path) -> io::Result<Password> {
    let text = Zeroizing::new(source::read(file)?);
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(io::Error::other("it is empty")),
        password => Ok(Password::new(password)),
    }
}

const SLOT: &str = "name a slot: [slots.NAME]";
const FILE: &str = "name a file that holds the password alone";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> String {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let seeds = seeds(find);
        let words: Vec<String> = seeds.iter().map(|(key, value)| format!("{key}={value}")).collect();
        words.join(" ")
    }

    #[test]
    fn the_variables_of_the_alert_server_mean_what_they_meant() {
        assert_eq!(told(&[]), "");
        assert_eq!(
            told(&[("SMTP_HOST", "h"), ("SMTP_PASS", "p"), ("ALERT_RECIPIENT", "")]),
            ""
        );
        let server = |port, tls| told(&[("SMTP_HOST", "h"), ("SMTP_PORT", port), ("SMTP_USE_TLS", tls)]);
        assert_eq!(server("587", ""), "mail.host=h mail.port=587 mail.security=starttls");
        assert_eq!(server("25", "YES"), "mail.host=h mail.port=25 mail.security=starttls");
        assert_eq!(server("465", "1"), "mail.host=h mail.port=465 mail.security=tls");
        assert_eq!(server("465", "no"), "mail.host=h mail.port=465 mail.security=plain");
        assert_eq!(server("1025", "true"), "mail.host=h mail.port=1025 mail.security=plain");
        let login = told(&[("SMTP_USER", "u@h"), ("SMTP_PASS", "p"), ("ALERT_RECIPIENT", "a@b")]);
        assert!(login.starts_with("mail.user=u@h mail.password=p mail.to="), "{login}");
        assert!(login.contains("a@b"), "{login}");
    }
}
