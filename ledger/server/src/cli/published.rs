//! What an enterprise has published, as its clients need it: which template, in which bounds, under which notices.

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, Claims, NoticePublished, TemplatePublished};
use grantbook_record::terms::{Language, TemplateRef};
use grantbook_record::{Envelope, Kind, Signer, TenantId};
use serde::{Deserialize, Serialize};

use super::clock;
use super::door::{Door, Taken};
use super::failure::Failure;
use super::remote::Refused;

/// A published template with its notices; the file that `template publish` writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// The enterprise.
    pub(crate) tenant: TenantId,
    /// How terms name the template.
    pub(crate) template: TemplateRef,
    /// Its bounds.
    pub(crate) bounds: Bounds,
    /// How terms name the notices.
    pub(crate) notices: Vec<NoticeRef>,
}

/// A published notice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticeRef {
    /// SHA-256 of its text.
    pub(crate) hash: Bytes32,
    /// Its language.
    pub(crate) language: Language,
}

impl Published {
    /// The notice in a language.
    pub(crate) fn notice(&self, language: Language) -> Result<Bytes32, Failure> {
        let found = self.notices.iter().find(|notice| notice.language == language);
        found
            .map(|notice| notice.hash)
            .ok_or_else(|| Failure::input("no notice in this language was published"))
    }
}

/// Signs an event now and appends it.
pub(crate) fn append<T: Serialize>(
    door: &Door,
    tenant: TenantId,
    kind: Kind,
    event: T,
    signers: &[&Signer],
) -> Result<Taken, Refused> {
    let payload = Claims::new(tenant, clock::new_jti(), event).to_json();
    door.append(tenant, &Envelope::sign(kind, &payload, signers))
}

/// Publishes notices and a template.
pub(crate) fn publish(
    door: &Door,
    tenant: TenantId,
    template: TemplatePublished,
    notices: Vec<NoticePublished>,
    enterprise: &Signer,
    approver: Option<&Signer>,
) -> Result<Published, Refused> {
    let mut refs = Vec::new();
    for notice in notices {
        refs.push(NoticeRef { hash: Bytes32::sha256(notice.text.as_bytes()), language: notice.language });
        append(door, tenant, Kind::NoticePublished, notice, &[enterprise])?;
    }
    let payload = Claims::new(tenant, clock::new_jti(), &template).to_json();
    let signers: Vec<&Signer> = std::iter::once(enterprise).chain(approver).collect();
    let envelope = Envelope::sign(Kind::TemplatePublished, &payload, &signers);
    door.append(tenant, &envelope)?;
    let TemplatePublished { id, version, bounds, .. } = template;
    let template = TemplateRef { id, version, hash: Bytes32::sha256(&envelope) };
    Ok(Published { tenant, template, bounds, notices: refs })
}
