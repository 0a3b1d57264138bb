use super::*;
use crate::join;

fn composed(text: &str) -> Composed {
    compose(text, &Options::default()).unwrap()
}

fn joined(composed: &Composed) -> String {
    let parts = composed.parts.iter().map(|part| (composed.dcs, part));
    join(parts).text().unwrap().to_owned()
}

#[test]
fn one_message_holds_160_letters_and_the_next_one_makes_two() {
    assert_eq!(composed(&"a".repeat(160)).parts.len(), 1);
    let two = composed(&"a".repeat(161));
    assert_eq!(two.parts[0].body.len(), 153);
    assert_eq!(two.parts[1].body.len(), 8);
}

#[test]
fn part_sizes_are_those_of_the_standard() {
    let sizes = |text: &str, reference| {
        let options = Options {
            reference,
            ..Options::default()
        };
        compose(&text.repeat(400), &options).unwrap().parts[0].body.len()
    };
    assert_eq!(sizes("a", Reference::Eight(1)), 153);
    assert_eq!(sizes("a", Reference::Sixteen(1)), 152);
    assert_eq!(sizes("ж", Reference::Eight(1)), 67 * 2);
    assert_eq!(sizes("ж", Reference::Sixteen(1)), 66 * 2);
    let data = |reference| {
        let options = Options {
            reference,
            ..Options::default()
        };
        compose_data(&[7; 400], &options).unwrap().parts[0].body.len()
    };
    assert_eq!(data(Reference::Eight(1)), 134);
    assert_eq!(data(Reference::Sixteen(1)), 133);
}

#[test]
fn an_escape_is_never_cut() {
    for lead in 0..8 {
        let text = format!("{}{}", "a".repeat(lead), "€".repeat(200));
        let parts = composed(&text).parts;
        assert!(parts.iter().all(|part| part.body.last() != Some(&0x1B)));
    }
}

#[test]
fn no_cluster_is_cut_that_fits_into_a_part() {
    let family = "👨‍👩‍👧‍👦";
    for lead in 55..70 {
        let text = format!("{}{family}{}", "ж".repeat(lead), "ы".repeat(60));
        let message = composed(&text);
        assert_eq!(joined(&message), text);
        let whole = |part: &UserData| ucs2::decode(&part.body).is_ok_and(|text| text.contains(family));
        assert_eq!(message.parts.iter().filter(|part| whole(part)).count(), 1, "{lead}");
    }
}

#[test]
fn a_cluster_longer_than_a_part_is_cut_between_characters() {
    let tower = format!("z{}", "\u{0301}".repeat(150));
    let message = composed(&tower);
    assert_eq!(message.parts.len(), 3);
    assert_eq!(joined(&message), tower);
}

#[test]
fn the_forcing_character_is_named_with_what_it_costs() {
    let text = format!("{}ł{}ł", "a".repeat(80), "b".repeat(20));
    let message = composed(&text);
    assert_eq!((message.alphabet(), message.parts.len()), (Alphabet::Ucs2, 2));
    let expected = Forcing {
        character: 'ł',
        at: 80,
        times: 2,
        replacement: Some("l"),
    };
    assert_eq!(message.why.forcing, [expected]);
    assert_eq!(message.why.parts_if_replaced, Some(1));
    assert_eq!(message.why.national, None);
}

#[test]
fn a_national_table_is_named_but_only_used_where_allowed() {
    let text = "ş".repeat(75);
    let plain = composed(&text);
    assert_eq!(plain.alphabet(), Alphabet::Ucs2);
    let turkish = Some(Language::Turkish);
    let locking = Gsm7Tables {
        locking: turkish,
        single: None,
    };
    let single = Gsm7Tables {
        locking: None,
        single: turkish,
    };
    assert_eq!(plain.why.national, Some((single, 1)));

    let options = Options {
        national: vec![Language::Turkish],
        ..Options::default()
    };
    let national = compose(&text, &options).unwrap();
    assert_eq!((national.tables, national.parts.len()), (single, 1));
    assert_eq!(joined(&national), text);
    let longer = compose(&text.repeat(2), &options).unwrap();
    assert_eq!((longer.tables, longer.parts.len()), (locking, 1));
}

#[test]
fn a_national_part_holds_155_alone_and_149_of_several() {
    let options = Options {
        national: vec![Language::Turkish],
        ..Options::default()
    };
    assert_eq!(compose(&"ş".repeat(155), &options).unwrap().parts.len(), 1);
    let two = compose(&"ş".repeat(156), &options).unwrap();
    assert_eq!(two.parts[0].body.len(), 149);
    for part in &two.parts {
        assert!(part.encoded_len(two.dcs) <= 140);
    }
}

#[test]
fn letters_are_replaced_only_on_request() {
    assert_eq!(composed("Łódź “x”…").alphabet(), Alphabet::Ucs2);
    let options = Options {
        transliterate: true,
        ..Options::default()
    };
    let message = compose("Łódź “x”…", &options).unwrap();
    assert_eq!(joined(&message), "Lódz \"x\"...".replace('ó', "o"));
    assert!(message.why.replaced);
}

#[test]
fn a_demanded_alphabet_that_lacks_a_letter_is_an_error() {
    let options = Options {
        alphabet: Choice::Gsm7,
        ..Options::default()
    };
    let missing = Unencodable { character: 'ж', at: 1 };
    assert_eq!(compose("aж", &options), Err(ComposeError::NotInAlphabet(missing)));
}

#[test]
fn more_parts_than_allowed_are_refused_with_the_number() {
    let options = Options {
        max_parts: 1,
        ..Options::default()
    };
    let error = ComposeError::TooManyParts { parts: 2, allowed: 1 };
    assert_eq!(compose(&"a".repeat(161), &options), Err(error));
    let error = ComposeError::TooManyParts {
        parts: 256,
        allowed: 255,
    };
    assert_eq!(compose(&"a".repeat(39_016), &Options::default()), Err(error));
}

#[test]
fn parts_get_a_new_reference() {
    let mut message = composed(&"a".repeat(200));
    message.renumber(0x0107);
    let references = message.parts.iter().map(|part| part.header.concat().unwrap().reference);
    assert!(references.eq([Reference::Eight(7); 2]));
}

#[test]
fn ports_stand_in_every_part() {
    let ports = Some(Ports {
        destination: 2948,
        source: 9200,
        bits: 16,
    });
    let options = Options {
        ports,
        ..Options::default()
    };
    let message = compose(&"a".repeat(300), &options).unwrap();
    assert!(message.parts.iter().all(|part| part.header.ports() == ports));
    assert!(message.parts.iter().all(|part| part.encoded_len(message.dcs) <= 140));
    let short = compose_data(&[1, 2, 3], &options).unwrap();
    assert_eq!(
        short.parts[0].header.encode().unwrap(),
        [6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]
    );
}
