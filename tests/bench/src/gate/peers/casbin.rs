//! casbin: a row for each recipient, and one matcher. A row for each grant would cost as many matches as there are
//! grants, so the customer's grant is looked up outside and handed in with the request.

use std::collections::HashMap;

use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};

use super::Ask;
use crate::Failure;
use crate::gate::questions::granted_terms::{CATEGORY, EXCLUDED, PERIOD, PURPOSE};
use crate::gate::questions::{Question, RECIPIENTS, customer, recipient};

const MODEL: &str = r"
[request_definition]
r = recipient, action, purpose, category, field, other, day, granted, category_granted, excluded, begins, ends

[policy_definition]
p = recipient, action, purpose

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.recipient == p.recipient && r.action == p.action && r.purpose == p.purpose && r.recipient == r.granted && r.category == r.category_granted && r.field != r.excluded && r.other != r.excluded && r.day >= r.begins && r.day <= r.ends
";

/// What a customer has granted.
struct Granted {
    recipient: String,
    category: &'static str,
    excluded: &'static str,
    period: (&'static str, &'static str),
}

pub(super) fn ask(customers: usize, questions: &[Question]) -> Result<Ask<'static>, Failure> {
    let rows =
        (0..RECIPIENTS).map(|number| vec![recipient(number), "profile".to_owned(), PURPOSE.to_owned()]);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        enforcer.add_policies(rows.collect()).await?;
        Ok::<_, casbin::Error>(enforcer)
    })?;
    let granted = |number| Granted {
        recipient: recipient(number),
        category: CATEGORY,
        excluded: EXCLUDED,
        period: PERIOD,
    };
    let grants: HashMap<String, Granted> =
        (0..customers).map(|number| (customer(number), granted(number))).collect();
    let questions = questions.to_vec();
    Ok(Box::new(move |at| {
        let Some(question) = questions.get(at) else { return false };
        let Some(granted) = grants.get(&question.customer) else { return false };
        let (recipient, [field, other], day) = (question.recipient.as_str(), question.fields, question.day);
        let (begins, ends) = granted.period;
        let request = (
            recipient,
            "profile",
            PURPOSE,
            CATEGORY,
            field,
            other,
            day,
            granted.recipient.as_str(),
            granted.category,
            granted.excluded,
            begins,
            ends,
        );
        enforcer.enforce(request).unwrap_or(false)
    }))
}
