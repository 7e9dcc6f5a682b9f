//! Secrets in files that open only with a key in a PKCS#11 token (a hardware security module, or SoftHSM).
//!
//! Every secret has an AES-256 key of its own in the token, labelled `grantbook/<name>`, which the token never gives
//! away. Destroying the secret destroys that key, and with it every copy that was ever made of the file. A file's content is
//!
//! ```text
//! "grantbook-token/v1\n" ‖ id of the token's key, 16 bytes ‖ nonce, 12 ‖ file key sealed in the token, 48
//! ‖ the secret sealed under the file key (crate::seal)
//! ```
//!
//! The token seals 32 bytes at a time by AES-GCM with the secret's name as additional data, so it need not take long
//! messages, and a file key is used once. Keys are found by id, not by label: ledgers may share a token.

use std::fmt::Display;
use std::io::Error;
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as TokenError, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::{Zeroize as _, Zeroizing};

use super::store::{HALF_WRITTEN, IN_TOKEN, SecretFiles, SecretStore};
use crate::config::{PKCS11_PIN_VARIABLE, Pkcs11Token};
use crate::error::OpenError;
use crate::seal::SealKey;
use crate::store::Fault;
use crate::store::cursor::Cursor;

const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
/// A file key and the tag of AES-GCM.
const SEALED_KEY_BYTES: usize = 32 + 16;

pub(super) struct TokenSecrets {
    files: SecretFiles,
    label: String,
    pkcs11: Pkcs11,
    slot: Slot,
    pin: AuthPin,
}

/// A file's content, taken apart.
struct Sealed<'a> {
    id: [u8; ID_BYTES],
    nonce: [u8; NONCE_BYTES],
    key: &'a [u8],
    secret: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn parse(content: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(content.strip_prefix(IN_TOKEN)?);
        let (id, nonce) = (cursor.array()?, cursor.array()?);
        Some(Self { id, nonce, key: cursor.take(SEALED_KEY_BYTES)?, secret: cursor.0 })
    }
}

impl TokenSecrets {
    /// Finds the token and logs in to it once, so that a wrong PIN shows now and is tried but once.
    pub(super) fn open(folder: &Path, token: &Pkcs11Token) -> Result<Self, OpenError> {
        let refuse = |why: String| OpenError::Keyring(why);
        let module = token.module.display();
        let library = |error: TokenError| refuse(format!("PKCS#11 library {module}: {error}"));
        let pkcs11 = Pkcs11::new(&token.module).map_err(library)?;
        match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // another ledger of this process has done so
            Ok(()) | Err(TokenError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(library(error)),
        }
        let mut slots = Vec::new();
        for slot in pkcs11.get_slots_with_initialized_token().map_err(library)? {
            let info = pkcs11.get_token_info(slot).map_err(library)?;
            if info.label().trim_end() == token.label {
                slots.push(slot);
            }
        }
        let [slot] = slots.as_slice() else {
            let (label, count) = (&token.label, slots.len());
            return Err(refuse(format!(
                "{count} tokens of {module} are labelled \"{label}\", expected exactly one"
            )));
        };
        let secrets = Self {
            files: SecretFiles::new(folder),
            label: token.label.clone(),
            slot: *slot,
            pin: read_pin(token)?,
            pkcs11,
        };
        secrets.session()?;
        Ok(secrets)
    }

    fn fault(&self, doing: &'static str, why: impl Display) -> Fault {
        Fault::Io { doing, what: format!("token {}", self.label), source: Error::other(why.to_string()) }
    }

    /// A session for one operation: a token that was away meanwhile needs no more than the next one.
    fn session(&self) -> Result<Session, Fault> {
        let session =
            self.pkcs11.open_rw_session(self.slot).map_err(|error| self.fault("open a session of", error))?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(TokenError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(TokenError::Pkcs11(RvError::PinIncorrect, _)) => {
                Err(self.fault("log in to", "the PIN is wrong, expected the one of the token's user"))
            }
            Err(error) => Err(self.fault("log in to", error)),
        }
    }

    /// The token's keys of an id: one, or none once it is destroyed.
    fn keys(&self, session: &Session, id: [u8; ID_BYTES]) -> Result<Vec<ObjectHandle>, Fault> {
        let template =
            [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::Id(id.to_vec())];
        session.find_objects(&template).map_err(|error| self.fault("search", error))
    }

    fn key(&self, session: &Session, id: [u8; ID_BYTES]) -> Result<Option<ObjectHandle>, Fault> {
        match self.keys(session, id)?.as_slice() {
            [] => Ok(None),
            [key] => Ok(Some(*key)),
            more => {
                Err(self
                    .fault("search", format!("{} keys have the same id, expected at most one", more.len())))
            }
        }
    }

    fn make_key(&self, session: &Session, name: &str, id: [u8; ID_BYTES]) -> Result<ObjectHandle, Fault> {
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(format!("grantbook/{name}").into_bytes()),
            Attribute::Id(id.to_vec()),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(|error| self.fault("make a key in", error))
    }
}

impl SecretStore for TokenSecrets {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let Some(content) = self.files.content(name)? else { return Ok(None) };
        let sealed = Sealed::parse(&content).ok_or_else(|| {
            let why = "it is not sealed under a key in a PKCS#11 token, expected a keyring that was restored into one";
            self.files.damaged(name, why)
        })?;
        let session = self.session()?;
        let key = self.key(&session, sealed.id)?.ok_or_else(|| {
            self.files.damaged(name, &format!("its key is not in the token {}", self.label))
        })?;
        let mut nonce = sealed.nonce;
        let params = GcmParams::new(&mut nonce, name.as_bytes(), TAG_BITS.into())
            .map_err(|error| self.fault("open with", error))?;
        let opened = session.decrypt(&Mechanism::AesGcm(params), key, sealed.key);
        let file_key = opened.map(Zeroizing::new).map_err(|error| self.fault("open with", error))?;
        let file_key: [u8; 32] = file_key
            .as_slice()
            .try_into()
            .map_err(|_| self.fault("open with", "it gave another number of bytes than 32"))?;
        let secret = SealKey::from_bytes(file_key).open(sealed.secret, name.as_bytes());
        secret
            .map(|secret| Some(Zeroizing::new(secret)))
            .map_err(|_| self.files.damaged(name, "it does not open under its key"))
    }

    fn replace(&self, name: &str, secret: &[u8]) -> Result<(), Fault> {
        let session = self.session()?;
        let present = self.files.content(name)?;
        let id = present.as_deref().and_then(|content| Some(Sealed::parse(content)?.id));
        let known = id.map(|id| self.key(&session, id)).transpose()?.flatten();
        let (id, key) = if let Some(found) = id.zip(known) {
            found
        } else {
            let id = crate::random::bytes();
            // a crash before the file is there leaves a key that nothing is sealed under
            (id, self.make_key(&session, name, id)?)
        };
        let file_key = SealKey::random();
        let mut nonce = crate::random::bytes::<NONCE_BYTES>();
        let sealed_key = {
            let params = GcmParams::new(&mut nonce, name.as_bytes(), TAG_BITS.into())
                .map_err(|error| self.fault("seal with", error))?;
            session
                .encrypt(&Mechanism::AesGcm(params), key, file_key.as_bytes())
                .map_err(|error| self.fault("seal with", error))?
        };
        if sealed_key.len() != SEALED_KEY_BYTES {
            let why = format!("it gave {} bytes, expected {SEALED_KEY_BYTES}", sealed_key.len());
            return Err(self.fault("seal with", why));
        }
        // some tokens choose the nonce themselves and write it over ours, so it is stored as it is now
        let secret = file_key.seal(secret, name.as_bytes());
        self.files.replace(name, &[IN_TOKEN, &id, &nonce, &sealed_key, &secret].concat())
    }

    /// The token's key first: a crash after it leaves a file that opens with nothing.
    fn destroy(&self, name: &str) -> Result<(), Fault> {
        // what a crash has left of a file half written is under the key of the file that it was to replace, and what it
        // has left of one half destroyed has none any more
        if !name.ends_with(HALF_WRITTEN)
            && !self.files.is_overwritten(name)?
            && let Some(content) = self.files.content(name)?
            && let Some(Sealed { id, .. }) = Sealed::parse(&content)
        {
            let session = self.session()?;
            for key in self.keys(&session, id)? {
                session.destroy_object(key).map_err(|error| self.fault("destroy a key in", error))?;
            }
            if !self.keys(&session, id)?.is_empty() {
                return Err(self.fault("destroy a key in", "it is still there"));
            }
        }
        self.files.destroy(name)
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        self.files.names()
    }
}

/// The PIN: the file's content or the variable's, without the end of the line.
fn read_pin(token: &Pkcs11Token) -> Result<AuthPin, OpenError> {
    let refuse = |why: String| OpenError::Keyring(format!("PIN of token {}: {why}", token.label));
    let mut text = match &token.pin_file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| refuse(format!("{}: {error}", path.display())))?
        }
        None => std::env::var(PKCS11_PIN_VARIABLE)
            .map_err(|_| refuse(format!("expected a file with it, or the variable {PKCS11_PIN_VARIABLE}")))?,
    };
    let pin = text.trim_end_matches(['\r', '\n']).to_owned();
    text.zeroize();
    if pin.is_empty() { Err(refuse("it is empty".to_owned())) } else { Ok(AuthPin::from(pin)) }
}
