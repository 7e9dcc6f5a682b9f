//! The file of whom to pay where: names and bank accounts by pseudonym. They are personal data that the ledger never has;
//! who pays keeps the file.

use grantbook_record::{CountryCode, SubjectId};

/// Payees of one file.
pub const PAYEES_MAX: usize = 1_000_000;

/// A file of accounts that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("accounts, record {record}: {what}")]
pub struct AccountsError {
    /// Number of the record, the header not counted.
    pub record: u64,
    /// What is wrong, without repeating it.
    pub what: &'static str,
}

/// A customer and where they are paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    /// The pseudonym.
    pub sub: SubjectId,
    /// Where they pay tax.
    pub country: CountryCode,
    /// Name and account.
    pub account: PayeeAccount,
}

/// A bank account and its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayeeAccount {
    /// The holder's name, 1 to 140 characters.
    pub name: String,
    /// An IBAN, or another number of 1 to 34 characters.
    pub number: String,
    /// The bank: a BIC, or a CNAPS code of 12 digits.
    pub bank: String,
}

impl PayeeAccount {
    /// Checks the forms.
    pub fn new(name: &str, number: &str, bank: &str) -> Result<Self, &'static str> {
        let visible = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        if !visible(name) || name.chars().count() > 140 {
            return Err("malformed name, expected 1 to 140 characters");
        }
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_number = (1..=34).contains(&number.len()) && plain(number);
        // what begins as an IBAN does must be one
        if !is_number || (looks_like_iban(number) && !is_iban(number)) {
            return Err("malformed account, expected an IBAN, or 1 to 34 letters and digits");
        }
        if !is_cnaps(bank) && !is_bic(bank) {
            return Err("malformed bank, expected a BIC, or a CNAPS code of 12 digits");
        }
        Ok(Self { name: name.to_owned(), number: number.to_owned(), bank: bank.to_owned() })
    }

    /// Whether the number is an IBAN.
    pub fn is_iban(&self) -> bool {
        is_iban(&self.number)
    }

    /// Whether the bank is named by its CNAPS code.
    pub fn is_cnaps(&self) -> bool {
        is_cnaps(&self.bank)
    }
}

fn is_cnaps(bank: &str) -> bool {
    bank.len() == 12 && bank.bytes().all(|byte| byte.is_ascii_digit())
}

/// ISO 9362: four letters or digits, a country, two letters or digits, perhaps three more.
fn is_bic(bank: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    matches!(bank.len(), 8 | 11)
        && bank.bytes().all(alphanumeric)
        && bank.bytes().skip(4).take(2).all(|byte| byte.is_ascii_uppercase())
}

fn looks_like_iban(number: &str) -> bool {
    let mut bytes = number.bytes();
    bytes.by_ref().take(2).all(|byte| byte.is_ascii_uppercase())
        && bytes.take(2).all(|byte| byte.is_ascii_digit())
        && number.len() > 4
}

/// ISO 13616: the check digits make the whole, read as a number, 1 modulo 97.
fn is_iban(number: &str) -> bool {
    if !looks_like_iban(number) || !(15..=34).contains(&number.len()) {
        return false;
    }
    let (head, rest) = number.split_at(4);
    let mut remainder = 0_u32;
    for byte in rest.bytes().chain(head.bytes()) {
        remainder = match byte {
            b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return false,
        };
    }
    remainder == 1
}

/// Reads a table with the columns `sub`, `name`, `country`, `account` and `bank`.
pub fn parse(csv: &[u8]) -> Result<Vec<Payee>, AccountsError> {
    let wrong = |record: u64, what| AccountsError { record, what };
    let mut reader = csv::ReaderBuilder::new().from_reader(csv);
    let header = reader.headers().map_err(|_| wrong(0, "malformed CSV, expected UTF-8"))?;
    if header.iter().ne(["sub", "name", "country", "account", "bank"]) {
        return Err(wrong(0, "expected the columns sub, name, country, account, bank"));
    }
    let mut payees: Vec<Payee> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for (row, number) in reader.records().zip(1..) {
        let row = row.map_err(|_| wrong(number, "malformed CSV, expected five columns in UTF-8"))?;
        let field = |at: usize| row.get(at).unwrap_or_default();
        let sub =
            SubjectId::parse(field(0)).map_err(|_| wrong(number, "malformed sub, expected a pseudonym"))?;
        if !known.insert(sub.clone()) {
            return Err(wrong(number, "the customer is named twice, expected once"));
        }
        if payees.len() >= PAYEES_MAX {
            return Err(wrong(number, "too many payees, expected at most a million"));
        }
        let country = CountryCode::parse(field(2));
        payees.push(Payee {
            sub,
            country: country.ok_or(wrong(number, "malformed country, expected two capital letters"))?,
            account: PayeeAccount::new(field(1), field(3), field(4)).map_err(|what| wrong(number, what))?,
        });
    }
    Ok(payees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_strictly_and_errors_repeat_nothing() {
        let header = "sub,name,country,account,bank\n";
        let read = |rows: &str| parse(format!("{header}{rows}").as_bytes());
        let good = read(
            "cs-1,张三,CN,6222021234567890123,102100099996\ncs-2,\"Doe, J.\",DE,DE89370400440532013000,COBADEFFXXX\n",
        );
        let good = good.unwrap();
        assert!(good[0].account.is_cnaps() && !good[0].account.is_iban());
        assert!(good[1].account.is_iban() && !good[1].account.is_cnaps());
        for bad in [
            "cs 1,Zhang,CN,6222,102100099996\n",
            "cs-1,,CN,6222,102100099996\n",
            "cs-1,Zhang,cn,6222,102100099996\n",
            "cs-1,Zhang,CN,,102100099996\n",
            "cs-1,Zhang,CN,62 22,102100099996\n",
            "cs-1,Zhang,DE,DE89370400440532013001,COBADEFF\n",
            "cs-1,Zhang,CN,6222,10210009999\n",
            "cs-1,Zhang,CN,6222\n",
            "cs-1,Zhang,CN,6222,102100099996\ncs-1,Zhang,CN,6222,102100099996\n",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(!error.contains("Zhang") && !error.contains("6222"), "{error}");
        }
        assert!(parse(b"sub,name\n").is_err());
    }
}
