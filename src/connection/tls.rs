//! Whom TLS trusts, and whether the files that the connection string names can be used.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::options::{ClientOptions, Tls, TlsOptions};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use tempfile::NamedTempFile;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::error::{Error, Result};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const ENCRYPTED_KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// Marks a key that is encrypted in the form that OpenSSL wrote before version 1.0.
const OLD_ENCRYPTED_KEY: &str = "Proc-Type: 4,ENCRYPTED";

/// A shared memory file system: some containers have no other place for a temporary file.
const MEMORY: &str = "/dev/shm";

/// Checks the files of the TLS options, and names the driver a file with the authorities to trust
/// if the connection string names none. It must not be dropped before the driver has read it, which
/// it does when a client is made.
///
/// # Errors
///
/// [`Error::Connection`] when a file cannot be used; it may be there the next time.
pub fn prepare(options: &mut ClientOptions) -> Result<Option<NamedTempFile>> {
    let Some(Tls::Enabled(tls)) = &mut options.tls else {
        return Ok(None);
    };
    check_client_certificate(tls)?;
    match &tls.ca_file_path {
        Some(path) if read("tlsCAFile", path)?.contains(CERTIFICATE) => Ok(None),
        Some(_) => Err(unusable("'tlsCAFile' holds no certificate in PEM format")),
        None if tls.allow_invalid_certificates == Some(true) => Ok(None),
        None => {
            let file = trusted().map_err(|error| {
                unusable(&format!(
                    "no temporary file can be written for the certificates to trust ({}); name a file with 'tlsCAFile'",
                    error.kind()
                ))
            })?;
            tls.ca_file_path = Some(file.path().to_owned());
            Ok(Some(file))
        }
    }
}

/// Says of a client certificate what the driver would not.
fn check_client_certificate(tls: &mut TlsOptions) -> Result<()> {
    let Some(path) = &tls.cert_key_file_path else {
        return Ok(());
    };
    let text = read("tlsCertificateKeyFile", path)?;
    if !text.contains(CERTIFICATE) {
        return Err(unusable(
            "'tlsCertificateKeyFile' holds no certificate in PEM format",
        ));
    }
    if text.contains(OLD_ENCRYPTED_KEY) {
        return Err(unusable(
            "the private key in 'tlsCertificateKeyFile' is encrypted in a form that is not supported; `openssl pkcs8 -topk8` converts it",
        ));
    }
    if !text.contains(ENCRYPTED_KEY) {
        // The driver would insist on an encrypted one.
        tls.tls_certificate_key_file_password = None;
    } else if tls.tls_certificate_key_file_password.is_none() {
        return Err(unusable(
            "the private key in 'tlsCertificateKeyFile' is encrypted and needs 'tlsCertificateKeyFilePassword'",
        ));
    }
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|error| {
        let kind = error.kind();
        unusable(&format!(
            "'{option}' cannot be read: {} ({kind})",
            path.display()
        ))
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The authorities that Node trusts by itself (Mozilla's, and those of `NODE_EXTRA_CA_CERTS`), and
/// those of the system. What cannot be read is left out, as Node does: the others may suffice.
fn trusted() -> io::Result<NamedTempFile> {
    let system = load_native_certs().certs;
    let extra = env::var_os("NODE_EXTRA_CA_CERTS")
        .map(|path| load_certs_from_paths(Some(Path::new(&path)), None).certs)
        .unwrap_or_default();
    let all = TLS_SERVER_ROOT_CERTS.iter().chain(&system).chain(&extra);
    let different: BTreeSet<&[u8]> = all.map(|certificate| &**certificate).collect();
    let mut pem = String::new();
    for certificate in different {
        let text = STANDARD.encode(certificate);
        pem.extend([CERTIFICATE, "\n", &text, "\n-----END CERTIFICATE-----\n"]);
    }
    let mut file = NamedTempFile::new().or_else(|_| NamedTempFile::new_in(MEMORY))?;
    file.write_all(pem.as_bytes())?;
    Ok(file)
}

fn unusable(problem: &str) -> Error {
    Error::connection(format!("TLS cannot be used: {problem}"))
}
