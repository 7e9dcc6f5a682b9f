//! Payout adapters: how payments get to a bank and its word comes back. The one that is here goes by files.

use std::path::PathBuf;

use grantbook_record::{Currency, DataDay, Jti, Term, UnixMillis};

use super::accounts::PayeeAccount;
use super::report::ReportError;
use super::{pain001, report};

/// Bytes of a bank's file.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why payments did not go out, or the bank's word was not understood.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The payments cannot be written as a file.
    #[error("{0}")]
    Payments(&'static str),
    /// The bank's file departs from its form.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Payments that go to the bank together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFile {
    /// Names the file: the same again is the same payments.
    pub id: Jti,
    /// When it was made.
    pub made: UnixMillis,
    /// When the bank is to pay.
    pub day: DataDay,
    /// Who pays.
    pub debtor: PayeeAccount,
    /// The payments.
    pub payments: Vec<Payment>,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its order; the end-to-end id is this without hyphens.
    pub order: Jti,
    /// Currency.
    pub currency: Currency,
    /// What is paid, tax taken off; minor units.
    pub net: u64,
    /// To whom.
    pub to: PayeeAccount,
}

/// What a bank says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentStatus {
    /// The order.
    pub order: Jti,
    /// Its word.
    pub word: Word,
}

/// A bank's word on a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It was made.
    Paid,
    /// It was not and will not be made; with the reason, where the bank gives one.
    Failed(Option<Term>),
    /// Nothing final yet: it must not be ordered again.
    UnderWay,
}

/// A way to a bank.
pub trait PayoutAdapter {
    /// Hands payments over. Handing the same file over again must not pay again: banks go by the file's id and the payments'.
    fn submit(&self, file: &PaymentFile) -> Result<(), AdapterError>;
    /// What the bank has said since.
    fn statuses(&self) -> Result<Vec<PaymentStatus>, AdapterError>;
}

/// By files: pain.001 out, pain.002 or camt.053 in.
#[derive(Debug, Clone)]
pub struct FileAdapter {
    /// The file that [`PayoutAdapter::submit`] writes, or [`PayoutAdapter::statuses`] reads.
    pub path: PathBuf,
}

impl FileAdapter {
    fn failed(&self, source: std::io::Error) -> AdapterError {
        AdapterError::File { path: self.path.clone(), source }
    }
}

impl PayoutAdapter for FileAdapter {
    /// The file appears whole, readable by its owner only, or not at all.
    fn submit(&self, file: &PaymentFile) -> Result<(), AdapterError> {
        use std::io::Write as _;
        let bytes = pain001::write(file).map_err(AdapterError::Payments)?;
        let folder = match self.path.parent() {
            Some(folder) if folder != std::path::Path::new("") => folder,
            _ => std::path::Path::new("."),
        };
        let mut written = tempfile::NamedTempFile::new_in(folder).map_err(|source| self.failed(source))?;
        written.write_all(&bytes).map_err(|source| self.failed(source))?;
        written.as_file().sync_all().map_err(|source| self.failed(source))?;
        written.persist(&self.path).map_err(|error| self.failed(error.error))?;
        let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.failed(source))
    }

    fn statuses(&self) -> Result<Vec<PaymentStatus>, AdapterError> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&self.path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        read.map_err(|source| self.failed(source))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(ReportError::TooLarge.into());
        }
        Ok(report::parse(&bytes)?)
    }
}
