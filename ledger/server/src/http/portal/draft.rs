//! A request that an enterprise is making: what its form comes to under the template, and what admission would say of it.

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::admission::{self, Context, Parties};
use grantbook_portal::view::Names as _;
use grantbook_portal::view::Wording;
use grantbook_portal::view::draft::{Choice, Draft, DraftForm, Fault, Part};
use grantbook_record::day::{DataPeriod, UnixMillis};
use grantbook_record::encoding::{Bytes32, to_base64url};
use grantbook_record::event::{FieldRule, Handling, NoticePublished, RequestMade, TemplatePublished};
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Scope};
use grantbook_record::terms::{
    Compensation, Consent, DeleteBy, Fields, Language, Limits, NoticeShown, Obligation, RetentionDays,
    TemplateRef, UseCap, Validity,
};
use grantbook_record::{Currency, DataDay, Event, Jti, Price, SubjectId, TenantId, Term, Terms, UnixSeconds};

use super::names::TenantNames;

const SECONDS_PER_DAY: u64 = 86_400;
/// Days in which a customer may answer, where the form does not say.
const ANSWER_DAYS: u32 = 30;
const ANSWER_DAYS_MAX: u32 = 90;
/// Notices to choose from, the latest.
const NOTICES_MAX: usize = 50;

/// What a form comes to.
pub(crate) struct Drafted {
    /// The template.
    pub(crate) template: TemplatePublished,
    /// The form, with what is wrong with it.
    pub(crate) form: DraftForm,
    /// What is asked for; where something is wrong, as the template has it.
    pub(crate) terms: Terms,
    /// Until when the customer may answer.
    pub(crate) expires: UnixSeconds,
    /// The event, where nothing is wrong.
    pub(crate) made: Option<RequestMade>,
}

/// The latest version of each template.
pub(super) fn latest_templates(
    ledger: &Ledger,
    tenant: TenantId,
) -> Result<Vec<TemplatePublished>, ReadError> {
    let mut latest = std::collections::BTreeMap::new();
    for event in ledger.publications(tenant)? {
        if let Event::TemplatePublished(template) = event {
            latest.insert(template.id.clone(), template);
        }
    }
    Ok(latest.into_values().collect())
}

/// Works a form out. Not found where the enterprise has no such template.
pub(crate) fn drafted(
    ledger: &Ledger,
    tenant: TenantId,
    draft: &Draft,
    now: UnixSeconds,
) -> Result<Drafted, ReadError> {
    let templates = latest_templates(ledger, tenant)?;
    let template = templates.into_iter().find(|template| template.id.as_str() == draft.template);
    let template = template.ok_or(ReadError::NotFound)?;
    let state = ledger.tenant_state(tenant)?;
    let version = state.templates.get(&template.id).and_then(|versions| versions.last());
    let hash = version.ok_or(ReadError::NotFound)?.hash;
    let reference = TemplateRef { id: template.id.clone(), version: template.version, hash };
    let mut notices = published_notices(ledger, tenant)?;
    notices.truncate(NOTICES_MAX);

    let mut reading = Reading { draft, template: &template, faults: Vec::new() };
    let notice = reading.notice(&notices, now);
    let mut terms = reading.terms(reference, notice, now).ok_or(ReadError::NotFound)?;
    let words = state.vocabulary.version(terms.vocabulary).unwrap_or_else(|| state.vocabulary.latest());
    let plan = state.policy.as_ref().map(|policy| &policy.plan);
    let missing = grantbook_plan::consents::missing(&terms, words, plan).cloned();
    let wanted: Vec<Term> = template.bounds.consents.iter().cloned().chain(missing).collect();
    terms.consents = consents(&wanted, &notices, &terms.notice.hash);
    let answer = reading.number(&draft.answer, Fault::Answer, Some(ANSWER_DAYS_MAX)).unwrap_or(ANSWER_DAYS);
    let expires = after(now, answer);
    let sub = reading.customer(ledger, tenant);

    let mut faults = reading.faults;
    faults.sort_unstable();
    faults.dedup();
    let event =
        sub.filter(|_| faults.is_empty()).map(|sub| RequestMade { sub, terms: terms.clone(), expires });
    let refusal = event.as_ref().and_then(|event| refusal(ledger, tenant, event, now));
    let names = TenantNames::of(ledger, tenant)?;
    let is_sandbox = ledger.tenant(tenant).is_some_and(|tenant| tenant.sandbox);
    let form = form(draft, &template, &names, &notices, Judged { faults, refusal, signs: is_sandbox });
    let made = event.filter(|_| form.is_ready());
    Ok(Drafted { template, form, terms, expires, made })
}

struct Judged {
    faults: Vec<Fault>,
    refusal: Option<String>,
    signs: bool,
}

fn form(
    draft: &Draft,
    template: &TemplatePublished,
    names: &TenantNames,
    notices: &[NoticePublished],
    judged: Judged,
) -> DraftForm {
    let bounds = &template.bounds;
    let choice = |term: &Term, name: Wording| Choice { value: term.as_str().to_owned(), name };
    let part = |category: &Term| Part {
        category: choice(category, names.category(category)),
        fields: names
            .fields(category)
            .into_iter()
            .map(|(field, name)| Choice { value: format!("{category}/{field}"), name })
            .collect(),
    };
    let notice = |notice: &NoticePublished| Choice {
        value: to_base64url(&Bytes32::sha256(notice.text.as_bytes()).0),
        name: Wording::same(format!("{} {} ({})", notice.id, notice.version, tag(notice.language))),
    };
    DraftForm {
        draft: draft.clone(),
        recipients: bounds.recipients.iter().map(|party| choice(party, names.party(party))).collect(),
        purposes: bounds.purposes.iter().map(|purpose| choice(purpose, names.purpose(purpose))).collect(),
        parts: bounds.categories.iter().map(part).collect(),
        notices: notices.iter().map(notice).collect(),
        days_max: bounds.validity_days_max,
        uses_max: bounds.uses_max.map(UseCap::get),
        kept_max: bounds.retention_days_max,
        price_min: bounds.price_min.map(|price| (typed(price), price.currency.code())),
        faults: judged.faults,
        refusal: judged.refusal,
        signs: judged.signs,
    }
}

fn tag(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::SimplifiedChinese => "zh-CN",
    }
}

/// Why the ledger would not take it.
fn refusal(ledger: &Ledger, tenant: TenantId, event: &RequestMade, now: UnixSeconds) -> Option<String> {
    let known = ledger.tenant(tenant)?;
    let state = ledger.tenant_state(tenant).ok()?;
    let customer = ledger.customer(tenant, &event.sub).unwrap_or_default();
    let enterprise = known.enterprise_key.thumbprint();
    let parties = Parties { enterprise, operator: ledger.operator_key().thumbprint() };
    let jti = Jti::new(UnixMillis(now.0.saturating_mul(1000)), [0; 10]);
    let context = Context { tenant: &state, parties: &parties, jti, now };
    let judged = admission::check(&Event::RequestMade(event.clone()), &[enterprise], &customer, &context);
    judged.err().map(|refusal| refusal.to_string())
}

/// The latest first.
fn published_notices(ledger: &Ledger, tenant: TenantId) -> Result<Vec<NoticePublished>, ReadError> {
    let published = ledger.publications(tenant)?.into_iter().rev();
    Ok(published
        .filter_map(|event| match event {
            Event::NoticePublished(notice) => Some(notice),
            _ => None,
        })
        .collect())
}

/// Each with the sentence that the notice has for it; one without is left to admission, which names it.
fn consents(wanted: &[Term], notices: &[NoticePublished], hash: &Bytes32) -> List<Consent, 0, 16> {
    let notice = notices.iter().find(|notice| Bytes32::sha256(notice.text.as_bytes()) == *hash);
    let said = notice.and_then(|notice| notice.contents.as_ref());
    let sentences = said.map(|said| said.consents.iter().as_slice()).unwrap_or_default();
    let asked = sentences.iter().filter(|sentence| wanted.contains(&sentence.to));
    let asked = asked.map(|asked| Consent::asked(asked.to.clone(), &asked.sentence));
    List::new(asked.collect()).unwrap_or_default()
}

fn after(now: UnixSeconds, days: u32) -> UnixSeconds {
    UnixSeconds(now.0.saturating_add(u64::from(days).saturating_mul(SECONDS_PER_DAY)))
}

/// An amount as a form has it.
fn typed(price: Price) -> String {
    let places = usize::from(price.currency.minor_digits());
    let digits = format!("{:0>width$}", price.minor, width = places + 1);
    match digits.split_at_checked(digits.len().saturating_sub(places)) {
        Some((whole, decimals)) if !decimals.is_empty() => format!("{whole}.{decimals}"),
        _ => digits,
    }
}

/// An amount that was typed: exact, with as many decimals as the currency has at most.
fn amount(text: &str, currency: Currency) -> Option<Price> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let places = usize::from(currency.minor_digits());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > places || !digits(whole) || !digits(decimals) {
        return None;
    }
    let minor = format!("{whole}{decimals:0<places$}").parse().ok()?;
    Some(Price { currency, minor })
}

struct Reading<'a> {
    draft: &'a Draft,
    template: &'a TemplatePublished,
    faults: Vec<Fault>,
}

impl Reading<'_> {
    /// What was typed; nothing and a fault where it is none.
    fn number(&mut self, typed: &str, fault: Fault, most: Option<u32>) -> Option<u32> {
        if typed.is_empty() {
            return None;
        }
        let number = typed.parse().ok().filter(|number| (1..=most.unwrap_or(u32::MAX)).contains(number));
        if number.is_none() {
            self.faults.push(fault);
        }
        number
    }

    /// One of those whom the template names, the first where nothing is chosen.
    fn one_of(&mut self, chosen: &str, named: &[Term], fault: Fault) -> Option<Term> {
        let found = named.iter().find(|term| term.as_str() == chosen);
        if found.is_none() && !chosen.is_empty() {
            self.faults.push(fault);
        }
        found.or(named.first()).cloned()
    }

    fn customer(&mut self, ledger: &Ledger, tenant: TenantId) -> Option<SubjectId> {
        let sub = SubjectId::parse(&self.draft.customer).ok();
        let known = sub.filter(|sub| {
            ledger.customer(tenant, sub).is_some_and(|customer| customer.keys.iter().any(|key| !key.ended))
        });
        if known.is_none() {
            self.faults.push(Fault::Customer);
        }
        known
    }

    fn notice(&mut self, notices: &[NoticePublished], now: UnixSeconds) -> NoticeShown {
        let hash = |notice: &NoticePublished| Bytes32::sha256(notice.text.as_bytes());
        let chosen = notices.iter().find(|notice| to_base64url(&hash(notice).0) == self.draft.notice);
        let notice = chosen.or(notices.first());
        if notice.is_none() {
            self.faults.push(Fault::Notice);
        }
        let language = notice.map_or(Language::English, |notice| notice.language);
        NoticeShown { hash: notice.map_or(Bytes32([0; 32]), hash), language, shown_at: now }
    }

    fn terms(&mut self, template: TemplateRef, notice: NoticeShown, now: UnixSeconds) -> Option<Terms> {
        let (draft, bounds) = (self.draft, &self.template.bounds);
        let days = self.number(&draft.days, Fault::Days, Some(bounds.validity_days_max));
        let uses_max = bounds.uses_max.map(UseCap::get);
        let uses = self.number(&draft.uses, Fault::Uses, uses_max).or(uses_max);
        let kept = self.number(&draft.kept, Fault::Kept, bounds.retention_days_max);
        let kept = kept.or(bounds.retention_days_max).and_then(RetentionDays::new);
        let scope = self.scope()?;
        let delete_by = kept.map(|days| Obligation::DeleteBy(DeleteBy { days }));
        let hidden = bounds.fields.iter().filter_map(handled);
        Some(Terms {
            vocabulary: bounds.vocabulary,
            controller: bounds.controllers.first()?.clone(),
            recipient: self.one_of(&draft.recipient, &bounds.recipients, Fault::Recipient)?,
            purpose: self.one_of(&draft.purpose, &bounds.purposes, Fault::Purpose)?,
            scope,
            validity: Validity::new(now, after(now, days.unwrap_or(bounds.validity_days_max)))?,
            limits: Limits { uses: uses.and_then(UseCap::new), retention_days: kept, ..Limits::default() },
            compensation: self.price().map_or(Compensation::None, Compensation::PerUse),
            obligations: List::new(delete_by.into_iter().chain(hidden).collect()).unwrap_or_default(),
            notice,
            template,
            consents: List::default(),
            supersedes: None,
            licence: None,
        })
    }

    fn price(&mut self) -> Option<Price> {
        let least = self.template.bounds.price_min;
        if self.draft.price.is_empty() {
            return least;
        }
        let currency = least.map_or_else(|| Currency::parse("CNY"), |least| Some(least.currency));
        let price = currency.and_then(|currency| amount(&self.draft.price, currency));
        let enough = price.filter(|price| least.is_none_or(|least| price.minor >= least.minor));
        if enough.is_none() {
            self.faults.push(Fault::Price);
        }
        enough.or(least)
    }

    /// All that the template allows, of the days that were typed, less what is left out.
    fn scope(&mut self) -> Option<Scope> {
        let bounds = &self.template.bounds;
        let all: Vec<&Term> = bounds.categories.iter().take(16).collect();
        let period = self.period();
        let left_out = |category: &Term| self.draft.without.iter().any(|value| value == category.as_str());
        let mut kept: Vec<&Term> = all.iter().copied().filter(|category| !left_out(category)).collect();
        let mut exclude = Vec::new();
        let mut is_known = !kept.is_empty();
        for category in &kept {
            let prefix = format!("{category}/");
            let fields = self.draft.without.iter().filter_map(|value| value.strip_prefix(&prefix));
            let fields: Result<std::collections::BTreeSet<Term>, _> = fields.map(Term::parse).collect();
            let fields: Vec<Term> = fields.map_or_else(|_| Vec::new(), |fields| fields.into_iter().collect());
            if let Some(fields) = List::new(fields) {
                exclude.push(clause(category, None, Some(fields)));
            }
        }
        for value in &self.draft.without {
            let category = value.split('/').next().unwrap_or_default();
            is_known &= all.iter().any(|known| known.as_str() == category);
        }
        if !is_known {
            self.faults.push(Fault::Without);
        }
        if kept.is_empty() {
            kept = all;
        }
        let include = kept.iter().map(|category| clause(category, period, None)).collect();
        Some(Scope { include: List::new(include)?, exclude: List::new(exclude)? })
    }

    fn period(&mut self) -> Option<DataPeriod> {
        let Draft { from, to, .. } = self.draft;
        if from.is_empty() && to.is_empty() {
            return None;
        }
        let days = (DataDay::parse(from), DataDay::parse(to));
        let period = match days {
            (Some(from), Some(to)) => DataPeriod::new(from, to),
            _ => None,
        };
        if period.is_none() {
            self.faults.push(Fault::Period);
        }
        period
    }
}

/// Fields that the template does not leave open are asked for as it says.
fn handled(rule: &FieldRule) -> Option<Obligation> {
    let fields = Fields { fields: List::new(vec![rule.field.clone()])? };
    Some(match rule.handling {
        Handling::Mask => Obligation::Mask(fields),
        Handling::AuditOnly => Obligation::AuditOnly(fields),
    })
}

fn clause(category: &Term, period: Option<DataPeriod>, fields: Option<List<Term, 1, 64>>) -> Clause {
    Clause { category: category.clone(), period, fields, filter: List::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let cny = Currency::parse("CNY").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        for (text, currency, minor) in [
            ("0.80", cny, Some(80)),
            ("0.8", cny, Some(80)),
            ("12", cny, Some(1200)),
            ("0.805", cny, None),
            ("-1", cny, None),
            (".5", cny, None),
            ("1,5", cny, None),
            ("99999999999", cny, None),
            ("7", jpy, Some(7)),
            ("7.0", jpy, None),
        ] {
            assert_eq!(amount(text, currency).map(|price| price.minor), minor, "{text}");
        }
        for (currency, minor, text) in
            [(cny, 80, "0.80"), (cny, 5, "0.05"), (cny, 1234, "12.34"), (jpy, 7, "7")]
        {
            assert_eq!(typed(Price { currency, minor }), text);
            assert_eq!(amount(text, currency).map(|price| price.minor), Some(minor));
        }
    }
}
