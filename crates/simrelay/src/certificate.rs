//! Certificates of one's own: a small authority, and a certificate signed by it.
//!
//! The authority's key is forgotten at once, so nobody can sign another certificate with it. Clients trust the authority's
//! certificate (`ca.pem`); a certificate that is its own authority would be refused by stricter clients.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// Where a fresh certificate lies.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// What clients trust.
    pub(crate) authority: PathBuf,
    /// What the gateway shows: its certificate and the authority's.
    pub(crate) certificate: PathBuf,
    /// The private key, readable by its owner only.
    pub(crate) key: PathBuf,
}

/// Makes a certificate for these names (host names or addresses) and writes its files into `folder`.
///
/// Files that are there already are not touched: the error is then `AlreadyExists`.
pub(crate) fn write(folder: &Path, names: &[String]) -> io::Result<Files> {
    let made = make(names).map_err(io::Error::other)?;
    let files = Files {
        authority: folder.join("ca.pem"),
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    };
    write_new(&files.key, &made.key, OWNER_ONLY)?;
    write_new(
        &files.certificate,
        &format!("{}{}", made.certificate, made.authority),
        FOR_ALL,
    )?;
    write_new(&files.authority, &made.authority, FOR_ALL)?;
    Ok(files)
}

/// All in PEM form.
struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make(names: &[String]) -> Result<Made, rcgen::Error> {
    let authority = CertifiedIssuer::self_signed(authority_params()?, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = server_params(names)?.signed_by(&key, &authority)?;
    Ok(Made {
        authority: authority.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(Vec::new())?);
    // Two authorities of one name would be taken for each other, and the error would speak of a bad signature.
    let name = format!("simrelay authority {}", uuid::Uuid::now_v7().simple());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn server_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(names)?);
    let first = names.first().map_or("simrelay", String::as_str);
    params.distinguished_name.push(DnType::CommonName, first);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Valid from the first of last month, so that a clock that is a little slow does not matter, for some two years.
fn dated(mut params: CertificateParams) -> CertificateParams {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let (year, month) = (i32::from(today.year()), today.month().unsigned_abs());
    let (from_year, from_month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    params.not_before = date_time_ymd(from_year, from_month, 1);
    params.not_after = date_time_ymd(year + VALID_YEARS, month, 1);
    params
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

/// Apple's clients refuse certificates that are valid for longer than 825 days.
const VALID_YEARS: i32 = 2;

const OWNER_ONLY: u32 = 0o600;
const FOR_ALL: u32 = 0o644;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_for_its_owner_only_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let files = write(folder.path(), &names).unwrap();
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        let certificate = fs::read_to_string(&files.certificate).unwrap();
        assert_eq!(certificate.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(certificate.ends_with(&fs::read_to_string(&files.authority).unwrap()));
        let again = write(folder.path(), &names).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_name_that_no_certificate_can_have_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), &["grüße".to_owned()]).is_err());
    }
}
