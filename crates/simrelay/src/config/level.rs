//! How much is logged, as a text: a level, or a filter by parts.

use tracing_subscriber::EnvFilter;

/// Whether a text says how much is logged: a level, or levels of parts, as `info,pool=debug`.
///
/// The filter's own reader takes any word for the name of a part, so that `loud` would mean everything of a part called
/// so, and nothing of all others.
pub(super) fn is_level(text: &str) -> bool {
    let is_rule = |rule: &str| is_word(level_of(rule)) && !rule.contains(char::is_whitespace);
    text.split(',').all(is_rule) && EnvFilter::try_new(text).is_ok()
}

/// What a rule says of its part, or of all.
fn level_of(rule: &str) -> &str {
    rule.rsplit_once('=').map_or(rule, |(_, level)| level).trim()
}

fn is_word(level: &str) -> bool {
    LEVELS.iter().any(|word| level.eq_ignore_ascii_case(word))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_the_six_words_for_all_or_for_a_part() {
        for right in ["info", "WARN", "off", "info,pool=debug", "warn,pool::slot=trace"] {
            assert!(is_level(right), "{right}");
        }
        for wrong in [
            "",
            "loud",
            "info,",
            "info,pool",
            "pool=loud",
            "info pool=debug",
            "lots=of=it",
        ] {
            assert!(!is_level(wrong), "{wrong}");
        }
    }
}
