//! Whether this machine can confine a gateway.

use hardening::{Mode, Part};

use super::check::Check;

/// Looks at the mode and at what the kernel can do.
pub(super) fn look(mode: Mode) -> Check {
    match mode {
        Mode::Enforce => judge(&hardening::look()),
        Mode::Log => Check::warning(SUBJECT, "mode = \"log\": what should be refused is only noted", WISH),
        Mode::Off => Check::warning(SUBJECT, "mode = \"off\": a gateway may do whatever its user may", WISH),
    }
}

fn judge(parts: &[(&'static str, Part)]) -> Check {
    let told = |(what, part): &(&str, Part)| format!("{what}: {}", part.sentence());
    let lacking: Vec<String> = parts
        .iter()
        .filter(|(_, part)| !matches!(part, Part::Held(_)))
        .map(told)
        .collect();
    match lacking.is_empty() {
        true => {
            let all: Vec<String> = parts.iter().map(told).collect();
            Check::ok(SUBJECT, all.join("; "))
        }
        false => Check::warning(SUBJECT, lacking.join("; "), NEWER),
    }
}

const SUBJECT: &str = "hardening";
const WISH: &str = "mode = \"enforce\" in [hardening], once nothing is refused that should not be";
const NEWER: &str = "the gateway works all the same; the service unit confines it too. See docs/operate.md";

#[cfg(test)]
mod tests {
    use message::Level;

    use super::*;

    #[test]
    fn what_the_kernel_cannot_do_is_named_and_what_is_switched_off_too() {
        let held = ("system calls", Part::Held("100 calls are let through".to_owned()));
        let failed = (
            "files and ports",
            Part::Failed("this kernel has no Landlock".to_owned()),
        );
        assert_eq!(judge(std::slice::from_ref(&held)).level, Level::Ok);
        let told = judge(&[held, failed]);
        assert_eq!(
            (told.level, told.sentence.as_str()),
            (Level::Warning, "files and ports: this kernel has no Landlock")
        );
        assert_eq!(look(Mode::Off).level, Level::Warning);
        assert_eq!(look(Mode::Log).level, Level::Warning);
    }
}
