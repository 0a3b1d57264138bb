//! Octets in the parts that SMS take: never an escape or a surrogate pair cut.

use tpdu::{Alphabet, Concat, Dcs, Element, Header, Reference, UserData};

use crate::deliver::SMS_OCTETS;

/// The octets in one SMS, or in as many as they take, with a header each; nothing where there would be too many.
pub(crate) fn cut(dcs: Dcs, octets: &[u8], others: &[Element], reference: Reference) -> Option<Vec<(Dcs, UserData)>> {
    let one = user_data(others, None, octets);
    if one.encoded_len(dcs) <= SMS_OCTETS {
        return Some(vec![(dcs, one)]);
    }
    let any = Concat {
        reference,
        total: 1,
        sequence: 1,
    };
    let room = room(dcs, user_data(others, Some(any), &[]).header.encoded_len())?;
    let bodies = bodies(dcs, octets, room);
    let total = u8::try_from(bodies.len()).ok()?;
    let part = |(place, body): (u8, &&[u8])| {
        let concat = Concat {
            reference,
            total,
            sequence: place,
        };
        (dcs, user_data(others, Some(concat), body))
    };
    Some((1..=total).zip(&bodies).map(part).collect())
}

fn user_data(others: &[Element], concat: Option<Concat>, body: &[u8]) -> UserData {
    let elements = concat.map(Concat::element).into_iter().chain(others.iter().cloned());
    UserData {
        header: Header::new(elements.collect()),
        body: body.to_vec(),
        missing: 0,
    }
}

/// How many septets or octets stand behind such a header; nothing where hardly any do.
fn room(dcs: Dcs, header: usize) -> Option<usize> {
    let octets = SMS_OCTETS.checked_sub(header)?;
    let room = if dcs.counts_septets() {
        octets * 8 / 7
    } else {
        octets & !1
    };
    (room >= 4).then_some(room)
}

fn bodies(dcs: Dcs, mut octets: &[u8], room: usize) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while octets.len() > room {
        let cuts_letter = match dcs.alphabet() {
            Alphabet::Gsm7 => octets[room - 1] == ESCAPE,
            Alphabet::Ucs2 => (0xD8..0xDC).contains(&octets[room - 2]),
            Alphabet::Data => false,
        };
        let letter = if dcs.alphabet() == Alphabet::Ucs2 { 2 } else { 1 };
        let end = if cuts_letter { room - letter } else { room };
        let (body, rest) = octets.split_at(end);
        bodies.push(body);
        octets = rest;
    }
    bodies.push(octets);
    bodies
}

/// The septet before a letter of the extension table (TS 23.038 6.2.1.1).
const ESCAPE: u8 = 0x1B;

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(dcs: Dcs, octets: &[u8]) -> Vec<usize> {
        let pieces = cut(dcs, octets, &[], Reference::Sixteen(7)).unwrap();
        let joined: Vec<u8> = pieces.iter().flat_map(|(_, data)| data.body.clone()).collect();
        assert_eq!(joined, octets);
        assert!(pieces.iter().all(|(dcs, data)| data.encoded_len(*dcs) <= SMS_OCTETS));
        pieces.iter().map(|(_, data)| data.body.len()).collect()
    }

    #[test]
    fn as_much_as_fits_stands_in_each_part() {
        assert_eq!(lengths(Dcs::GSM7, &[b'a'; 160]), [160]);
        assert_eq!(lengths(Dcs::GSM7, &[b'a'; 161]), [152, 9]);
        assert_eq!(lengths(Dcs::DATA, &[1; 141]), [132, 9]);
        assert_eq!(lengths(Dcs::UCS2, &[0; 142]), [132, 10]);
    }

    #[test]
    fn no_letter_is_cut() {
        let mut septets = vec![b'a'; 151];
        septets.extend([ESCAPE, 0x65]);
        septets.extend([b'a'; 20]);
        assert_eq!(lengths(Dcs::GSM7, &septets), [151, 22]);
        let mut text = "a".repeat(65);
        text.push('😀');
        text.push_str("aaaaaaaaaa");
        assert_eq!(lengths(Dcs::UCS2, &tpdu::ucs2::encode(&text))[0], 130);
    }

    #[test]
    fn too_much_is_nothing() {
        assert!(cut(Dcs::DATA, &[0; 132 * 255], &[], Reference::Sixteen(1)).is_some());
        assert!(cut(Dcs::DATA, &[0; 132 * 255 + 1], &[], Reference::Sixteen(1)).is_none());
        let wide = Element::Unknown(0x70, vec![0; 130]);
        assert!(cut(Dcs::DATA, &[0; 100], &[wide], Reference::Sixteen(1)).is_none());
    }
}
