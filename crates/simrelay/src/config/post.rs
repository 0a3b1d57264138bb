//! Mail coming in: what no type can say of it.

use super::reader::Reader;
use super::settings::Settings;

/// Checks `[smtp]` and `[mail_to_sms]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    let smtp = settings.smtp.problems().into_iter().map(|problem| ("smtp", problem));
    let sms = settings
        .mail_to_sms
        .problems()
        .into_iter()
        .map(|problem| ("mail_to_sms", problem));
    for (section, problem) in smtp.chain(sms) {
        let key = format!("{section}.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    for (index, listed) in settings.smtp.senders.iter().enumerate() {
        let Some(token) = &listed.token else { continue };
        if !settings.api.tokens.iter().any(|known| known.id == *token) {
            let key = format!("smtp.senders[{index}].token");
            reader.wrong(
                &key,
                format!("there is no token {token}"),
                "name a token: [[api.tokens]]",
            );
        }
    }
    if settings.mail_to_sms.is_on() && !settings.smtp.is_on() {
        let right = "say where mail comes in: listen in [smtp]";
        reader.wrong("mail_to_sms.domain", "no mail comes in", right);
    }
}
