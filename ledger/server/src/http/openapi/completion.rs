//! What the document says of all operations alike, and how the answers of some lead to others.

use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// From which answer the parameter of which operation can be taken.
struct Lead {
    from: &'static str,
    status: &'static str,
    to: &'static str,
    parameter: &'static str,
    /// An OpenAPI runtime expression.
    taken: &'static str,
}

const fn lead(
    [from, status]: [&'static str; 2],
    [to, parameter]: [&'static str; 2],
    taken: &'static str,
) -> Lead {
    Lead { from, status, to, parameter, taken }
}

const LEADS: &[Lead] = &[
    lead(["list_grants", "200"], ["get_grant", "jti"], "$response.body#/grants/0/grant"),
    lead(["list_grants", "200"], ["get_receipt", "leaf_index"], "$response.body#/grants/0/leaf_index"),
    lead(["list_grants", "200"], ["get_state_proof", "sub"], "$response.body#/grants/0/sub"),
    lead(["list_assets", "200"], ["get_asset", "jti"], "$response.body#/assets/0/asset"),
    lead(["create_token", "201"], ["revoke_token", "id"], "$response.body#/token/id"),
    lead(["erase", "202"], ["get_erasure", "id"], "$response.body#/erasure"),
    lead(["erase", "202"], ["purged", "id"], "$response.body#/erasure"),
    lead(["erase", "200"], ["get_erasure", "id"], "$response.body#/erasure"),
    lead(["register_gate", "204"], ["get_gate", "gate"], "$request.path.gate"),
];

/// The API answers another content type than JSON as it answers other malformed requests.
const AUTHZEN: &str = "authzen";

pub(super) fn complete(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let id = operation.operation_id.clone().unwrap_or_default();
        let has_body = operation.request_body.is_some();
        let is_tenants = operation.security.is_some();
        let is_authzen = operation.tags.iter().flatten().any(|tag| tag == AUTHZEN);
        let responses = &mut operation.responses.responses;
        let mut every = |status: &str, says: &str| {
            responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(says)));
        };
        if has_body {
            every("413", "too-large");
            if !is_authzen {
                every("415", "unsupported-content-type");
            }
        }
        if is_tenants {
            every("429", "tenant-limit");
        }
        every("503", "busy, deadline, stopped");
        for Lead { status, to, parameter, taken, .. } in LEADS.iter().filter(|lead| lead.from == id) {
            if let Some(RefOr::T(response)) = responses.get_mut(*status) {
                let link = Link::builder().operation_id(*to).parameter(*parameter, *taken).build();
                response.links.insert((*to).to_owned(), RefOr::T(link));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().filter_map(Option::as_mut)
}

fn problem(says: &str) -> Response {
    let details = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDetails"))).build();
    ResponseBuilder::new().description(says).content("application/problem+json", details).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lead_is_between_operations_that_are_there() {
        let document = serde_json::to_value(super::super::document()).unwrap();
        let operations = || {
            let items = document["paths"].as_object().unwrap().values();
            items.flat_map(|item| item.as_object().unwrap().values())
        };
        let named = |id: &str| operations().find(|operation| operation["operationId"] == *id).unwrap();
        for Lead { from, status, to, parameter, taken } in LEADS {
            let link = &named(from)["responses"][status]["links"][to];
            assert_eq!(link["parameters"][parameter], *taken, "{from} to {to}");
            let parameters = named(to)["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|known| known["name"] == *parameter), "{to} has no {parameter}");
        }
    }
}
