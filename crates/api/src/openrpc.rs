//! The OpenRPC document (1.3.2), written from the table of methods.

use serde_json::{Map, Value, json};

use crate::codes::Code;
use crate::methods::{Method, NOTICE, Need, SUBSCRIBE, table};
use crate::params::Field;

/// The whole document.
pub(crate) fn document() -> Value {
    let methods: Vec<_> = table().map(method).collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "simrelay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "An SMS gateway for a pool of modems.",
        },
        "methods": methods,
        "components": {"schemas": schemas(), "errors": common_errors()},
    })
}

fn method(method: &Method) -> Value {
    let errors: Vec<_> = method.errors.iter().map(|code| error(code)).collect();
    let mut described = json!({
        "name": method.name,
        "summary": method.about,
        "description": need(method.need),
        "paramStructure": "by-name",
        "params": method.fields.iter().map(param).collect::<Vec<_>>(),
        "result": {"name": "result", "schema": reference(method.result)},
        "errors": errors,
        "examples": [{"name": "a call", "params": example(method)}],
    });
    if method.name == SUBSCRIBE {
        described["x-notification"] = json!({"method": NOTICE, "result": reference("Inbound")});
    }
    described
}

fn param(field: &Field) -> Value {
    json!({
        "name": field.name,
        "description": field.about,
        "required": field.required,
        "schema": field.kind.schema(),
    })
}

fn example(method: &Method) -> Vec<Value> {
    let params: Map<String, Value> = serde_json::from_str(method.example).unwrap_or_default();
    let named = params
        .into_iter()
        .map(|(name, value)| json!({"name": name, "value": value}));
    named.collect()
}

fn need(need: Need) -> String {
    match need {
        Need::Nothing => "Needs no token.".into(),
        Need::Token => "Needs a token.".into(),
        Need::Scope(scope) => format!("Needs the scope `{scope}`."),
    }
}

fn error(code: &Code) -> Value {
    json!({
        "code": code.number,
        "message": code.about,
        "data": {"reason": code.word, "retryable": code.retryable},
    })
}

/// The errors that any call can end with.
fn common_errors() -> Map<String, Value> {
    let of_methods = |code: &&&Code| !table().any(|method| method.errors.contains(*code));
    Code::ALL
        .iter()
        .filter(of_methods)
        .map(|code| (code.number.to_string(), error(code)))
        .collect()
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn schemas() -> Value {
    serde_json::from_str(include_str!("schemas.json")).expect("the shipped schemas are JSON, which a test holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` within a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                let own = members.get("$ref").and_then(Value::as_str);
                found.extend(own.map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in &found {
            let path = reference.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(path).is_some(), "{reference}");
        }
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for name in schemas.keys() {
            let used = found.iter().any(|reference| reference.ends_with(&format!("/{name}")));
            assert!(used, "{name} is used nowhere");
        }
    }

    #[test]
    fn every_method_and_every_code_stands_in_the_document() {
        let document = document();
        let methods = document["methods"].as_array().expect("methods");
        assert_eq!(methods.len(), table().count());
        let text = document.to_string();
        assert!(Code::ALL.iter().all(|code| text.contains(&code.number.to_string())));
        assert!(
            methods
                .iter()
                .all(|method| method["params"].is_array() && method["result"]["schema"].is_object())
        );
    }
}
