//! What says how many pods there are to be, and whom they talk to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde::Deserialize;
use serde_json::Value;

use super::{Found, at, text};
use crate::{labels, owners::relation::Relation};

pub(super) fn autoscaler<'a>(autoscaler: &'a Value, found: &mut Found<'a>) {
    let Some(target) = at(autoscaler, &["spec", "scaleTargetRef"]) else { return };
    let api_version = text(target, &["apiVersion"]).unwrap_or_default();
    let group = match api_version.split_once('/') {
        // A text with two slashes names no group.
        Some((_, version)) if version.contains('/') => return,
        Some((group, _)) => group,
        None => "",
    };
    let (kind, name) = (text(target, &["kind"]), text(target, &["name"]));
    found.add_unknown(Relation::ScaleTarget, group, kind, name);
}

/// No selector is for none.
pub(super) fn budget(budget: &Value, found: &mut Found<'_>) {
    if let Some(selector) = at(budget, &["spec", "selector"]) {
        found.add_pods(Relation::Budget, selector);
    }
}

/// No selector is for all. A server always sends a `spec`; what has none is not whole, and says nothing.
pub(super) fn network_policy(policy: &Value, found: &mut Found<'_>) {
    if let Some(spec) = at(policy, &["spec"]).filter(|spec| spec.is_object()) {
        let all = Value::Object(serde_json::Map::new());
        found.add_pods(Relation::Policy, at(spec, &["podSelector"]).unwrap_or(&all));
    }
}

/// A selector, if it is one to the server: kube would take lists of values that are empty, or that should be, for conditions.
pub(super) fn selector(selector: &Value) -> Option<Selector> {
    let selector = LabelSelector::deserialize(selector).ok()?;
    labels::selector_text(&selector).ok().and_then(|_| Selector::try_from(selector).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;

    use super::{super::tests::said, *};

    const AUTOSCALERS: (&str, &str) = ("autoscaling", "horizontalpodautoscalers");
    const BUDGETS: (&str, &str) = ("policy", "poddisruptionbudgets");
    const POLICIES: (&str, &str) = ("networking.k8s.io", "networkpolicies");

    fn in_shop(kind: (&str, &str), spec: &str) -> Vec<String> {
        said(kind, &format!("{{metadata: {{name: it, namespace: shop}}, spec: {spec}}}"))
    }

    #[test]
    fn autoscalers() {
        let table = [
            ("{apiVersion: apps/v1, kind: Deployment, name: web}", Some("Deployment.apps shop/web")),
            (
                "{apiVersion: v1, kind: ReplicationController, name: web}",
                Some("ReplicationController shop/web"),
            ),
            ("{kind: ReplicationController, name: web}", Some("ReplicationController shop/web")),
            ("{apiVersion: example.com/v1beta1, kind: Farm, name: web}", Some("Farm.example.com shop/web")),
            ("{apiVersion: a/b/c, kind: Farm, name: web}", None),
            ("{apiVersion: apps/v1, kind: Deployment, name: ''}", None),
            ("{apiVersion: apps/v1, kind: '', name: web}", None),
            ("{apiVersion: apps/v1, name: web}", None),
            ("{apiVersion: apps/v1, kind: Deployment, name: 1}", None),
            ("null", None),
            ("[]", None),
        ];
        for (target, expected) in table {
            let expected = Vec::from_iter(expected.map(|target| format!("scale target: {target}")));
            let spec = format!("{{maxReplicas: 3, scaleTargetRef: {target}}}");
            assert_eq!(in_shop(AUTOSCALERS, &spec), expected, "{target}");
        }
    }

    #[test]
    fn budgets() {
        let table = [
            ("{minAvailable: 1, selector: {matchLabels: {app: web}}}", Some("pods app=web")),
            ("{maxUnavailable: 30%, selector: {}}", Some("all pods")),
            ("{selector: {matchLabels: {}, matchExpressions: null}}", Some("all pods")),
            ("{minAvailable: 1, selector: null}", None),
            ("{minAvailable: 1}", None),
            ("{selector: []}", None),
            ("{selector: app=web}", None),
            ("{selector: {matchLabels: {app: 1}}}", None),
            ("null", None),
        ];
        for (spec, expected) in table {
            let expected = Vec::from_iter(expected.map(|pods| format!("budget: {pods}")));
            assert_eq!(in_shop(BUDGETS, spec), expected, "{spec}");
        }
        assert!(said(BUDGETS, "{metadata: {name: it}, spec: {selector: {}}}").is_empty());
    }

    #[test]
    fn network_policies() {
        let table = [
            ("{podSelector: {matchLabels: {app: web}}, ingress: [{from: []}]}", Some("pods app=web")),
            ("{podSelector: {}, policyTypes: [Ingress]}", Some("all pods")),
            ("{podSelector: null, policyTypes: [Ingress]}", Some("all pods")),
            ("{policyTypes: [Ingress, Egress]}", Some("all pods")),
            ("{podSelector: web}", None),
            ("null", None),
            ("[]", None),
        ];
        for (spec, expected) in table {
            let expected = Vec::from_iter(expected.map(|pods| format!("policy: {pods}")));
            assert_eq!(in_shop(POLICIES, spec), expected, "{spec}");
        }
    }

    #[test]
    fn selectors() {
        // What selects, and whether it selects pods with `app: web`, with `app: db`, and with no label.
        let table = [
            ("{}", Some([true, true, true])),
            ("{matchLabels: {app: web}}", Some([true, false, false])),
            ("{matchLabels: {app: web, tier: front}}", Some([false, false, false])),
            ("{matchExpressions: [{key: app, operator: In, values: [web, db]}]}", Some([true, true, false])),
            ("{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", Some([false, true, true])),
            ("{matchExpressions: [{key: app, operator: Exists}]}", Some([true, true, false])),
            (
                "{matchExpressions: [{key: app, operator: DoesNotExist, values: []}]}",
                Some([false, false, true]),
            ),
            (
                "{matchLabels: {app: web}, matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
                Some([false, false, false]),
            ),
            ("{matchExpressions: [{key: app, operator: Like, values: [web]}]}", None),
            ("{matchExpressions: [{key: app, operator: In, values: []}]}", None),
            ("{matchExpressions: [{key: app, operator: In}]}", None),
            ("{matchExpressions: [{key: app, operator: NotIn, values: []}]}", None),
            ("{matchExpressions: [{key: app, operator: Exists, values: [web]}]}", None),
            ("{matchExpressions: [{key: '', operator: Exists}]}", None),
            ("{matchExpressions: [{}]}", None),
            ("{matchExpressions: {key: app, operator: Exists}}", None),
            ("{matchLabels: [app]}", None),
            ("null", None),
        ];
        let labels = |app: &str| BTreeMap::from([("app".to_owned(), app.to_owned())]);
        let pods = [labels("web"), labels("db"), BTreeMap::new()];
        for (text, expected) in table {
            let found = selector(&serde_yaml::from_str(text).unwrap());
            assert_eq!(found.map(|it| pods.each_ref().map(|pod| it.matches(pod))), expected, "{text}");
        }
    }
}
