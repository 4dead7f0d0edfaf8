//! Users and what they may do.
use k8s_openapi::api::{
    authorization::v1::SelfSubjectRulesReview,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api, Client, Config,
    api::{ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use kube_ext::fake::{FakeCluster, Rule};
use serde_json::{Value, json};

use crate::client::{address, cluster, config_map};

#[tokio::test]
async fn users_have_their_rights() {
    let cluster = FakeCluster::builder()
        .user("reader", [Rule::verbs(["get", "list"]).resources(["configmaps"]).namespace("default")])
        .start()
        .await
        .unwrap();
    cluster.apply(&config_map("one")).unwrap();
    let of = |user: &str| cluster.client_as(user).unwrap();
    let in_default: Api<ConfigMap> = Api::namespaced(of("reader"), "default");
    assert_eq!(in_default.list(&ListParams::default()).await.unwrap().items.len(), 1);
    in_default.get("one").await.unwrap();
    let refused = |error: kube::Error| match error {
        kube::Error::Api(status) if status.code == 403 => status.message,
        error => panic!("{error}"),
    };
    let error = in_default.create(&PostParams::default(), &config_map("two")).await.unwrap_err();
    let expected = r#"configmaps is forbidden: User "reader" cannot create resource "configmaps" in API group "" in the namespace "default""#;
    assert_eq!(refused(error), expected);
    let all: Api<ConfigMap> = Api::all(of("reader"));
    let error = all.list(&ListParams::default()).await.unwrap_err();
    assert!(refused(error).ends_with("at the cluster scope"));

    // From the next request on.
    cluster.allow("reader", [Rule::verbs(["list"]).resources(["configmaps"])]);
    all.list(&ListParams::default()).await.unwrap();
    cluster.set_rules("reader", []);
    in_default.get("one").await.unwrap_err();
    of("reader").apiserver_version().await.unwrap();

    // Nobody has heard of this one.
    let account: Api<ConfigMap> = Api::all(of("system:serviceaccount:ns:a/b c"));
    let error = account.list(&ListParams::default()).await.unwrap_err();
    assert!(refused(error).contains(r#"User "system:serviceaccount:ns:a/b c" cannot list"#));
}

#[tokio::test]
async fn kubeconfig_has_a_context_for_each_user() {
    let builder = FakeCluster::builder().user("jane@example.com", []).user("arn:aws:iam::1:user/x", []);
    let cluster = builder.start().await.unwrap();
    for user in ["kubernetes-admin", "jane@example.com", "arn:aws:iam::1:user/x"] {
        let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("web")).unwrap();
        assert_eq!(kubeconfig.current_context.as_deref(), Some("kubernetes-admin"));
        let options = KubeConfigOptions { context: Some(user.to_owned()), ..Default::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        assert_eq!(config.default_namespace, "web");
        Client::try_from(config).unwrap().apiserver_version().await.unwrap();
        assert_eq!(cluster.requests().last().unwrap().user, user);
    }
}

#[tokio::test]
async fn users_act_as_others() {
    let cluster = cluster().await;
    let as_jane = |user: Option<&str>| {
        let mut config = Config::new(match user {
            Some(user) => format!("http://{}/as/{user}", address(&cluster)).parse().unwrap(),
            None => format!("http://{}", address(&cluster)).parse().unwrap(),
        });
        config.auth_info.impersonate = Some("jane".to_owned());
        Client::try_from(config).unwrap()
    };
    let pods: Api<Pod> = Api::all(as_jane(None));
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(error.to_string().contains(r#"User "jane" cannot list"#), "{error}");
    let pods: Api<Pod> = Api::all(as_jane(Some("joe")));
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(error.to_string().contains(r#"User "joe" cannot impersonate-on:user-info:list"#), "{error}");
}

async fn review(client: Client, url: &str, spec: Value) -> Result<Value, kube::Error> {
    let request = http::Request::post(url).header("content-type", "application/json");
    client.request(request.body(serde_json::to_vec(&json!({"spec": spec})).unwrap()).unwrap()).await
}

/// The fields are those of a Kubernetes 1.36, so are the reasons of everybody's rights.
#[tokio::test]
async fn reviews() {
    let cluster = FakeCluster::builder()
        .user(
            "jane",
            [
                Rule::verbs(["get"]).resources(["pods", "deployments.apps", "pods/log"]).namespace("web"),
                Rule::verbs(["list"]).resources(["pods"]).names(["x"]),
            ],
        )
        .start()
        .await
        .unwrap();
    let url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = async |user: &str, spec: Value| {
        let client = cluster.client_as(user).unwrap();
        let answer = review(client, url, spec.clone()).await.unwrap();
        assert_eq!((&answer["kind"], &answer["spec"]), (&json!("SelfSubjectAccessReview"), &spec));
        answer["status"].clone()
    };
    let get = |namespace| json!({"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": namespace}});
    assert_eq!(
        ask("jane", get("web")).await,
        json!({"allowed": true, "reason": r#"RBAC: allowed by RoleBinding "jane/web" of Role "jane" to User "jane""#})
    );
    assert_eq!(ask("jane", get("other")).await, json!({"allowed": false}));
    assert_eq!(ask("nobody", get("web")).await, json!({"allowed": false}));
    assert_eq!(ask("kubernetes-admin", get("web")).await, json!({"allowed": true}));
    assert_eq!(
        ask("jane", json!({"nonResourceAttributes": {"verb": "get", "path": "/apis/x"}})).await,
        json!({
            "allowed": true,
            "reason": r#"RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated""#,
        })
    );
    let client = cluster.client_as("jane").unwrap();
    for (spec, message) in [
        (
            json!({}),
            ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            json!({"resourceAttributes": {}, "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}),
            r#".authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/metrics","Verb":"get"}: cannot be specified in combination with resourceAttributes"#,
        ),
    ] {
        match review(client.clone(), url, spec).await.unwrap_err() {
            kube::Error::Api(status) => assert_eq!((status.code, status.message.as_str()), (422, message)),
            error => panic!("{error}"),
        }
    }

    let url = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let answer = review(client.clone(), url, json!({"namespace": "web"})).await.unwrap();
    let rules: SelfSubjectRulesReview = serde_json::from_value(answer).unwrap();
    let status = rules.status.unwrap();
    assert!(!status.incomplete);
    let own = status.resource_rules.iter().filter(|rule| rule.verbs != ["create"]);
    let own: Vec<_> = own.map(|rule| serde_json::to_value(rule).unwrap()).collect();
    assert_eq!(
        own,
        [
            json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"]}),
            json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]}),
            json!({"verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["x"]}),
        ]
    );
    let error = review(client, url, json!({})).await.unwrap_err();
    assert!(error.to_string().contains("no namespace on request"), "{error}");

    let url = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let account = cluster.client_as("system:serviceaccount:ns:name").unwrap();
    let answer = review(account, url, json!({})).await.unwrap();
    let info = json!({
        "username": "system:serviceaccount:ns:name",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
    });
    assert_eq!(answer["status"], json!({"userInfo": info}));
}
