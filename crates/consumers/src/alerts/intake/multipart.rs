//! Bodies of several parts (RFC 2046 5.1, RFC 7578), as cameras post them.

use memchr::memmem;

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'b> {
    /// Its head, unread.
    head: &'b [u8],
    /// Its octets.
    pub(super) body: &'b [u8],
}

/// The parts of a body whose boundary its content type names. What cameras get wrong is forgiven: a missing last
/// boundary, line ends without CR. At most [`MOST_PARTS`] are read.
pub(super) fn parts<'b>(content_type: &str, body: &'b [u8]) -> Vec<Part<'b>> {
    let Some(boundary) = parameter(content_type, "boundary") else {
        return Vec::new();
    };
    let delimiter = format!("--{boundary}");
    let places: Vec<usize> = memmem::find_iter(body, &delimiter)
        .filter(|at| *at == 0 || body[at - 1] == b'\n')
        .take(MOST_PARTS + 1)
        .collect();
    let ends = places.iter().skip(1).copied().chain([body.len()]);
    let between = places
        .iter()
        .zip(ends)
        .map(|(from, to)| &body[from + delimiter.len()..to]);
    between.filter_map(Part::read).collect()
}

impl<'b> Part<'b> {
    /// What stands between two boundaries; nothing behind the last one.
    fn read(octets: &'b [u8]) -> Option<Self> {
        if octets.starts_with(b"--") {
            return None;
        }
        let octets = octets.get(memchr::memchr(b'\n', octets)? + 1..)?;
        let (head, body) = match octets.first() {
            Some(b'\r' | b'\n') => (&octets[..0], octets),
            _ => {
                let end = [&b"\n\r\n"[..], b"\n\n"]
                    .iter()
                    .filter_map(|end| memmem::find(octets, end))
                    .min()?;
                octets.split_at(end + 1)
            }
        };
        // One line end is the head's, and one the next boundary's.
        let body = body
            .strip_prefix(b"\r\n")
            .or_else(|| body.strip_prefix(b"\n"))
            .unwrap_or(body);
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        Some(Self { head, body })
    }

    /// The file name it comes with; empty where it has none.
    pub(super) fn file_name(&self) -> String {
        self.header("content-disposition")
            .and_then(|header| parameter(&header, "filename"))
            .unwrap_or_default()
    }

    /// Its media type in small letters, without parameters; empty where it has none.
    pub(super) fn media_type(&self) -> String {
        let header = self.header("content-type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    fn header(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(self.head);
        let find = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(find)
    }
}

/// A parameter of a header, without its quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    let find = |parameter: &str| {
        let (found, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (found.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    };
    header.split(';').skip(1).find_map(find)
}

/// A camera posts two to four.
const MOST_PARTS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"MIME_boundary\"";

    #[test]
    fn parts_are_found_with_their_names_and_octets() {
        let body = b"preamble\r\n--MIME_boundary\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.xml\"\r\n\
            Content-Type: application/xml; charset=\"UTF-8\"\r\n\r\n<a/>\r\n--MIME_boundary\r\n\
            content-type:image/jpeg\r\n\r\n\xff\xd8--MIME_boundary\0\r\n\r\n\r\n--MIME_boundary--\r\n";
        let parts = parts(TYPE, body);
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].file_name(), parts[0].media_type()),
            ("a.xml".into(), "application/xml".into())
        );
        assert_eq!(parts[0].body, b"<a/>");
        assert_eq!(
            (parts[1].file_name(), parts[1].media_type()),
            (String::new(), "image/jpeg".into())
        );
        assert_eq!(parts[1].body, b"\xff\xd8--MIME_boundary\0\r\n\r\n");
    }

    #[test]
    fn sloppy_bodies_are_read() {
        let bare = parts(
            "multipart/mixed;boundary=b",
            b"--b\nContent-Type: text/xml\n\n<a/>\n--b\n\n<b/>",
        );
        assert_eq!(
            bare.iter().map(|part| part.body).collect::<Vec<_>>(),
            [&b"<a/>"[..], b"<b/>"]
        );
        for (kind, body) in [
            ("multipart/mixed", "--b\r\n\r\nx"),
            (TYPE, ""),
            (TYPE, "--MIME_boundary"),
            (TYPE, "x"),
        ] {
            assert_eq!(parts(kind, body.as_bytes()), [], "{kind} {body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in "(--b|\r|\n|:|x|--){0,30}") {
            let _ = parts("a; boundary=b", body.as_bytes());
        }
    }
}
