//! The discovery of servers before 1.27: one request for each version of each group (`k8s.io/client-go/discovery`).

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIResource, APIResourceList};
use kube::{
    Client,
    api::ObjectMeta,
    core::discovery::v2::{
        APIGroupDiscovery, APIResourceDiscovery, APISubresourceDiscovery, APIVersionDiscovery,
        GroupVersionKind,
    },
};
use tokio::time::timeout;

/// How long the server of a group may take. kube's client tries again for longer when there is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many versions are asked for at the same time.
const CONCURRENCY: usize = 16;

/// All groups, in the shape of aggregated discovery: the version that the server prefers first. What another server serves that does not answer is
/// stale; the core group is never served by another one.
///
/// # Errors
/// If anything else goes wrong: then nobody knows what there is.
pub(super) async fn discover(client: &Client) -> kube::Result<Vec<APIGroupDiscovery>> {
    let (core, groups) = future::try_join(client.list_core_api_versions(), client.list_api_groups()).await?;
    let core = (String::new(), core.versions);
    let groups = [core].into_iter().chain(groups.groups.into_iter().map(versions_of));
    let groups = stream::iter(groups).map(|(name, versions)| group(client, name, versions));
    groups.buffered(CONCURRENCY).try_collect().await
}

/// The name of a group and its versions, the preferred one first.
fn versions_of(group: APIGroup) -> (String, Vec<String>) {
    let preferred = group.preferred_version.map(|it| it.version).unwrap_or_default();
    let mut versions: Vec<_> = group.versions.into_iter().map(|it| it.version).collect();
    versions.sort_by_key(|version| *version != preferred);
    (group.name, versions)
}

async fn group(client: &Client, name: String, names: Vec<String>) -> kube::Result<APIGroupDiscovery> {
    let mut versions = Vec::new();
    for version in names {
        let found = if name.is_empty() {
            Some(client.list_core_api_resources(&version).await?)
        } else {
            let path = format!("{name}/{version}");
            match timeout(PATIENCE, client.list_api_group_resources(&path)).await {
                Ok(Ok(found)) => Some(found),
                Ok(Err(error)) if !is_of_other_server(&error) => return Err(error),
                Ok(Err(_)) | Err(_) => None,
            }
        };
        versions.push(APIVersionDiscovery {
            version: Some(version),
            freshness: found.is_none().then(|| "Stale".to_owned()),
            resources: found.map(resources).unwrap_or_default(),
        });
    }
    Ok(APIGroupDiscovery {
        metadata: Some(ObjectMeta { name: Some(name), ..ObjectMeta::default() }),
        versions,
    })
}

/// What an API server says for one that it passes requests on to (`kube-aggregator/pkg/apiserver/handler_proxy.go`), or that one itself.
fn is_of_other_server(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 403..=405 | 502..=504))
}

fn resources(list: APIResourceList) -> Vec<APIResourceDiscovery> {
    let (below, all): (Vec<_>, Vec<_>) = list.resources.into_iter().partition(|it| it.name.contains('/'));
    let subresources = |plural: &str| {
        let of_it = below.iter().filter_map(|it| it.name.strip_prefix(plural)?.strip_prefix('/'));
        let named =
            |name: &str| APISubresourceDiscovery { subresource: Some(name.to_owned()), ..Default::default() };
        of_it.map(named).collect()
    };
    let resource = |it: APIResource| APIResourceDiscovery {
        subresources: subresources(&it.name),
        resource: Some(it.name),
        // Without a group and a version, it is of those of the list.
        response_kind: Some(GroupVersionKind { group: it.group, version: it.version, kind: Some(it.kind) }),
        scope: it.namespaced.then(|| "Namespaced".to_owned()),
        singular_resource: Some(it.singular_name).filter(|name| !name.is_empty()),
        verbs: it.verbs,
        short_names: it.short_names.unwrap_or_default(),
        categories: it.categories.unwrap_or_default(),
    };
    all.into_iter().map(resource).collect()
}
