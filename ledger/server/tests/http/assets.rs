//! Data assets over HTTP: issued, listed, licensed through the ledger's own gate, sold; and what is refused.

use grantbook_record::Kind;
use grantbook_record::event::{AssetTransferred, Owner};
use serde_json::{Value, json};

use crate::book::{Book, asset_event, evaluation, facts};
use crate::client::Call;

#[tokio::test]
async fn an_asset_is_issued_licensed_used_and_sold() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let (grant, asset) = book.asset(&customer, &published).await;
    let shown = book.get(&format!("/v1/assets/{asset}")).await.expect(200).json();
    assert_eq!((&shown["owner"], &shown["licensable"]), (&json!("customer"), &json!(true)));
    assert_eq!((&shown["derived_from"], &shown["sub"]), (&json!([grant]), &json!("cs-00004")));
    // used only under a licence
    let mut ask = evaluation(&facts("cs-00004", 2), "use-1");
    ask["resource"]["properties"]["rows"] = json!({"asset": asset});
    let answer = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!((&answer["decision"], &answer["context"]["reason"]), (&json!(false), &json!("no_grant")));
    let licence = |minor: u32| {
        let mut terms = serde_json::to_value(published.terms(&json!({}))).unwrap();
        terms["licence"] = json!({"asset": asset, "ends_with": [grant]});
        terms["compensation"] = json!({"per_use": {"currency": "CNY", "minor": minor}});
        terms["validity"]["end"] = json!(shown["terms"]["licence"]["until"].as_u64().unwrap() - 60);
        book.grant_event(&customer, serde_json::from_value(terms).unwrap())
    };
    let size = book.size_root();
    let refused = book.append(licence(119)).await.expect(422);
    assert_eq!(refused.slug(), "refused");
    assert!(refused.text().contains("price outside the asset's terms"), "{}", refused.text());
    assert_eq!(book.size_root(), size, "nothing was appended");
    book.append(licence(120)).await.expect(201);
    let answer = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(answer["decision"], json!(true), "{answer}");
    let uses = book.get("/v1/uses").await.expect(200).json();
    assert_eq!(uses["uses"].as_array().unwrap().len(), 2);
    // sold, by both
    let transfer = |to, signers: &[&_]| {
        let event = AssetTransferred { sub: customer.sub.clone(), asset, to };
        book.envelope(Kind::AssetTransferred, event, signers)
    };
    let both = [&customer.signer, &book.sandbox.enterprise];
    let alone = book.append(transfer(Owner::Enterprise, &both[1..])).await.expect(403);
    assert_eq!(alone.slug(), "bad-signature");
    assert_eq!(book.append(transfer(Owner::Customer, &both)).await.expect(422).slug(), "refused");
    book.append(transfer(Owner::Enterprise, &both)).await.expect(201);
    let shown = book.get(&format!("/v1/assets/{asset}")).await.expect(200).json();
    let owners: Vec<&Value> = shown["owners"].as_array().unwrap().iter().map(|one| &one["owner"]).collect();
    assert_eq!(
        (owners, &shown["owner"]),
        (vec![&json!("customer"), &json!("enterprise")], &json!("enterprise"))
    );
}

#[tokio::test]
async fn assets_are_listed_in_pages_and_to_their_tenant_alone() {
    let book = Book::open().await;
    let published = book.publish().await;
    let mut ids = Vec::new();
    for (seed, sub) in (1..).zip(["cs-1", "cs-2"]) {
        let customer = book.customer(sub, seed).await;
        let (grant, first) = book.asset(&customer, &published).await;
        let another = asset_event(&customer, grant, &json!({"owner": "enterprise", "terms": {}}));
        let another = book.envelope(Kind::AssetIssued, another, &[&book.sandbox.enterprise]);
        book.append(another).await.expect(201);
        ids.push(first.to_string());
    }
    let listed = async |query: &str| {
        let page = book.get(&format!("/v1/assets?{query}")).await.expect(200).json();
        let subs =
            page["assets"].as_array().unwrap().iter().map(|one| one["sub"].as_str().unwrap().to_owned());
        (subs.collect::<Vec<_>>(), page["next"].as_str().map(str::to_owned))
    };
    for of in ["", "&sub=cs-1"] {
        let wanted: &[&str] =
            if of.is_empty() { &["cs-1", "cs-1", "cs-2", "cs-2"] } else { &["cs-1", "cs-1"] };
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (subs, next) = listed(&format!("limit=1{of}{cursor}")).await;
            assert!(subs.len() <= 1);
            seen.extend(subs);
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, wanted, "{of}");
    }
    assert_eq!(listed("sub=cs-3").await, (Vec::new(), None));
    for bad in ["limit=0", "cursor=01", "sub=Zhang%20San"] {
        assert_eq!(book.get(&format!("/v1/assets?{bad}")).await.expect(400).slug(), "malformed-request");
    }
    for path in ["x".to_owned(), crate::book::jti().to_string()] {
        assert_eq!(book.get(&format!("/v1/assets/{path}")).await.expect(404).slug(), "not-found");
    }
    let stranger = |path: String| book.send(Call::get(path).token(&book.stranger_token));
    assert_eq!(stranger("/v1/assets".to_owned()).await.expect(200).json(), json!({"assets": []}));
    assert_eq!(stranger("/v1/assets?sub=cs-1".to_owned()).await.expect(200).json(), json!({"assets": []}));
    stranger(format!("/v1/assets/{}", ids[0])).await.expect(404);
}
