//! The data folder: there, and this user's alone to write in.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Uid, access};
use store::FolderFacts;

use super::check::Check;
use super::database::user_name;

/// Looks at the folder and at what the gateway opens in it.
pub(super) fn look(folder: &Path) -> Check {
    let may = |path: &Path, how| access(path, how);
    let all = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    let owner = |path: &Path| std::fs::metadata(path).map_or(Uid::current(), |found| Uid::from_raw(found.uid()));
    if let Err(errno) = may(folder, all) {
        let above = folder.parent().unwrap_or(folder);
        return match errno {
            Errno::ENOENT if may(above, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() => Check::ok(
                SUBJECT,
                format!("{} is not there yet; the first start makes it", folder.display()),
            ),
            errno => refused(folder, errno, owner(folder), Uid::current()),
        };
    }
    let files = FILES.iter().map(|name| folder.join(name)).filter(|file| file.exists());
    let shut = |file: &PathBuf| may(file, AccessFlags::R_OK | AccessFlags::W_OK).err();
    if let Some((file, errno)) = files
        .into_iter()
        .find_map(|file| shut(&file).map(|errno| (file, errno)))
    {
        return refused(&file, errno, owner(&file), Uid::current());
    }
    match FolderFacts::read(folder).ok().and_then(|facts| facts.complaint()) {
        Some((sentence, fix)) => Check::warning(SUBJECT, sentence, fix),
        None => Check::ok(SUBJECT, format!("this user may write in {}", folder.display())),
    }
}

/// What this user may not write.
fn refused(path: &Path, errno: Errno, owner: Uid, user: Uid) -> Check {
    let shown = path.display();
    let (us, them) = (user_name(user), user_name(owner));
    let mode = if path.is_dir() { "700" } else { "600" };
    let all_mine = format!("chown {us}: {shown}; chmod {mode} {shown}");
    match errno {
        Errno::ENOENT => Check::critical(
            SUBJECT,
            format!("{shown} is not there, and {us} may not make it"),
            format!("make it for the user the gateway runs as: install -d -m 700 -o simrelay -g simrelay {shown}"),
        ),
        Errno::ENOTDIR => Check::critical(SUBJECT, format!("{shown} is no folder"), "name a folder as `data`"),
        // Somebody's own folder is his gateway's, and nothing is known of it here.
        Errno::EACCES if owner != user && !owner.is_root() => Check::warning(
            SUBJECT,
            format!("{shown} belongs to {them}, and {us} may not write there"),
            format!(
                "run the doctor as the user the gateway runs as: sudo -u {them} simrelay doctor; if that is {us}: {all_mine}"
            ),
        ),
        Errno::EACCES => Check::critical(
            SUBJECT,
            format!("{us} may not write to {shown}, which belongs to {them}"),
            format!("as root: {all_mine} (if the gateway runs as {us})"),
        ),
        errno => Check::critical(
            SUBJECT,
            format!("nothing can be written to {shown}: {}", errno.desc()),
            "the gateway keeps everything there: mount it for writing, or name another folder as `data`",
        ),
    }
}

const SUBJECT: &str = "data";

/// What the gateway opens there at its start.
const FILES: &[&str] = &[
    "simrelay.lock",
    "simrelay.db",
    "simrelay.db-wal",
    "simrelay.db-shm",
    "simrelay.begins",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use message::Level;

    use super::*;

    #[test]
    fn a_folder_of_root_is_no_folder_for_another_user() {
        let (root, nobody, simrelay) = (Uid::from_raw(0), Uid::from_raw(65534), Uid::from_raw(4711));
        let folder = tempfile::tempdir().unwrap();
        let told = refused(folder.path(), Errno::EACCES, root, nobody);
        assert_eq!(told.level, Level::Critical);
        assert!(
            told.sentence.contains("may not write to") && told.sentence.contains("belongs to root"),
            "{told:?}"
        );
        assert!(
            told.fix.contains(&format!("chmod 700 {}", folder.path().display())),
            "{told:?}"
        );
        // An operator who is not the gateway's user learns nothing bad of it.
        let told = refused(folder.path(), Errno::EACCES, simrelay, nobody);
        assert_eq!(told.level, Level::Warning);
        assert!(told.fix.contains("sudo -u 4711"), "{told:?}");
        let file = folder.path().join("simrelay.lock");
        fs::write(&file, "").unwrap();
        assert!(refused(&file, Errno::EACCES, root, nobody).fix.contains("chmod 600"));
    }

    #[test]
    fn what_cannot_be_written_to_is_told_in_words() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (folder, words) in [
            (file.path().join("data"), "is no folder"),
            (PathBuf::from("/nonexistent/data"), "is not there"),
        ] {
            let told = look(&folder);
            assert_eq!(told.level, Level::Critical, "{told:?}");
            assert!(
                told.sentence.contains(words) && !told.sentence.contains("ENO"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn a_folder_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()).level, Level::Ok);
        assert_eq!(
            look(&folder.path().join("data")).level,
            Level::Ok,
            "the first start makes it"
        );
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let told = look(folder.path());
        assert_eq!(told.level, Level::Warning);
        assert!(told.fix.starts_with("chmod o-w "), "{told:?}");
    }
}
