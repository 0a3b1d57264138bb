//! The word somebody most likely meant.

/// The nearest of `known`, unless all are too far away to be meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let longer = known
        .iter()
        .filter(|candidate| candidate.to_lowercase().starts_with(&word));
    if let (Some(whole), LEAST_BEGINNING..) = (longer.min_by_key(|candidate| candidate.len()), word.len()) {
        return Some(whole);
    }
    let near = known
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), *candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    let longest = word.chars().count().max(candidate.chars().count());
    (distance <= MOST_EDITS && distance * 2 < longest).then_some(candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => cheapest(&rows, &a, &b, i, j),
            };
        }
    }
    rows[a.len()][b.len()]
}

fn cheapest(rows: &[Vec<usize>], a: &[char], b: &[char], i: usize, j: usize) -> usize {
    let other = usize::from(a[i - 1] != b[j - 1]);
    let mut least = (rows[i - 1][j] + 1)
        .min(rows[i][j - 1] + 1)
        .min(rows[i - 1][j - 1] + other);
    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
    if swapped {
        least = least.min(rows[i - 2][j - 2] + 1);
    }
    least
}

/// Fewer letters begin too many words.
const LEAST_BEGINNING: usize = 3;

/// Beyond this, two words have nothing to do with each other.
const MOST_EDITS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(nearest("prot", &["port", "imei"]), Some("port"));
        assert_eq!(nearest("validity", &["validity_s", "report"]), Some("validity_s"));
        assert_eq!(nearest("Listen", &["listen"]), Some("listen"));
    }

    #[test]
    fn a_word_that_was_not_finished_is_understood() {
        assert_eq!(
            nearest("cost", &["port", "cost_micros", "cost_micros_of_all"]),
            Some("cost_micros")
        );
        assert_eq!(nearest("co", &["country", "colour"]), None);
    }

    #[test]
    fn what_is_far_away_is_not_suggested() {
        assert_eq!(nearest("colour", &["port", "imei"]), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
