//! The machine as the place of the keyring's secrets.

use grantbook_engine::SecretStore;
use grantbook_engine::store::Fault;
use zeroize::Zeroizing;

use super::{Machine, Op};

impl SecretStore for Machine {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let secret = Machine::read(self, |content| content.secrets.get(name).cloned())?;
        Ok(secret.map(Zeroizing::new))
    }

    fn replace(&self, name: &str, secret: &[u8]) -> Result<(), Fault> {
        self.call(
            Op::PutSecret,
            |content, dice| {
                // under another name until it is whole
                let half = secret[..dice.place(secret.len())].to_vec();
                content.secrets.insert(format!("{name}.tmp"), half);
            },
            |content| {
                content.secrets.remove(&format!("{name}.tmp"));
                content.secrets.insert(name.to_owned(), secret.to_vec());
            },
        )
    }

    fn destroy(&self, name: &str) -> Result<(), Fault> {
        self.call(
            Op::DestroySecret,
            |content, _| {
                if let Some(secret) = content.secrets.get_mut(name) {
                    secret.fill(0);
                }
            },
            |content| {
                content.secrets.remove(name);
            },
        )
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        Machine::read(self, |content| content.secrets.keys().cloned().collect())
    }
}
