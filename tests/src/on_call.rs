//! Two people who take turns, for the tests about alerts.

/// Anna's number, whose turn it is.
pub const ANNA: &str = "+491710000001";

/// Ben's, who is called when Anna does not answer.
pub const BEN: &str = "+491710000002";

/// A configuration in which Anna has so many seconds for an answer about the alerts of `rule` (more keys of the rule)
/// before Ben is called.
pub fn on_call(answer_s: u32, rule: &str) -> String {
    format!(
        "[[alerts.people]]\nname = \"anna\"\nsms = \"{ANNA}\"\n[[alerts.people]]\nname = \"ben\"\nsms = \"{BEN}\"\n\
         [[alerts.rotas]]\nname = \"duty\"\npeople = [\"anna\", \"ben\"]\nstart = \"2020-01-05\"\nturn_days = 20000\n\
         [[alerts.rules]]\nname = \"gate\"\nrota = \"duty\"\nanswer_s = {answer_s}\nrounds = 1\n{rule}\n"
    )
}
