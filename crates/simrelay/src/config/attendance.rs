//! `[attendance]`: what no type can say of it, and the key file.

use std::path::Path;

use consumers::attendance::Keys;

use super::reader::Reader;
use super::secrets;
use super::settings::Settings;

/// Checks the section and reads the key file as a start would.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    let section = &settings.attendance;
    for (index, sim) in section.sims.iter().enumerate() {
        if !settings.has_route(sim) {
            let key = format!("attendance.sims[{index}]");
            reader.wrong(&key, format!("there is no slot {sim}"), "name a slot: [slots.NAME]");
        }
    }
    for problem in section.problems() {
        let key = format!("attendance.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    let numbers = [
        ("window_s", section.window_s),
        ("bad_limit", section.bad_limit),
        ("request_limit", section.request_limit),
    ];
    for (name, _) in numbers.iter().filter(|(_, number)| *number == 0) {
        let right = "write 1 or more: with 0 nobody is listened to";
        reader.wrong(&format!("attendance.{name}"), "cannot be used", right);
    }
    let Some(named) = &section.key_file else { return };
    let Some(file) = reader.secret_file(named) else { return };
    if let Err(error) = Keys::load(&file) {
        let right = "name a key file as docs/attendance.md shows it; simrelay attendance device add makes one";
        reader.wrong("attendance.key_file", format!("{}: {error}", file.display()), right);
    }
}

/// Finds the key file: absolute, among the service's credentials, or beside the configuration file.
pub(super) fn find_keys(file: &Path, settings: &mut Settings) {
    if let Some(named) = &mut settings.attendance.key_file {
        *named = secrets::find(named, file);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crate::config::load;

    #[test]
    fn the_key_file_is_read_when_the_configuration_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (file, keys) = (folder.path().join("simrelay.toml"), folder.path().join("keys"));
        fs::write(&file, "[attendance]\nkey_file = 'keys'\n").unwrap();
        let told =
            || load(&file).map_err(|faults| faults[0].to_string().replace(folder.path().to_str().unwrap(), "FOLDER"));
        assert!(told().unwrap_err().contains("FOLDER/keys: cannot be read"));
        fs::write(&keys, "shared 0123456789abcdef\n").unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(told().unwrap_err().contains("is open to others (mode 0644)"));
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        let settings = told().unwrap();
        assert_eq!(settings.attendance.key_file, Some(keys.clone()));
        assert_eq!(settings.store.consumers, ["attendance"]);
        fs::write(&keys, "shared tell-nobody\n").unwrap();
        let fault = told().unwrap_err();
        assert!(
            fault.contains("line 1: a key has 16, 24 or 32 octets") && !fault.contains("nobody"),
            "{fault}"
        );
    }

    #[test]
    fn hours_and_people_that_cannot_be_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "[attendance]\ntime_zone = 'Tehran'\nday_starts = '8 Uhr'\ndays = ['mon', 'tues']\n\
                     [[attendance.people]]\nnumber = '0912'\nname = 'Sara'\n";
        fs::write(file.path(), lines).unwrap();
        let faults: Vec<String> = load(file.path()).unwrap_err().iter().map(ToString::to_string).collect();
        for (fault, words) in faults.iter().zip([
            ":2: attendance.time_zone = 'Tehran': no such time zone; write a name of the IANA database",
            ":3: attendance.day_starts = '8 Uhr': no time of day; write it as \"08:00\"",
            ":4: attendance.days.#2 = 'tues': unknown word; did you mean \"tue\"?",
            ":6: attendance.people.",
        ]) {
            assert!(fault.contains(words), "{fault}");
        }
        assert_eq!(faults.len(), 4, "{faults:?}");
    }

    #[test]
    fn limits_that_shut_everybody_out_and_unknown_slots_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[attendance]\nbad_limit = 0\nsims = ['sim9']\n").unwrap();
        let faults: Vec<String> = load(file.path()).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(
            faults[0].contains(":2: attendance.bad_limit = 0: cannot be used; write 1 or more"),
            "{faults:?}"
        );
        assert!(faults[1].contains("there is no slot sim9"), "{faults:?}");
    }
}
