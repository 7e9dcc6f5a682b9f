//! Files that commands read and write: bounded reads, atomic writes, key files that only their owner can read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use grantbook_record::encoding::{array_from_base64url, to_base64url};
use grantbook_record::{PublicKey, Signer, strict_json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::failure::Failure;

/// Bytes of an input file other than a replay's: more than any envelope, batch or receipt has.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads a whole file of at most 4 MiB; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_large(path, INPUT_BYTES_MAX)
}

/// Reads a whole file of at most so many bytes; `-` is standard input.
pub(crate) fn read_large(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let named = |error: io::Error| Failure::Input(format!("{}: {}", path.display(), describe(&error)));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().take(bytes_max + 1).read_to_end(&mut bytes).map_err(named)?;
    } else {
        File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(named)?;
    }
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::Input(format!(
            "{}: more than {bytes_max} bytes, expected at most that",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Reads a JSON file by its schema.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    strict_json::parse(&read(path)?).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// Writes a new file that only its owner can read: whole or not at all, and never over another.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, bytes, false)
}

/// The same, in the place of what was there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, bytes, true)
}

/// Writes a new file piece by piece, readable by its owner only, and under its name only when it is whole.
pub(crate) fn write_new_by<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let named = |error: &io::Error| Failure::Fault(format!("{}: {}", path.display(), describe(error)));
    let folder = folder_of(path);
    let mut file =
        tempfile::Builder::new().prefix(".grantbook-").tempfile_in(folder).map_err(|e| named(&e))?;
    let mut out = io::BufWriter::new(file.as_file_mut());
    let written = write(&mut out)?;
    out.flush().map_err(|e| named(&e))?;
    drop(out);
    keep(file, path, false)?;
    Ok(written)
}

fn write(path: &Path, bytes: &[u8], over: bool) -> Result<(), Failure> {
    let named = |error: &io::Error| Failure::Fault(format!("{}: {}", path.display(), describe(error)));
    let folder = folder_of(path);
    // made with mode 0600 and, until it is renamed, under a name of its own
    let mut file =
        tempfile::Builder::new().prefix(".grantbook-").tempfile_in(folder).map_err(|e| named(&e))?;
    file.write_all(bytes).map_err(|e| named(&e))?;
    keep(file, path, over)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Gives a whole file its name.
fn keep(file: tempfile::NamedTempFile, path: &Path, over: bool) -> Result<(), Failure> {
    let named = |error: &io::Error| Failure::Fault(format!("{}: {}", path.display(), describe(error)));
    file.as_file().sync_all().map_err(|e| named(&e))?;
    let kept = if over { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Input(format!("{}: is there already, expected a new file", path.display()))
        }
        _ => named(&error.error),
    })?;
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(|e| named(&e))
}

/// Makes a folder, with those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .map_err(|error| Failure::Fault(format!("{}: {}", path.display(), describe(&error))))
}

/// The error without the number that the operating system gives it.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// A private key as a JWK (RFC 8037 section 2).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateJwk {
    kty: String,
    crv: String,
    x: String,
    d: String,
}

impl Drop for PrivateJwk {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

/// Reads a key file.
pub(crate) fn read_key(path: &Path) -> Result<Signer, Failure> {
    let malformed = |expected: &str| {
        Failure::Input(format!("{}: malformed key file, expected {expected}", path.display()))
    };
    let jwk: PrivateJwk = {
        let bytes = Zeroizing::new(read(path)?);
        strict_json::parse(&bytes)
            .map_err(|error| malformed(&format!("a private JWK with kty, crv, x and d ({error})")))?
    };
    if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
        return Err(malformed("kty OKP with crv Ed25519"));
    }
    let seed = array_from_base64url::<32>(&jwk.d).map(Zeroizing::new);
    let seed = seed.ok_or_else(|| malformed("32 bytes as base64url in d"))?;
    let signer = Signer::from_seed(&seed).ok_or_else(|| malformed("a key that is not weak"))?;
    if to_base64url(signer.public_key().as_bytes()) != jwk.x {
        return Err(malformed("the public key of d in x"));
    }
    Ok(signer)
}

/// Writes a key file: new, mode 0600, whole.
pub(crate) fn write_key(path: &Path, signer: &Signer) -> Result<(), Failure> {
    write_new(path, &key_json(signer))
}

/// A key file's bytes.
pub(crate) fn key_json(signer: &Signer) -> Zeroizing<Vec<u8>> {
    let seed = signer.seed();
    let jwk = PrivateJwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: to_base64url(signer.public_key().as_bytes()),
        d: to_base64url(seed.as_slice()),
    };
    let mut json = serde_json::to_vec(&jwk).unwrap_or_default();
    json.push(b'\n');
    Zeroizing::new(json)
}

/// Reads a public key: a public JWK, or the public half of a key file.
pub(crate) fn read_public_key(path: &Path) -> Result<PublicKey, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    match PublicKey::parse_jwk(&bytes) {
        Ok(key) => Ok(key),
        Err(error) if strict_json::parse::<PrivateJwk>(&bytes).is_err() => {
            Err(Failure::Input(format!("{}: expected a JWK of an Ed25519 key: {error}", path.display())))
        }
        Err(_) => Ok(*read_key(path)?.public_key()),
    }
}

/// A path with something added to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
