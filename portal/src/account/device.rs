//! A device: the signing keys that one browser has made, with the name that its owner gives it. The log knows keys alone.

use grantbook_record::encoding::{Base64Bytes, to_base64url};
use grantbook_record::{PlainText, TenantId, Thumbprint, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::Account;
use crate::failure::Failure;

/// Devices of one account.
pub const DEVICES_MAX: usize = 16;

/// What a person calls a device: text that shows all it holds, in bytes.
pub type DeviceName = PlainText<1, 120>;

/// A key at an enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceKey {
    /// The enterprise.
    pub tenant: TenantId,
    /// The key.
    pub key: Thumbprint,
}

/// The keys of one browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its id within the account.
    pub id: String,
    /// Its name.
    pub name: DeviceName,
    /// Since when.
    pub since: UnixSeconds,
    /// Its keys.
    pub keys: Vec<DeviceKey>,
    /// The credential by which it logged in when it was added; others may share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Base64Bytes>,
}

/// What a browser says of itself when it brings a key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduced {
    /// What to call it, if it is not known.
    pub name: DeviceName,
    /// The keys that it has: by any of these it is known again.
    pub keys: Vec<Thumbprint>,
}

impl Account {
    /// Notes a key that a browser has made: with the device that has one of the others, or with a new one.
    pub fn keep_key(
        &mut self,
        Introduced { name, keys }: &Introduced,
        key: DeviceKey,
        passkey: Option<Base64Bytes>,
        now: UnixSeconds,
    ) -> Result<(), Failure> {
        let same = |device: &&mut Device| device.keys.iter().any(|known| keys.contains(&known.key));
        if let Some(device) = self.devices.iter_mut().find(same) {
            if !device.keys.contains(&key) {
                device.keys.push(key);
            }
            return Ok(());
        }
        self.add_device(name.clone(), vec![key], passkey, now)
    }

    /// Adds a device.
    pub fn add_device(
        &mut self,
        name: DeviceName,
        keys: Vec<DeviceKey>,
        passkey: Option<Base64Bytes>,
        since: UnixSeconds,
    ) -> Result<(), Failure> {
        if self.devices.len() >= DEVICES_MAX {
            return Err(Failure::Conflict("at most 16 devices"));
        }
        let id = to_base64url(&crate::secret::random::<16>());
        self.devices.push(Device { id, name, since, keys, passkey });
        Ok(())
    }

    /// The device with this id.
    pub fn device(&mut self, id: &str) -> Result<&mut Device, Failure> {
        self.devices.iter_mut().find(|device| device.id == id).ok_or(Failure::NotFound)
    }

    /// Ends a device of which none but the keys in `left` may still sign: with those it stays, without a passkey. Gives the
    /// credential that goes with it: that of no other device.
    pub fn end_device(&mut self, id: &str, left: Vec<DeviceKey>) -> Result<Option<Base64Bytes>, Failure> {
        let device = self.device(id)?;
        let passkey = device.passkey.take();
        device.keys = left;
        self.devices.retain(|device| device.id != id || !device.keys.is_empty());
        Ok(passkey.filter(|gone| self.devices.iter().all(|device| device.passkey.as_ref() != Some(gone))))
    }
}
