//! Pictures that come with an alert: looked at before they go on.

use imagesize::ImageType;
use message::{RawAlert, RawImage};
use thiserror::Error;

/// Why something is not passed on as a picture; the words are for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoPicture {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// Its first octets are those of no picture that mail programs show.
    #[error("it is no JPEG, PNG, GIF, WebP or BMP")]
    Unknown,
    /// It says that it is larger than any camera's picture: what shows it could choke.
    #[error("it says that it has {width} × {height} pixels")]
    TooLarge {
        /// Its declared width.
        width: usize,
        /// Its declared height.
        height: usize,
    },
}

/// Adds a picture to an alert, or the reason why it is left out. What is no picture does not go on: a door that mostly
/// has no lock must not be a way to mail programs to people.
pub(super) fn add(alert: &mut RawAlert, name: &str, octets: Vec<u8>) {
    match look(&octets) {
        Ok(()) => alert.images.push(RawImage {
            name: name.to_owned(),
            octets,
        }),
        Err(why) => leave_out(alert, name, &why.to_string()),
    }
}

/// Says on an alert that its picture is not there.
pub(super) fn leave_out(alert: &mut RawAlert, name: &str, why: &str) {
    let name: String = name.chars().take(NAME_SHOWN).collect();
    alert.left_out.push(match name.is_empty() {
        true => format!("picture: {why}"),
        false => format!("picture {name}: {why}"),
    });
}

/// Looks at what should be a picture: its signature and the size it declares, not whether every octet is right.
///
/// # Errors
/// Why it is none.
pub fn look(octets: &[u8]) -> Result<(), NoPicture> {
    if octets.is_empty() {
        return Err(NoPicture::Empty);
    }
    let kind = imagesize::image_type(octets).map_err(|_| NoPicture::Unknown)?;
    let shown = [
        ImageType::Jpeg,
        ImageType::Png,
        ImageType::Gif,
        ImageType::Webp,
        ImageType::Bmp,
    ];
    let size = imagesize::blob_size(octets).map_err(|_| NoPicture::Unknown)?;
    let (width, height) = (size.width, size.height);
    if !shown.contains(&kind) || width == 0 || height == 0 {
        return Err(NoPicture::Unknown);
    }
    match width.max(height) > LONGEST_SIDE || width.saturating_mul(height) > MOST_PIXELS {
        true => Err(NoPicture::TooLarge { width, height }),
        false => Ok(()),
    }
}

/// How much of a name is shown where there is no picture, in characters.
const NAME_SHOWN: usize = 60;
/// In pixels; the widest cameras have about 8000.
const LONGEST_SIDE: usize = 20_000;
/// 100 megapixels.
const MOST_PIXELS: usize = 100_000_000;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The head of a PNG of this size; nobody looks further.
    pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
        let mut octets = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        octets.extend(width.to_be_bytes());
        octets.extend(height.to_be_bytes());
        octets.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        octets
    }

    /// The frame of a JPEG of this size.
    pub(crate) fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut octets = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08".to_vec();
        octets.extend(height.to_be_bytes());
        octets.extend(width.to_be_bytes());
        octets.extend(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9");
        octets
    }

    #[test]
    fn a_picture_is_known_by_what_it_is() {
        for picture in [&jpeg(640, 480), &png(640, 480), &b"GIF89a\x01\0\x01\0\0\0\0"[..]] {
            assert_eq!(look(picture), Ok(()));
        }
        assert_eq!(look(b""), Err(NoPicture::Empty));
        for other in [
            &b"MZ\x90\0"[..],
            b"%PDF-1.7",
            b"<svg xmlns='x'/>",
            b"\xff\xd8",
            b"\x89PNG",
            &png(0, 5),
        ] {
            assert_eq!(look(other), Err(NoPicture::Unknown), "{other:?}");
        }
    }

    #[test]
    fn a_picture_that_would_choke_a_viewer_is_refused() {
        let (width, height) = (60_000, 60_000);
        assert_eq!(look(&png(60_000, 60_000)), Err(NoPicture::TooLarge { width, height }));
    }

    #[test]
    fn an_alert_says_what_it_lacks() {
        let mut alert = RawAlert::default();
        add(&mut alert, "a.exe", b"MZ".to_vec());
        add(&mut alert, "", b"".to_vec());
        add(&mut alert, "a.jpg", jpeg(1, 1));
        assert_eq!(alert.images.len(), 1);
        assert_eq!(
            alert.left_out,
            [
                "picture a.exe: it is no JPEG, PNG, GIF, WebP or BMP",
                "picture: it is empty"
            ]
        );
    }
}
