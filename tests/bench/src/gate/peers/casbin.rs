//! casbin: a row for each rule, and one matcher over them.

use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};

use super::{Ask, recipient};
use crate::Failure;

const MODEL: &str = r#"
[request_definition]
r = recipient, customer, action, purpose, category, from, to

[policy_definition]
p = recipient, customer, action, purpose, category, from, to

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.recipient == p.recipient && r.customer == p.customer && r.action == p.action && r.purpose == p.purpose && r.category == p.category && r.from >= p.from && r.to <= p.to
"#;

pub(super) fn ask(rules: usize) -> Result<Ask, Failure> {
    let rows = (1..=rules)
        .map(|number| {
            let recipient = recipient(number, rules);
            let row = [
                &recipient,
                "cs-1",
                "profile",
                "service-personalisation",
                "purchases",
                "19970101",
                "19970930",
            ];
            row.map(str::to_owned).to_vec()
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        enforcer.add_policies(rows).await?;
        Ok::<_, casbin::Error>(enforcer)
    })?;
    Ok(Box::new(move || {
        let request = (
            "recommender",
            "cs-1",
            "profile",
            "service-personalisation",
            "purchases",
            "19970201",
            "19970201",
        );
        enforcer.enforce(request).unwrap_or(false)
    }))
}
