//! Upstreams: what no type can say of them, and their passwords, which lie in files of their own.

use std::path::Path;

use esme::Password;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::reader::Reader;
use super::rules::is_slot_name;
use super::secrets;
use super::settings::Settings;
use super::source;

/// Checks `[upstreams.NAME]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for (name, upstream) in &settings.upstreams {
        let table = format!("upstreams.{name}");
        if !is_slot_name(name.as_str()) {
            let right = "call it by 1 to 32 letters, digits, '-' and '_'";
            reader.wrong(&table, "a name that cannot be used", right);
        }
        if settings.pool.slots.contains_key(name) {
            reader.wrong(&table, "a slot has this name", "choose another name");
        }
        for problem in upstream.problems() {
            let key = format!("{table}.{}", problem.key);
            reader.wrong(&key, problem.problem, format!("write {}", problem.right));
        }
        if let Some(error) = upstream.ca_file.as_ref().and_then(|file| source::open(file).err()) {
            let right = "name a PEM file that the gateway may read";
            reader.wrong(&format!("{table}.ca_file"), format!("cannot be read: {error}"), right);
        }
        let named = upstream.password_file.as_ref();
        if let Some(file) = named.and_then(|named| reader.secret_file(named)) {
            check_password(&format!("{table}.password_file"), &file, reader);
        }
    }
}

/// Gives each upstream the password that lies in a file of its own.
pub(super) fn read_secrets(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    for upstream in settings.upstreams.values_mut() {
        let named = upstream.password_file.as_ref();
        if let Some(named) = named.filter(|named| !settings.unseen.contains(*named)) {
            upstream.password = password_of(&secrets::find(named, file))?;
        }
    }
    Ok(())
}

/// The password in a file.
pub(super) fn password_of(file: &Path) -> Result<Password, Vec<Fault>> {
    password(file).map_err(|problem| vec![Fault::of_file(file, problem, FILE)])
}

/// Checks the file that a key names for a password.
pub(super) fn check_password(key: &str, file: &Path, reader: &mut Reader<'_>) {
    if let Err((problem, right)) = closed_password(file) {
        reader.wrong(key, format!("{}: {problem}", file.display()), right);
    }
}

fn closed_password(file: &Path) -> Result<(), (String, String)> {
    match secrets::open_to_others(file) {
        Ok(Some(problem)) => Err((problem, format!("chmod 600 {}", file.display()))),
        Ok(None) => password(file).map(drop).map_err(|problem| (problem, FILE.to_owned())),
        Err(error) => Err((error.to_string(), FILE.to_owned())),
    }
}

fn password(file: &Path) -> Result<Password, String> {
    let text = Zeroizing::new(source::read(file).map_err(|error| error.to_string())?);
    let text = text.trim_end_matches(['\r', '\n']);
    match Password::new(text) {
        password if password.fits() => Ok(password),
        _ => Err("it does not hold 1 to 8 plain letters and digits, as SMPP has them (clause 5.2.2)".to_owned()),
    }
}

const FILE: &str = "name a file that holds the password alone";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::load;

    fn told(lines: &str, password: &str, mode: u32) -> Result<Settings, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, secret) = (
            folder.path().join("simrelay.toml"),
            folder.path().join("phone.password"),
        );
        fs::write(&file, lines).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&secret, password).expect("written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).expect("set");
        let faults = |faults: Vec<Fault>| faults.iter().map(|fault| fault.problem.clone()).collect();
        load(&file).map_err(faults)
    }

    const PHONE: &str = "[upstreams.phone]\naddress = 'a:1'\nsystem_id = 'relay'\npassword_file = 'phone.password'\n";

    #[test]
    fn a_password_lies_in_a_file_of_its_own_and_nowhere_else() {
        let settings = told(PHONE, "aVbpZzpt\n", 0o600).expect("right");
        let phone = settings.upstreams.values().next().expect("one");
        assert_eq!(phone.password.expose(), "aVbpZzpt");
        assert!(told(PHONE, "aVbpZzpt", 0o644).expect_err("open")[0].contains("open to others"));
        assert!(told(PHONE, "much too long", 0o600).expect_err("long")[0].contains("1 to 8"));
        let inline = PHONE.replace("password_file = 'phone.password'", "password = 'x'");
        assert_eq!(told(&inline, "x", 0o600).expect_err("inline"), ["unknown key"]);
    }

    #[test]
    fn an_upstream_is_a_route_and_shares_no_name_with_a_slot() {
        let lines = format!("{PHONE}cost_micros = 5\nlimits.per_day = 9\n[attendance]\nsims = ['phone']\n");
        let settings = told(&lines, "x", 0o600).expect("right");
        let route = settings.route_settings().routes.remove(&message::RouteId::new("phone"));
        assert_eq!(
            route.map(|route| (route.cost_micros, route.limits.per_day)),
            Some((5, Some(9)))
        );
        let twice = format!("{PHONE}[slots.phone]\nport = '/dev/x'\n");
        assert_eq!(told(&twice, "x", 0o600).expect_err("twice"), ["a slot has this name"]);
        let wrong = format!("{PHONE}cost_micros = -1\nwindow = 0\n[hardening]\nconnect = [53]\n");
        let faults = told(&wrong, "x", 0o600).expect_err("wrong");
        assert_eq!(faults.len(), 3, "{faults:?}");
    }
}
