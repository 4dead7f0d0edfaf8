//! What endpoint slices and ingresses say.

use serde_json::Value;

use super::{Found, Place, Type, at, items, text};
use crate::owners::relation::Relation;

const SERVICE: Type = ("", "Service");

pub(super) fn slice<'a>(slice: &'a Value, found: &mut Found<'a>) {
    let service = text(slice, &["metadata", "labels", "kubernetes.io/service-name"]);
    found.add_here(Relation::Slice, SERVICE, service, false);
    if !found.wants(&[Relation::Endpoint]) {
        return;
    }
    for target in items(slice, &["endpoints"]).filter_map(|endpoint| at(endpoint, &["targetRef"])) {
        let is_pod = text(target, &["kind"]) == Some("Pod")
            && text(target, &["apiVersion"]).is_none_or(|version| version == "v1");
        let namespace = text(target, &["namespace"]).or(found.namespace);
        if let (true, Some(_), Some(name)) = (is_pod, namespace, text(target, &["name"])) {
            let place = Place::new(Relation::Endpoint, ("", "Pod"), namespace, name);
            found.add(Place { uid: text(target, &["uid"]), ..place }, false);
        }
    }
}

pub(super) fn ingress<'a>(ingress: &'a Value, found: &mut Found<'a>) {
    let rules = items(ingress, &["spec", "rules"]);
    let paths = rules.flat_map(|rule| items(rule, &["http", "paths"]));
    let backends = paths.filter_map(|path| at(path, &["backend"]));
    for backend in at(ingress, &["spec", "defaultBackend"]).into_iter().chain(backends) {
        found.add_here(Relation::Backend, SERVICE, text(backend, &["service", "name"]), false);
        if let Some(resource) = at(backend, &["resource"]) {
            let group = text(resource, &["apiGroup"]).unwrap_or_default();
            let (kind, name) = (text(resource, &["kind"]), text(resource, &["name"]));
            found.add_unknown(Relation::Backend, group, kind, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;

    const SLICES: (&str, &str) = ("discovery.k8s.io", "endpointslices");
    const INGRESSES: (&str, &str) = ("networking.k8s.io", "ingresses");

    #[test]
    fn slices() {
        let slice = "
metadata:
  name: web-x7k2p
  namespace: shop
  labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io, kubernetes.io/service-name: web}
addressType: IPv4
endpoints:
- addresses: [10.0.0.2]
  conditions: {ready: true}
  nodeName: worker-1
  targetRef: {kind: Pod, name: web-1, namespace: shop, uid: b805bceb-77b9-42a5-b6ef-a18311c0d500}
- addresses: [10.0.0.1]
  targetRef: {kind: Pod, apiVersion: v1, name: web-0}
- addresses: [10.0.0.3]
  targetRef: {kind: Pod, name: web-0, uid: ''}
- addresses: [10.0.0.4]
  targetRef: {kind: Pod, name: far, namespace: other}
- addresses: [10.0.0.5]
  targetRef: {kind: Node, name: worker-1}
- addresses: [10.0.0.6]
  targetRef: {kind: Pod, apiVersion: example.com/v1, name: another-sort}
- addresses: [10.0.0.7]
- {targetRef: null}
- {targetRef: {kind: Pod}}
- {targetRef: {kind: Pod, name: 1}}
- null
ports: [{name: http, port: 80, protocol: TCP}]
";
        let expected = [
            "slice: Service shop/web",
            "endpoint: Pod other/far",
            "endpoint: Pod shop/web-0",
            "endpoint: Pod shop/web-1 b805bceb-77b9-42a5-b6ef-a18311c0d500",
        ];
        assert_eq!(said(SLICES, slice), expected);
    }

    #[test]
    fn slices_of_nothing() {
        let table = [
            "{metadata: {namespace: shop, labels: {kubernetes.io/service-name: ''}}, endpoints: null}",
            "{metadata: {namespace: shop, labels: {kubernetes.io/service-name: 1}}, endpoints: {}}",
            "{metadata: {namespace: shop, labels: null}, endpoints: []}",
            "{metadata: {labels: {kubernetes.io/service-name: web}}, endpoints: [{targetRef: {kind: Pod, name: a}}]}",
        ];
        for slice in table {
            assert!(said(SLICES, slice).is_empty(), "{slice}");
        }
    }

    #[test]
    fn ingresses() {
        let ingress = "
metadata: {name: shop, namespace: shop}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: fallback, port: {number: 80}}}
  tls: [{hosts: [shop.example.com], secretName: certificate}]
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
      - {path: /api, pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}
      - {path: /img, pathType: Prefix, backend: {resource: {apiGroup: k8s.example.com, kind: Bucket, name: images}}}
      - {path: /core, pathType: Prefix, backend: {resource: {apiGroup: null, kind: ConfigMap, name: page}}}
  - host: other.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}
  - {host: nothing.example.com}
";
        let expected = [
            "backend: ConfigMap shop/page",
            "backend: Service shop/api",
            "backend: Service shop/fallback",
            "backend: Service shop/web",
            "backend: Bucket.k8s.example.com shop/images",
        ];
        assert_eq!(said(INGRESSES, ingress), expected);
    }

    #[test]
    fn ingresses_of_nothing() {
        let table = [
            "{}",
            "{defaultBackend: null, rules: null}",
            "{defaultBackend: {service: {name: ''}}}",
            "{defaultBackend: {service: web, resource: bucket}}",
            "{defaultBackend: {resource: {kind: '', name: images}}}",
            "{defaultBackend: {resource: {kind: Bucket, name: ''}}}",
            "{defaultBackend: {resource: {name: images}}}",
            "{rules: [null, {http: null}, {http: {paths: null}}, {http: {paths: [null, {backend: 1}]}}]}",
            "{rules: {http: {paths: [{backend: {service: {name: web}}}]}}}",
        ];
        for spec in table {
            let said = said(INGRESSES, &format!("{{metadata: {{namespace: shop}}, spec: {spec}}}"));
            assert!(said.is_empty(), "{spec}: {said:?}");
        }
    }
}
