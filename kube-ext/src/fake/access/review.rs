//! Reviews: what may I do, and who am I?
use http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    super::{
        body::{self, Body},
        kinds::Kind,
        server::Call,
        status::{Cause, Failure},
        user::ADMIN,
        write,
    },
    Attributes, Rule, protobuf,
    rule::{everybody, group},
    service_account,
};

/// Whether objects of a kind are questions, which are answered and not kept.
pub(crate) fn reviews(kind: &Kind) -> bool {
    ["authentication.k8s.io", "authorization.k8s.io"].contains(&kind.group.as_str())
}

/// Answers a `SelfSubjectAccessReview`, a `SelfSubjectRulesReview` and a `SelfSubjectReview`. The other reviews are not
/// there.
///
/// `status.reason` of a user's own rights names a role and a binding like the user, since rules here have no others.
/// `metadata.managedFields`, which the API server adds to the first, is not there, and what comes in protobuf is answered in
/// JSON.
pub(crate) fn review(call: &Call) -> Result<Response<Body>, Failure> {
    let kind = call.kind()?;
    let review = match kind.plural.as_str() {
        "selfsubjectaccessreviews" => access(call, &sent(call, kind)?)?,
        "selfsubjectrulesreviews" => rules(call, &sent(call, kind)?)?,
        "selfsubjectreviews" => {
            sent(call, kind)?;
            subject(call)
        }
        _ => return Err(Failure::no_such_path()),
    };
    Ok(body::json(StatusCode::CREATED, &kind.typed(review)))
}

fn sent(call: &Call, kind: &Kind) -> Result<Value, Failure> {
    let media_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type != Some(protobuf::MEDIA_TYPE) {
        return write::sent(call, kind);
    }
    let review = protobuf::review(&call.body).filter(|review| {
        review.get("kind").and_then(Value::as_str) == Some(kind.kind.as_str())
            && review.get("apiVersion").and_then(Value::as_str) == Some(kind.api_version().as_str())
    });
    review.ok_or_else(|| {
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): no such object in protobuf",
            kind.kind
        ))
    })
}

fn access(call: &Call, review: &Value) -> Result<Value, Failure> {
    let invalid = |field: &str, value: &str, why: &str| {
        let message = format!("Invalid value: {value}: {why}");
        let cause = Cause { reason: "FieldValueInvalid", message, field: field.to_owned() };
        Failure::invalid(&call.info.group, "", "", vec![cause])
    };
    let metadata = review.get("metadata").and_then(Value::as_object).into_iter().flatten();
    if metadata.into_iter().any(|(field, value)| field != "managedFields" && !value.is_null()) {
        return Err(invalid("metadata", "{}", "must be empty"));
    }
    let attributes = |pointer| review.pointer(pointer).and_then(Value::as_object);
    let resource = attributes("/spec/resourceAttributes");
    let path = attributes("/spec/nonResourceAttributes");
    let asked = match (resource, path) {
        (Some(resource), None) => about_resource(resource),
        (None, Some(path)) => {
            Attributes { verb: text(path, "verb"), path: Some(text(path, "path")), ..Attributes::default() }
        }
        (None, None) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(invalid("spec.resourceAttributes", "null", why));
        }
        (Some(_), Some(path)) => {
            // Its fields as Go has them.
            let value = json!({"Path": text(path, "path"), "Verb": text(path, "verb")}).to_string();
            let why = "cannot be specified in combination with resourceAttributes";
            return Err(invalid("spec.nonResourceAttributes", &value, why));
        }
    };
    let status = match call.shared.access.allows(&call.user, &asked) {
        None => json!({"allowed": false}),
        Some(reason) if reason.is_empty() => json!({"allowed": true}),
        Some(reason) => json!({"allowed": true, "reason": reason}),
    };
    let spec = review.get("spec").cloned().unwrap_or_default();
    Ok(json!({"metadata": {}, "spec": spec, "status": status}))
}

fn about_resource(attributes: &Map<String, Value>) -> Attributes<'_> {
    let text = |field| text(attributes, field);
    Attributes {
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        path: None,
    }
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn rules(call: &Call, review: &Value) -> Result<Value, Failure> {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let mut rules: Vec<_> = everybody().into_iter().map(|(_, rule)| rule).collect();
    if call.user == ADMIN {
        rules.push(Rule::everything());
    } else {
        rules.extend(call.shared.access.rules(&call.user));
    }
    rules.retain(|rule| rule.is_bound_in(namespace));
    let resources: Vec<_> = rules.iter().flat_map(resource_rules).collect();
    let paths = rules.iter().filter(|rule| !rule.paths.is_empty() && !rule.is_namespaced());
    let paths: Vec<_> =
        paths.map(|rule| json!({"verbs": rule.verbs, "nonResourceURLs": rule.paths})).collect();
    let status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    Ok(json!({"metadata": {}, "spec": {}, "status": status}))
}

/// A rule of RBAC names groups and resources apart: one for each group.
fn resource_rules(rule: &Rule) -> Vec<Value> {
    let mut groups: Vec<&str> = Vec::new();
    for resource in &rule.resources {
        if !groups.contains(&group(resource)) {
            groups.push(group(resource));
        }
    }
    let of_group = |name: &str| {
        let resources = rule.resources.iter().filter(|resource| group(resource) == name);
        let resources: Vec<_> = resources
            .map(|resource| match &resource.subresource {
                Some(subresource) => format!("{}/{subresource}", resource.resource),
                None => resource.resource.clone(),
            })
            .collect();
        let mut entry = json!({"verbs": rule.verbs, "apiGroups": [name], "resources": resources});
        if let (false, Some(entry)) = (rule.names.is_empty(), entry.as_object_mut()) {
            entry.insert("resourceNames".to_owned(), rule.names.clone().into());
        }
        entry
    };
    groups.into_iter().map(of_group).collect()
}

fn subject(call: &Call) -> Value {
    let mut groups = Vec::new();
    if call.user == ADMIN {
        groups.push("system:masters".to_owned());
    }
    if let Some((namespace, _)) = service_account(&call.user) {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    groups.push("system:authenticated".to_owned());
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "metadata": {"creationTimestamp": now},
        "status": {"userInfo": {"username": call.user, "groups": groups}},
    })
}
