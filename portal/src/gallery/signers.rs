//! Screens of those who sign.

use grantbook_record::encoding::Bytes32;
use grantbook_record::{TenantId, Thumbprint};

use super::customer::ahead;
use super::terms::{HOSTILE, Named};
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, signers};
use crate::signing::Person;
use crate::view::signers::{SignatureCard, Signed, Signers, SigningFor, SigningKey};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("signers", "alone", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers { companies: vec![alone()] })
    }),
    shown("signers", "several", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers { companies: vec![several(Plain)] })
    }),
    shown("signers", "guardian", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers { companies: vec![alone(), minor()] })
    }),
    shown("signers", "long", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers { companies: vec![several(Long)] })
    }),
    shown("signers", "hostile", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers { companies: vec![several(Hostile)] })
    }),
    shown("signers", "empty", Place::Account, Who::Customer, |page| {
        signers::signers(page, &Signers::default())
    }),
];

/// What waits on the first page.
pub(super) fn signatures(flavour: Flavour) -> Vec<SignatureCard> {
    let company = Named(flavour).word("Polar Star Cars", "极星汽车");
    let card = |id: &str, what, by_viewer| SignatureCard {
        id: id.to_owned(),
        company: company.clone(),
        what,
        ward: None,
        signed: 1,
        by_viewer,
        expires: ahead(5),
    };
    let grant = Signed::Grant(Named(flavour).word("Harbour Insurance", "海港保险"));
    let ward = Some(Named(flavour).word("Mia", "米娅").english);
    vec![
        SignatureCard { ward, ..card("first", grant, false) },
        card("second", Signed::Key, false),
        card("third", Signed::Signatories, true),
    ]
}

fn key(of: u8, counts: bool, person: Option<(Option<&str>, Option<&str>)>) -> SigningKey {
    let key = Thumbprint(Bytes32::sha256(&[of]));
    let tenant = TenantId::of_log("gallery");
    let person = person.map(|(name, device)| Person {
        tenant,
        key,
        name: name.map(ToOwned::to_owned),
        is_viewer: device.is_some(),
        device: device.map(ToOwned::to_owned),
    });
    SigningKey { key, counts, guardian: false, person }
}

fn alone() -> SigningFor {
    SigningFor {
        tenant: TenantId::of_log("gallery"),
        company: Named(Plain).word("Polar Star Cars", "极星汽车"),
        ward: None,
        minor_until: None,
        needed: None,
        keys: vec![key(1, false, Some((None, Some("Chrome · Windows"))))],
    }
}

fn several(flavour: Flavour) -> SigningFor {
    let name = match flavour {
        Plain => "Bo".to_owned(),
        Long => "Bartholomäus-Maximilian von und zu Hohenlohe-Waldenburg-Schillingsfürst".to_owned(),
        Hostile => HOSTILE.to_owned(),
    };
    SigningFor {
        company: Named(flavour).word("Polar Star Cars", "极星汽车"),
        needed: Some(2),
        keys: vec![
            key(1, true, Some((Some("Ann"), Some("Chrome · Windows")))),
            key(2, true, Some((Some(&name), None))),
            key(3, false, None),
        ],
        ..alone()
    }
}

fn minor() -> SigningFor {
    let guardian =
        SigningKey { guardian: true, ..key(4, false, Some((Some("Ann"), Some("Chrome · Windows")))) };
    SigningFor {
        ward: Some("Mia".to_owned()),
        minor_until: Some(ahead(1_200)),
        keys: vec![key(5, false, Some((None, None))), guardian],
        ..alone()
    }
}
