//! The gate before a read of a customer's data.
//!
//! `GRANTBOOK_TOKEN=gbk_… cargo run -p grantbook-sdk --example gate -- http://127.0.0.1:8080 <tenant> vkey.txt <customer>`
//!
//! `vkey.txt` is the text of `/log/vkey`, got once and by a way that is trusted.

use grantbook_sdk::{Gate, GateConfig, LogKeys, TenantId, Token, UseFacts};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, tenant, vkey, customer] = arguments.as_slice() else {
        return Err("expected server, tenant, file of the log's keys and customer".into());
    };
    let log_keys = LogKeys::parse(&std::fs::read_to_string(vkey)?)?;
    let token = Token::new(std::env::var("GRANTBOOK_TOKEN")?);
    let gate = Gate::connect(GateConfig::new(server, token, TenantId::parse(tenant)?, log_keys)).await?;

    let facts: UseFacts = serde_json::from_value(json!({
        "data_subject": customer,
        "requester": "pricing-service",
        "recipient": "acme-insurance",
        "purpose": "insurance-underwriting",
        "action": "read",
        "categories": ["fast-charging"],
        "fields": ["date", "energy_kwh"],
        "data_period": {"from": "2025-07-01", "to": "2025-09-30"},
    }))?;
    match gate.check(&facts).await {
        Ok(permit) => {
            println!("permitted under {}", permit.grant());
            println!("obligations: {:?}", permit.obligations());
            // read the data here, while permit.is_live(); then say that it was used, and keep the receipt
            let used = permit.commit();
            println!("{}", String::from_utf8_lossy(&gate.receipt(&used).await?.to_json()));
        }
        Err(denial) => println!("denied ({}): {}; {}", denial.reason, denial.what(), denial.remedy()),
    }
    Ok(())
}
